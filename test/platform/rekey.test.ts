import { afterEach, describe, expect, test } from "vitest";
import type { Fault } from "../../local/platform-simulator/faults.ts";
import type { SimulatorOptions } from "../../local/platform-simulator/simulator.ts";
import type { RekeyRequest } from "../../shared/platform/rekey.ts";
import { firstOf } from "./first-of.ts";
import { type OneSandbox, openSandbox } from "./one-sandbox.ts";

let sandbox: OneSandbox;
afterEach(() => sandbox.close());

async function open(options: SimulatorOptions = {}): Promise<OneSandbox> {
  sandbox = await openSandbox(options);
  return sandbox;
}

const old = "urn:imei:old-device-1";
const keyed = { nodeId: "urn:imei:new", idempotencyKey: "ticket" };
const atChange = (fault: Omit<Fault, "operation">): Fault => ({ ...fault, operation: "refreshDeviceKey" });

test("a refresh that goes well is one change and nothing else", async () => {
  const { refresh, calls, history } = await open();
  const before = Date.now();
  const state = await refresh(keyed);
  expect(state).toMatchObject({ timeoutSeconds: 180, replayed: false });
  expect((state.expiresAtMs ?? 0) - before).toBeGreaterThanOrEqual(180_000);
  expect((state.expiresAtMs ?? 0) - Date.now()).toBeLessThanOrEqual(180_000);
  expect(calls()).toBe("1 changes, 0 reads");
  expect(history()).toEqual([{ nodeId: keyed.nodeId, verifyCode: state.verifyCode }]);
});

test("a code that never ends has no end", async () => {
  const { refresh } = await open();
  expect(await refresh({ timeoutSeconds: 0 })).toMatchObject({ timeoutSeconds: 0, expiresAtMs: null });
  expect(await refresh({ timeoutSeconds: 60, verifyCode: "given" })).toMatchObject({
    timeoutSeconds: 60,
    verifyCode: "given",
  });
});

describe("a lost answer", () => {
  test("is asked for again without the nodeId, once reading back has found it", async () => {
    const { refresh, calls, simulator } = await open({ duplicateOwnNodeId: true });
    simulator.faults.add(atChange({ kind: "cut", applied: true }));
    expect(await refresh(keyed)).toMatchObject({ replayed: true, timeoutSeconds: 180 });
    expect(calls()).toBe("2 changes, 1 reads");
  });

  test("is asked for again with the nodeId, when reading back has not found it", async () => {
    const { refresh, calls, simulator, history } = await open();
    simulator.faults.add(atChange({ kind: "cut" }));
    const { replayed, verifyCode } = await refresh(keyed);
    expect(replayed).toBe(false);
    expect(calls()).toBe("2 changes, 1 reads");
    expect(history()).toEqual([{ nodeId: keyed.nodeId, verifyCode }]);
  });

  test("needs no reading back where no nodeId is wanted", async () => {
    const { refresh, calls, simulator } = await open();
    simulator.faults.add(atChange({ kind: "cut", applied: true }));
    expect(await refresh({ verifyCode: "given" })).toMatchObject({ verifyCode: "given", replayed: false });
    expect(calls()).toBe("2 changes, 0 reads");
  });

  test("is asked for again even when it cannot be read back", async () => {
    const { refresh, calls, simulator } = await open();
    simulator.faults.add(atChange({ kind: "cut", applied: true }), { kind: "html", operation: "deviceInfo" });
    expect(await refresh(keyed)).toMatchObject({ replayed: false });
    expect(calls()).toBe("2 changes, 1 reads");
  });

  test("ends as such when the device is gone afterwards", async () => {
    const { refresh, simulator } = await open();
    simulator.faults.add(atChange({ kind: "cut" }), { kind: "code", code: "100418", operation: "deviceInfo" });
    await expect(refresh(keyed)).rejects.toMatchObject({ name: "DeviceNotFoundError", platformCode: "100418" });
  });

  test("is asked for five times at most", async () => {
    const { refresh, calls, simulator } = await open();
    simulator.faults.add(atChange({ kind: "cut", count: 0 }));
    await expect(refresh(keyed)).rejects.toMatchObject({ name: "OutcomeUnknownError", retryable: true });
    expect(calls()).toBe("5 changes, 5 reads");
  });

  test("stays what it is when the platform then throttles: something may have been changed", async () => {
    const { refresh, simulator } = await open();
    simulator.faults.add(atChange({ kind: "cut" }), atChange({ kind: "code", code: "1010009", nth: 2 }));
    await expect(refresh(keyed)).rejects.toMatchObject({ name: "OutcomeUnknownError" });
  });

  test("gives way to what a repeat cannot change", async () => {
    const { refresh, simulator } = await open();
    simulator.faults.add(atChange({ kind: "cut" }), atChange({ kind: "code", code: "100610", nth: 2 }));
    await expect(refresh(keyed)).rejects.toMatchObject({ name: "DeviceNotActiveError" });
  });

  test("without key and code is told, not asked for again, and the error says what would have helped", async () => {
    const { refresh, calls, simulator } = await open();
    await refresh({ deviceId: "device-2" });
    calls();
    simulator.faults.add(atChange({ kind: "empty", applied: true }));
    await expect(refresh({ nodeId: "n" })).rejects.toMatchObject({
      ...{ name: "OutcomeUnknownError", retryable: false },
      advice: expect.stringContaining("Idempotency-Key"),
    });
    expect(calls()).toBe("1 changes, 0 reads");
  });
});

