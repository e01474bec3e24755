import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Mood } from "../../local/secrets-endpoint/moods.ts";
import { leaseTermMs } from "../../shared/platform/lease.ts";
import { parseSession, requestToken, sessionText } from "../../shared/platform/session-document.ts";
import { errorOf, type Rekey, startRekey } from "./rekey.ts";

let rekey: Rekey;
afterEach(() => rekey.close());

const logins = () => rekey.simulator.counters.requests.login + rekey.simulator.counters.requests.refreshToken;
const refresh = (deviceId: string) => rekey.refresh({ deviceId, nodeId: `new-${deviceId}` });
/** All at one moment, each in a sandbox of its own: a busy machine would start them one after the other. */
async function refreshAll(ids: readonly string[]) {
  await rekey.lambda.provision("refreshDeviceKey", ids.length);
  return Promise.all(ids.map(refresh));
}
const failures = (outcomes: readonly Parameters<typeof errorOf>[0][]) =>
  outcomes.map(errorOf).filter((name) => name !== "ok");

/** The session as another sandbox would have published it an hour ago. */
function endToken(): void {
  const { store } = rekey.secrets;
  const { version } = store.read(rekey.secretIds.sessionSecret);
  const { token, refreshToken, ledger } = parseSession(version.id, version.content.text ?? "", Date.now());
  if (token === undefined || ledger === undefined) throw new Error("There is no session of ours");
  const next = { ...ledger, follows: version.id };
  const issuedAtMs = token.issuedAtMs - 3_600_000;
  const expiresAtMs = token.expiresAtMs - 3_600_000;
  const text = sessionText({ token: { ...token, issuedAtMs, expiresAtMs }, refreshToken, ledger: next });
  store.put(rekey.secretIds.sessionSecret, { text }, requestToken(next));
}

/** What each scenario came to under each mood; printed at the end. */
const table: Record<string, Record<string, string>> = {};
afterAll(() => console.table(table));

/** Notes the logins of one scenario, and how many of its calls failed. */
function tell(scenario: string, mood: Mood, loginsBefore: number, outcomes: readonly Parameters<typeof errorOf>[0][]) {
  const failed = failures(outcomes);
  table[scenario] = { ...table[scenario], [mood]: `${logins() - loginsBefore} logins, ${failed.length} failed` };
  return { logins: logins() - loginsBefore, failed };
}

/**
 * How many logins there may be beside the ones of living holders: one that this machine kept from coming to its end within
 * the lease's term is relieved, as a dead one is. None where all was over sooner.
 */
function reliefs(): number {
  const { log } = rekey.secrets.counters;
  const moves = log.filter(({ operation }) => operation === "UpdateSecretVersionStage");
  const spanMs = (moves.at(-1)?.atMs ?? 0) - (moves[0]?.atMs ?? 0);
  return Math.floor(spanMs / leaseTermMs);
}

/** A store that guards nothing lets some of twenty log in at once; no call may fail for it. */
const moods: readonly (readonly [Mood, number])[] = [
  ["documented", 1],
  ["moto", 1],
  ["lenient", 5],
];

