import { afterEach, describe, expect, test } from "vitest";
import { isErrorName, traitsOf } from "../../shared/errors.ts";
import { errorOf, type Rekey, resultOf, startRekey } from "./rekey.ts";

let rekey: Rekey;
afterEach(() => rekey.close());

interface Refreshed {
  readonly verifyCode: string;
  readonly replayed: boolean;
  readonly timeout: number | null;
  readonly expiresAt: string | null;
}

const withKey = { deviceId: "device-1", nodeId: "urn:imei:new", idempotencyKey: "ticket-1" };
const history = () => rekey.simulator.devices.get("device-1")?.history ?? [];

/** Asks as a caller does: what may pass, on a busy machine the time of a cold start, is asked for again. */
async function askedUntilAnswered(): Promise<string> {
  for (let left = 5; ; left -= 1) {
    const outcome = await rekey.refresh(withKey);
    const name = errorOf(outcome);
    const mayPass = isErrorName(name) ? traitsOf(name).retryable : name === "Sandbox.Timedout";
    if (!mayPass || left === 0) return resultOf<Refreshed>(outcome).verifyCode;
  }
}

describe.each([{ duplicateOwnNodeId: true }, { duplicateOwnNodeId: false }])("on a platform with %j", (variant) => {
  test.each([
    { kind: "cut", applied: true },
    { kind: "cut", applied: false },
    { kind: "empty", applied: true },
    { kind: "truncated", applied: true },
    { kind: "html", applied: true },
    { kind: "html", applied: false },
    { kind: "garbage", applied: true },
    { kind: "huge", applied: true },
    { kind: "cutAt", bytes: 20, applied: true },
    { kind: "hang", applied: true },
    { kind: "redirect", applied: true },
    { kind: "foreign", applied: true },
    { kind: "foreign", applied: false },
  ] as const)("an answer lost by %j is recovered with a key: one state, one code", async (fault) => {
    rekey = await startRekey(variant);
    await rekey.refresh({ deviceId: "device-2" });
    rekey.simulator.faults.add({ ...fault, operation: "refreshDeviceKey" });
    const result = resultOf<Refreshed>(await rekey.refresh(withKey));
    expect(rekey.simulator.devices.get("device-1")).toMatchObject({
      nodeId: "urn:imei:new",
      verifyCode: result.verifyCode,
    });
    expect(result.replayed).toBe(fault.applied);
    expect(new Set(history().map(({ verifyCode }) => verifyCode))).toEqual(new Set([result.verifyCode]));
  });

  test("a hundred concurrent repeats with one key leave one state and one code", async () => {
    rekey = await startRekey(variant);
    const codes = await Promise.all(Array.from({ length: 100 }, () => askedUntilAnswered()));
    expect(new Set(codes).size).toBe(1);
    expect(new Set(history().map(({ nodeId, verifyCode }) => `${nodeId} ${verifyCode}`)).size).toBe(1);
  });
});

test.each(["cut", "html", "empty", "redirect"] as const)(
  "without key and code an answer lost by %s is told, and nothing sent twice",
  async (kind) => {
    rekey = await startRekey();
    await rekey.refresh({ deviceId: "device-2" });
    await rekey.lambda.recycle();
    rekey.simulator.faults.add({ kind, applied: true, operation: "refreshDeviceKey" });
    const before = rekey.simulator.counters.requests.refreshDeviceKey;
    const answer = await rekey.http("PUT", "/devices/device-1/key", { nodeId: "n" });
    expect([answer.status, answer.json.code, answer.json.retryable]).toEqual([504, "OutcomeUnknownError", false]);
    expect(rekey.simulator.counters.requests.refreshDeviceKey - before).toBe(1);
  },
);

test("a device that came online with the wanted nodeId after a lost answer counts as done", async () => {
  rekey = await startRekey();
  rekey.simulator.faults.add({ kind: "cut", applied: true, thenOnline: true, operation: "refreshDeviceKey" });
  const result = resultOf<Refreshed>(await rekey.refresh(withKey));
  expect(result).toMatchObject({ replayed: true, timeout: null, expiresAt: null });
  expect(rekey.simulator.devices.get("device-1")?.verifyCode).toBe(result.verifyCode);
});