describe("100426, the nodeId is taken", () => {
  test("by the device itself: the code is asked for without the nodeId", async () => {
    const { refresh, calls, simulator } = await open({ duplicateOwnNodeId: true });
    simulator.devices.set("device-1", { nodeId: keyed.nodeId });
    expect(await refresh(keyed)).toMatchObject({ replayed: true });
    expect(calls()).toBe("2 changes, 1 reads");
  });

  test("by another device: refused, and nothing changed", async () => {
    const { refresh, calls, simulator, history } = await open();
    simulator.devices.set("device-2", { nodeId: keyed.nodeId });
    await expect(refresh(keyed)).rejects.toMatchObject({ name: "NodeIdTakenError" });
    expect(calls()).toBe("1 changes, 1 reads");
    expect(history()).toEqual([]);
  });

  test("without a nodeId in the request: refused without reading", async () => {
    const { refresh, calls, simulator } = await open();
    simulator.faults.add(atChange({ kind: "code", code: "100426" }));
    await expect(refresh({ idempotencyKey: "k" })).rejects.toMatchObject({ name: "NodeIdTakenError" });
    expect(calls()).toBe("1 changes, 0 reads");
  });
});

describe("a device that cannot be read back after a lost answer", () => {
  test("and is refused its own nodeId is asked for again, until reading tells whose nodeId it is", async () => {
    const { refresh, calls, simulator } = await open({ duplicateOwnNodeId: true });
    simulator.faults.add(atChange({ kind: "cut", applied: true }), {
      ...{ kind: "html", operation: "deviceInfo", count: 2 },
    });
    expect(await refresh(keyed)).toMatchObject({ replayed: true });
    expect(calls()).toBe("4 changes, 3 reads");
  });

  test("and has come online meanwhile leaves the outcome open: it may have come online with the new code", async () => {
    const { refresh, simulator } = await open();
    simulator.faults.add(atChange({ kind: "cut", applied: true, thenOnline: true }), {
      ...{ kind: "html", operation: "deviceInfo", count: 0 },
    });
    await expect(refresh(keyed)).rejects.toMatchObject({ name: "OutcomeUnknownError", retryable: true });
  });
});

describe("a device that is online with the wanted nodeId", () => {
  const online = { nodeId: keyed.nodeId, status: "ONLINE" } as const;

  test("is done after a lost answer of this request", async () => {
    const { refresh, simulator } = await open();
    simulator.faults.add(atChange({ kind: "cut", applied: true, thenOnline: true }));
    expect(await refresh(keyed)).toMatchObject({ replayed: true, timeoutSeconds: null, expiresAtMs: null });
  });

  test("is done when another nodeId was expected", async () => {
    const { refresh, calls, simulator } = await open();
    simulator.devices.set("device-1", online);
    expect(await refresh({ ...keyed, expectedNodeId: old })).toMatchObject({ replayed: true, expiresAtMs: null });
    expect(calls()).toBe("0 changes, 1 reads");
  });

  test.each<[string, Partial<RekeyRequest>]>([
    ["nothing tells whose work it is", keyed],
    ["the expected nodeId is the wanted one", { ...keyed, expectedNodeId: keyed.nodeId }],
    ["no code can be told", { nodeId: keyed.nodeId, expectedNodeId: old }],
  ])("is refused when %s", async (_, request) => {
    const { refresh, simulator, history } = await open();
    simulator.devices.set("device-1", online);
    await expect(refresh(request)).rejects.toMatchObject({ name: "DeviceOnlineError", retryable: true });
    expect(history()).toEqual([]);
  });

  test("is not done when it is online with another nodeId", async () => {
    const { refresh, simulator } = await open();
    simulator.devices.goOnline("device-1");
    await expect(refresh({ ...keyed, expectedNodeId: old })).rejects.toMatchObject({ name: "DeviceOnlineError" });
  });
});