describe.each(moods)("twenty cold sandboxes, each a process of its own, in a store that is %s", (mood, most) => {
  beforeEach(async () => {
    rekey = await startRekey({ latencyMs: 40 }, {}, {}, mood);
  });

  test("succeed on an empty session with one login, and all the same once its token has ended", async () => {
    const ids = rekey.simulator.devices.many(40);
    const storm = tell("empty session", mood, 0, await refreshAll(ids.slice(0, 20)));
    expect(storm.failed).toEqual([]);
    expect(storm.logins).toBeLessThanOrEqual(most + reliefs());
    expect(new Set(rekey.lambda.sandboxes("refreshDeviceKey").map(({ pid }) => pid)).size).toBe(20);
    endToken();
    await rekey.lambda.recycle();
    const before = logins();
    rekey.secrets.counters.log.length = 0;
    const end = tell("token ended", mood, before, await refreshAll(ids.slice(20)));
    expect(end.failed).toEqual([]);
    expect(end.logins).toBeLessThanOrEqual(most + reliefs());
  });

  test("all succeed while the token is killed from outside, with two more logins at most", async () => {
    const ids = rekey.simulator.devices.many(60);
    await refreshAll(ids.slice(0, 20));
    const before = logins();
    const first = refreshAll(ids.slice(20, 40));
    rekey.simulator.killToken();
    const outcomes = [...(await first), ...(await refreshAll(ids.slice(40)))];
    const killed = tell("token killed", mood, before, outcomes);
    expect(killed.failed).toEqual([]);
    expect(killed.logins).toBeLessThanOrEqual(2 * most);
  });

  test("go on within 15 seconds when the holder of the lease is killed with SIGKILL", async () => {
    rekey.simulator.faults.add({ kind: "hang", operation: "login" });
    const [first, ...others] = rekey.simulator.devices.many(6);
    const dying = rekey.refresh({ deviceId: first, nodeId: "n" });
    await expect.poll(() => rekey.simulator.counters.requests.login).toBe(1);
    rekey.lambda.sandboxes("refreshDeviceKey")[0]?.kill();
    expect(errorOf(await dying)).not.toBe("ok");
    const seen = rekey.secrets.counters.log.length;
    const relieved = tell("holder killed", mood, 1, await refreshAll(others));
    expect(relieved.failed).toEqual([]);
    // From the first look of those who come after to the publication: how long a process takes to start is not ours.
    const calls = rekey.secrets.counters.log
      .slice(seen)
      .filter(({ secret }) => secret === rekey.secretIds.sessionSecret);
    const published = calls.findLast(({ operation }) => operation === "PutSecretValue");
    expect((published?.atMs ?? Number.POSITIVE_INFINITY) - (calls[0]?.atMs ?? 0)).toBeLessThan(15_000);
    expect(relieved.logins).toBeLessThanOrEqual(most);
  });

  test("fail no request when the application secret is changed, once the store has it", async () => {
    const ids = rekey.simulator.devices.many(30);
    await refreshAll(ids.slice(0, 10));
    const before = logins();
    rekey.simulator.application.secret = "another+password";
    rekey.changeSecret({ secret: "another+password" });
    rekey.simulator.killToken();
    expect(tell("password changed", mood, before, await refreshAll(ids.slice(10))).failed).toEqual([]);
  });

  test("are served again within 16 seconds of the begin of a conflict of six", async () => {
    await rekey.refresh({ deviceId: "device-1" });
    const before = logins();
    const startedAt = performance.now();
    const elapsed = () => performance.now() - startedAt;
    const stranger = (async () => {
      while (elapsed() < 6_000) {
        rekey.simulator.killToken();
        await delay(100);
      }
    })();
    const outcomes: Awaited<ReturnType<Rekey["refresh"]>>[] = [];
    let servedAfterMs = Number.POSITIVE_INFINITY;
    while (elapsed() < 20_000 && servedAfterMs === Number.POSITIVE_INFINITY) {
      const isOver = elapsed() > 6_000;
      const outcome = await rekey.refresh({ deviceId: "device-1", nodeId: `n${outcomes.length}` });
      outcomes.push(outcome);
      if (isOver && outcome.ok) servedAfterMs = elapsed();
      await delay(200);
    }
    await stranger;
    const conflict = tell("conflict of 6 s", mood, before, outcomes);
    expect(servedAfterMs).toBeLessThan(16_000);
    expect(conflict.logins).toBeLessThanOrEqual(9);
    const known = ["AccessTokenRejectedError", "RenewalLimitedError"];
    expect(conflict.failed.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe("a session", () => {
  beforeEach(async () => {
    rekey = await startRekey({ latencyMs: 40 });
  });

  test("a password that the platform refuses is tried once a sandbox, not once a request", async () => {
    rekey.changeSecret({ secret: "wrong" });
    const outcomes = [];
    for (let round = 0; round < 5; round += 1) outcomes.push(await rekey.refresh({ deviceId: "device-1" }));
    expect(outcomes.map(errorOf)).toEqual(Array.from({ length: 5 }, () => "ConfigurationError"));
    expect(logins()).toBe(1);
  });

  test("in a conflict without end causes a bounded number of logins and an error that says so", async () => {
    const outcomes = [];
    for (let round = 0; round < 14; round += 1) {
      rekey.simulator.killToken();
      outcomes.push(await rekey.refresh({ deviceId: "device-1" }));
    }
    expect(outcomes.slice(0, 5).map(errorOf)).toEqual(["ok", "ok", "ok", "ok", "ok"]);
    const last = outcomes.at(-1);
    expect(last).toMatchObject({ ok: false, error: { errorType: "RenewalLimitedError" } });
    expect(JSON.stringify(last)).toContain("Another system keeps logging in");
    expect(logins()).toBeLessThanOrEqual(9);
    expect(rekey.lambda.lines.some(({ line }) => line.includes("Renewal refused by the allowance"))).toBe(true);
    // The way out: another password, and a login with it, whatever the conflict has used up.
    rekey.simulator.application.secret = "ours+alone";
    rekey.changeSecret({ secret: "ours+alone" });
    expect(errorOf(await rekey.lambda.invoke("authenticate", { renew: true }))).toBe("ok");
    expect(errorOf(await rekey.refresh({ deviceId: "device-1" }))).toBe("ok");
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
});