describe("expectedNodeId", () => {
  const old = "urn:imei:old-device-1";

  test("lets a refresh through while the device still has it", async () => {
    rekey = await startRekey();
    expect(errorOf(await rekey.refresh({ ...withKey, expectedNodeId: old }))).toBe("ok");
  });

  test("refuses a late repeat once another hardware is in place, and changes nothing", async () => {
    rekey = await startRekey();
    rekey.simulator.devices.set("device-1", { nodeId: "urn:imei:newer" });
    expect(errorOf(await rekey.refresh({ ...withKey, expectedNodeId: old }))).toBe("NodeIdChangedError");
    expect(history()).toEqual([]);
  });

  test.each([true, false])(
    "brings a repeat the same code (100426 for its own nodeId: %s)",
    async (duplicateOwnNodeId) => {
      rekey = await startRekey({ duplicateOwnNodeId });
      const first = resultOf<Refreshed>(await rekey.refresh({ ...withKey, expectedNodeId: old }));
      const second = resultOf<Refreshed>(await rekey.refresh({ ...withKey, expectedNodeId: old }));
      expect(second.verifyCode).toBe(first.verifyCode);
      expect(second.replayed).toBe(true);
    },
  );

  test("counts a device that is online with the wanted nodeId as done", async () => {
    rekey = await startRekey();
    const first = resultOf<Refreshed>(await rekey.refresh({ ...withKey, expectedNodeId: old }));
    rekey.simulator.devices.goOnline("device-1");
    const repeat = resultOf<Refreshed>(await rekey.refresh({ ...withKey, expectedNodeId: old }));
    expect(repeat).toMatchObject({ verifyCode: first.verifyCode, replayed: true, timeout: null, expiresAt: null });
    expect(errorOf(await rekey.refresh(withKey))).toBe("DeviceOnlineError");
  });
});

test("a nodeId that another device has stays refused", async () => {
  rekey = await startRekey();
  const taken = rekey.simulator.devices.get("device-2")?.nodeId;
  expect(errorOf(await rekey.refresh({ ...withKey, nodeId: taken }))).toBe("NodeIdTakenError");
});

test("an idempotency key needs a codeKey, unless a code is given", async () => {
  rekey = await startRekey({}, { codeKey: undefined });
  expect(errorOf(await rekey.refresh(withKey))).toBe("ConfigurationError");
  expect(resultOf<Refreshed>(await rekey.refresh({ ...withKey, verifyCode: "given" })).verifyCode).toBe("given");
});

test("a timeout of zero never expires, and an absent one is the platform's 180 seconds", async () => {
  rekey = await startRekey();
  expect(resultOf<Refreshed>(await rekey.refresh({ ...withKey, timeout: 0 }))).toMatchObject({
    timeout: 0,
    expiresAt: null,
  });
  const before = Date.now();
  const { timeout, expiresAt } = resultOf<Refreshed>(await rekey.refresh({ deviceId: "device-2" }));
  expect(timeout).toBe(180);
  expect(Math.abs(Date.parse(expiresAt ?? "") - before - 180_000)).toBeLessThan(5_000);
});

test("every log line is JSON with level, message and requestId, a renewal's too", async () => {
  rekey = await startRekey();
  await rekey.refresh(withKey);
  rekey.simulator.killToken();
  await rekey.http("PUT", "/devices/device-1/key", {}, { "X-Request-Id": "ours-1" });
  const lines = rekey.lambda.lines.map(({ line }) => JSON.parse(line));
  for (const line of lines) {
    expect(line).toMatchObject({
      level: expect.any(String),
      message: expect.any(String),
      requestId: expect.any(String),
    });
  }
  const renewals = lines.filter(({ message }) => message === "Access token renewed");
  expect(renewals.map(({ reason }) => reason)).toEqual(["ended", "refused"]);
  expect(renewals[1].requestId).toBe("ours-1");
});

test("no code, token, password or key is in any log line", async () => {
  rekey = await startRekey();
  const { verifyCode } = resultOf<Refreshed>(await rekey.refresh(withKey));
  rekey.simulator.killToken();
  await rekey.refresh(withKey);
  await rekey.http("PUT", "/devices/device-1/key", { nodeId: "x" }, { "X-Platform-Access-Token": "callers-own-token" });
  const text = rekey.lambda.lines.map(({ line }) => line).join("\n");
  expect(text).toContain('"audit":true');
  for (const secret of [verifyCode, rekey.simulator.application.token, "s3cret", "PRIVATE KEY", "callers-own-token"]) {
    expect(text).not.toContain(secret);
  }
});
