import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { errorOf, type Rekey, startRekey } from "./rekey.ts";

let rekey: Rekey;
beforeEach(async () => {
  rekey = await startRekey({ latencyMs: 40 });
});
afterEach(() => rekey.close());

const logins = () => rekey.simulator.counters.requests.login + rekey.simulator.counters.requests.refreshToken;
const refreshAll = (ids: readonly string[]) =>
  Promise.all(ids.map((deviceId) => rekey.refresh({ deviceId, nodeId: `new-${deviceId}` })));

describe("twenty cold sandboxes, each a process of its own", () => {
  test("succeed on an empty session with one login", async () => {
    const outcomes = await refreshAll(rekey.simulator.devices.many(20));
    expect(outcomes.map(errorOf)).toEqual(Array.from({ length: 20 }, () => "ok"));
    expect(new Set(rekey.lambda.sandboxes("refreshDeviceKey").map(({ pid }) => pid)).size).toBe(20);
    expect(logins()).toBe(1);
  });

  test("all succeed while the token is killed from outside, with two more logins at most", async () => {
    const ids = rekey.simulator.devices.many(60);
    await refreshAll(ids.slice(0, 20));
    const before = logins();
    const first = refreshAll(ids.slice(20, 40));
    rekey.simulator.killToken();
    const outcomes = [...(await first), ...(await refreshAll(ids.slice(40)))];
    expect(outcomes.map(errorOf).filter((name) => name !== "ok")).toEqual([]);
    expect(logins() - before).toBeLessThanOrEqual(2);
  });
});

test("when the holder of the lease is killed with SIGKILL, the others go on within 15 seconds", async () => {
  rekey.simulator.faults.add({ kind: "hang", operation: "login" });
  const [first, ...others] = rekey.simulator.devices.many(6);
  const dying = rekey.refresh({ deviceId: first, nodeId: "n" });
  await expect.poll(() => rekey.simulator.counters.requests.login, { timeout: 5_000 }).toBe(1);
  rekey.lambda.sandboxes("refreshDeviceKey")[0]?.kill();
  expect(errorOf(await dying)).not.toBe("ok");
  const startedAt = performance.now();
  const outcomes = await refreshAll(others);
  expect(outcomes.map(errorOf)).toEqual(["ok", "ok", "ok", "ok", "ok"]);
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  expect(logins()).toBe(2);
});

test("a changed application secret fails no request, once the store has it", async () => {
  const ids = rekey.simulator.devices.many(30);
  await refreshAll(ids.slice(0, 10));
  rekey.simulator.application.secret = "another+password";
  rekey.changeSecret({ secret: "another+password" });
  rekey.simulator.killToken();
  const outcomes = await refreshAll(ids.slice(10));
  expect(outcomes.map(errorOf).filter((name) => name !== "ok")).toEqual([]);
});

test("a password that the platform refuses is tried once a sandbox, not once a request", async () => {
  rekey.changeSecret({ secret: "wrong" });
  const outcomes = [];
  for (let round = 0; round < 5; round += 1) outcomes.push(await rekey.refresh({ deviceId: "device-1" }));
  expect(outcomes.map(errorOf)).toEqual(Array.from({ length: 5 }, () => "ConfigurationError"));
  expect(logins()).toBe(1);
});

test("a stranger who keeps logging in causes a bounded number of logins and an error that says so", async () => {
  const outcomes = [];
  for (let round = 0; round < 14; round += 1) {
    rekey.simulator.killToken();
    outcomes.push(await rekey.refresh({ deviceId: "device-1" }));
  }
  expect(outcomes.slice(0, 5).map(errorOf)).toEqual(["ok", "ok", "ok", "ok", "ok"]);
  const last = outcomes.at(-1);
  expect(last).toMatchObject({ ok: false, error: { errorType: "RenewalLimitedError" } });
  expect(JSON.stringify(last)).toContain("Another system keeps logging in");
  expect(logins()).toBeLessThanOrEqual(12);
  expect(rekey.lambda.lines.some(({ line }) => line.includes("Renewal refused by the allowance"))).toBe(true);
});

test("throttling never leads to a login", async () => {
  await rekey.refresh({ deviceId: "device-1" });
  rekey.simulator.faults.add({ kind: "code", code: "1010009", count: 0 });
  expect(errorOf(await rekey.refresh({ deviceId: "device-1" }))).toBe("PlatformThrottledError");
  expect(logins()).toBe(1);
});

describe("counts", () => {
  test("a warm refresh is one platform request, without handshake, secret read or login", async () => {
    await rekey.refresh({ deviceId: "device-1", nodeId: "a" });
    const { counters } = rekey.simulator;
    const before = { total: counters.total, handshakes: counters.handshakes, secrets: rekey.secretCalls() };
    for (const nodeId of ["b", "c", "d"])
      expect(errorOf(await rekey.refresh({ deviceId: "device-1", nodeId }))).toBe("ok");
    expect(counters.total - before.total).toBe(3);
    expect(counters.handshakes).toBe(before.handshakes);
    expect(rekey.secretCalls()).toBe(before.secrets);
    expect(logins()).toBe(1);
  });

  test("a cold one with a live session is two calls to the store and one platform request", async () => {
    await rekey.refresh({ deviceId: "device-1", nodeId: "a" });
    await rekey.lambda.recycle();
    const before = { total: rekey.simulator.counters.total, secrets: rekey.secretCalls() };
    expect(errorOf(await rekey.refresh({ deviceId: "device-1", nodeId: "b" }))).toBe("ok");
    expect(rekey.simulator.counters.total - before.total).toBe(1);
    expect(rekey.secretCalls() - before.secrets).toBe(2);
    expect(logins()).toBe(1);
  });

  test("connections that the platform closed while a sandbox was frozen cost nothing but a handshake", async () => {
    await rekey.refresh({ deviceId: "device-1", nodeId: "a" });
    const sandbox = rekey.lambda.sandboxes("refreshDeviceKey")[0] ?? expect.fail("no sandbox");
    for (let round = 0; round < 5; round += 1) {
      sandbox.freeze();
      rekey.simulator.dropConnections();
      await delay(30);
      sandbox.thaw();
      expect(errorOf(await rekey.refresh({ deviceId: "device-1", nodeId: `n${round}` }))).toBe("ok");
    }
    expect(logins()).toBe(1);
  });
});