describe("expectedNodeId", () => {
  test("that holds lets the change through, after one read", async () => {
    const { refresh, calls } = await open();
    expect(await refresh({ ...keyed, expectedNodeId: old })).toMatchObject({ replayed: false });
    expect(calls()).toBe("1 changes, 1 reads");
  });

  test("that neither holds nor is reached refuses without a change", async () => {
    const { refresh, calls } = await open();
    await expect(refresh({ ...keyed, expectedNodeId: "another" })).rejects.toMatchObject({
      name: "NodeIdChangedError",
    });
    expect(calls()).toBe("0 changes, 1 reads");
  });

  test("that is the wanted one too asks for it in so many words, and a platform's refusal of that is worked around", async () => {
    const { refresh, calls, simulator } = await open({ duplicateOwnNodeId: true });
    simulator.devices.set("device-1", { nodeId: keyed.nodeId });
    expect(await refresh({ ...keyed, expectedNodeId: keyed.nodeId })).toMatchObject({ replayed: true });
    expect(calls()).toBe("2 changes, 2 reads");
  });
});

describe("time", () => {
  test("of less than a second begins no change", async () => {
    const { refresh, calls } = await open();
    await expect(refresh(keyed, 999)).rejects.toMatchObject({
      ...{ name: "PlatformUnavailableError", message: "No time was left to begin the change", retryAfterSeconds: 5 },
    });
    expect(calls()).toBe("0 changes, 0 reads");
  });

  test("that runs out while an answer is awaited ends as an unknown outcome, before the deadline", async () => {
    const { refresh, simulator } = await open();
    simulator.faults.add(atChange({ kind: "hang", count: 0 }));
    for (const request of [keyed, { nodeId: "n" }]) {
      const ended = refresh(request, 2_000).catch((error: unknown) => error);
      expect(await firstOf(ended, 2_000)).toMatchObject({ name: "OutcomeUnknownError" });
    }
  });
});

describe("a refused token", () => {
  test("is renewed once, and the change made once", async () => {
    const { refresh, calls, simulator, history } = await open();
    simulator.killToken();
    const { verifyCode } = await refresh(keyed);
    expect(calls()).toBe("2 changes, 0 reads");
    expect(simulator.counters.requests.login).toBe(2);
    expect(history()).toEqual([{ nodeId: keyed.nodeId, verifyCode }]);
  });

  test("of the caller's own is never renewed, and the answer says so", async () => {
    const { refresh, simulator } = await open();
    await expect(refresh({ ...keyed, accessToken: "mine" })).rejects.toMatchObject({
      ...{ name: "AccessTokenRejectedError", status: 401, retryable: false, platformCode: "1010005" },
      message: "The platform refuses the access token that the caller gave",
      advice: "Leave the token out, or take the current one from authenticate.",
    });
    expect(simulator.counters.requests.login).toBe(1);
  });

  test("that stays refused ends after one renewal", async () => {
    const { refresh, simulator } = await open();
    simulator.faults.add(atChange({ kind: "code", code: "1010005", count: 0 }));
    await expect(refresh(keyed)).rejects.toMatchObject({
      name: "AccessTokenRejectedError",
      status: 502,
      retryable: true,
    });
    expect(simulator.counters.requests.login).toBe(2);
  });
});

test("a device of another application is asked for under it, also when it is read back", async () => {
  const { refresh, simulator } = await open();
  const foreign = { deviceId: "device-foreign", ...keyed };
  await expect(refresh(foreign)).rejects.toMatchObject({ name: "ApplicationNotAuthorizedError" });
  simulator.faults.add(atChange({ kind: "cut", applied: true }));
  const { verifyCode } = await refresh({ ...foreign, appId: "other-app" });
  expect(simulator.devices.get("device-foreign")?.verifyCode).toBe(verifyCode);
});

test("the code depends on the owner's application where one is named, and a given code wins", async () => {
  const { refresh } = await open();
  const ours = await refresh(keyed);
  const named = await refresh({ ...keyed, appId: "rekey-app" });
  expect(named.verifyCode).toBe(ours.verifyCode);
  expect((await refresh({ ...keyed, verifyCode: "given" })).verifyCode).toBe("given");
});
