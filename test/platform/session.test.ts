import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { type Clock, systemClock } from "../../shared/runtime/clock.ts";
import { type SecretsEndpoint, startSecretsEndpoint } from "../secrets-endpoint/server.ts";
import { createLogins, type Logins, openSession, secretId, startStore, within } from "./stored-session.ts";

let store: SecretsEndpoint;
let logins: Logins;

beforeEach(async () => {
  store = await startStore();
  logins = createLogins();
});
afterEach(() => store.close());

const sandboxes = (count: number) => Array.from({ length: count }, () => openSession(store, logins));

describe("an empty session", () => {
  test("is filled by one login for twenty sandboxes at once", async () => {
    const tokens = await Promise.all(sandboxes(20).map((session) => session.token(within(15_000))));
    expect(logins.count).toBe(1);
    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set([logins.current]));
  });

  test("is created when the secret itself is missing", async () => {
    await store.close();
    store = await startSecretsEndpoint({ secrets: {} });
    const [token] = await Promise.all(sandboxes(3).map((session) => session.token(within(15_000))));
    expect(token?.accessToken).toBe(logins.current);
    expect(logins.count).toBe(1);
  });

  test.each(["", "not json", "{}", '{"turn":7}', '{"turn":1,"accessToken":5}'])(
    "heals itself when its text is %j",
    async (text) => {
      await openSession(store, logins).token(within(5_000));
      store.store.put(secretId, { text }, randomUUID());
      const tokens = await Promise.all(sandboxes(5).map((session) => session.token(within(15_000))));
      expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set([logins.current]));
      expect(logins.count).toBe(2);
    },
  );
});

describe("a live session", () => {
  test("costs one read a sandbox and nothing afterwards", async () => {
    await openSession(store, logins).token(within(5_000));
    const session = openSession(store, logins);
    const before = store.counters.calls();
    await session.token(within(5_000));
    await session.token(within(5_000));
    expect(store.counters.calls() - before).toBe(1);
    expect(logins.count).toBe(1);
  });

  test("that the platform refuses is renewed once for twenty sandboxes", async () => {
    const sessions = sandboxes(20);
    const old = await Promise.all(sessions.map((session) => session.token(within(15_000))));
    const replaced = await Promise.all(
      sessions.map((session, index) => session.replace(old[index] ?? expect.fail(), within(15_000))),
    );
    expect(logins.count).toBe(2);
    expect(replaced.filter(({ renewed }) => renewed)).toHaveLength(1);
    expect(new Set(replaced.map(({ token }) => token.accessToken))).toEqual(new Set(["token-2"]));
  });

  test("is renewed before its end with the refresh token", async () => {
    let ahead = 0;
    const clock: Clock = { ...systemClock, now: () => Date.now() + ahead };
    const session = openSession(store, logins, clock);
    await session.token(within(15_000));
    ahead = 3_590_000;
    const token = await session.token(within(15_000));
    expect(token.accessToken).toBe("token-2");
    expect(logins.exchanged).toBe(1);
  });

  test("serves on when its early renewal fails", async () => {
    let ahead = 0;
    const clock: Clock = { ...systemClock, now: () => Date.now() + ahead };
    const session = openSession(store, logins, clock);
    await session.token(within(5_000));
    ahead = 3_585_000;
    logins.fail = () => Promise.reject(new RekeyError("PlatformUnavailableError", "Down"));
    expect((await session.token(within(5_000))).accessToken).toBe("token-1");
  });

  test("uses up one version a renewal and none for a failed login", async () => {
    const session = openSession(store, logins);
    let token = await session.token(within(5_000));
    const before = store.counters.versionsWritten();
    token = (await session.replace(token, within(5_000))).token;
    expect(store.counters.versionsWritten() - before).toBe(1);
    logins.fail = () => Promise.reject(new RekeyError("PlatformUnavailableError", "Down"));
    await expect(session.replace(token, within(5_000))).rejects.toThrow("Down");
    expect(store.counters.versionsWritten() - before).toBe(1);
  });
});

describe("a holder", () => {
  test("that failed gives the lease back at once", async () => {
    logins.fail = () => Promise.reject(new RekeyError("PlatformUnavailableError", "Down"));
    await expect(openSession(store, logins).token(within(5_000))).rejects.toThrow("Down");
    logins.fail = undefined;
    const startedAtMs = Date.now();
    await openSession(store, logins).token(within(5_000));
    expect(Date.now() - startedAtMs).toBeLessThan(2_000);
  });

  test("that died is relieved within fifteen seconds, by one of those who wait", async () => {
    const hanging = openSession(store, { logIn: () => new Promise(() => undefined) });
    void hanging.token(within(60_000)).catch(() => undefined);
    await systemClock.sleep(500);
    const startedAtMs = Date.now();
    const tokens = await Promise.all(sandboxes(5).map((session) => session.token(within(15_000))));
    expect(Date.now() - startedAtMs).toBeLessThan(12_000);
    expect(logins.count).toBe(1);
    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(["token-1"]));
  });

  test("that was relieved does not put its token over its successor's", async () => {
    let wake: (() => void) | undefined;
    const slow = openSession(store, {
      logIn: async () => {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        return { accessToken: "late", expiresIn: 3600 };
      },
    });
    const late = slow.token(within(60_000));
    await systemClock.sleep(500);
    await openSession(store, logins).token(within(15_000));
    wake?.();
    expect((await late).accessToken).toBe("token-1");
    expect((await openSession(store, logins).token(within(5_000))).accessToken).toBe("token-1");
  });
});

describe("a renewal that is asked for", () => {
  test("takes a token that another sandbox logged in for after it was asked", async () => {
    const [one, other] = [openSession(store, logins), openSession(store, logins)];
    await one.token(within(5_000));
    store.faults.add({ kind: "latency", operation: "GetSecretValue", milliseconds: 500 });
    const late = other.renew(within(5_000));
    await systemClock.sleep(100);
    const renewed = await one.renew(within(5_000));
    expect(await late).toEqual(renewed);
    expect(logins.count).toBe(2);
  });

  test("logs in although the stored token is a moment old", async () => {
    const session = openSession(store, logins);
    await session.token(within(5_000));
    expect((await session.renew(within(5_000))).accessToken).toBe("token-2");
  });
});

describe("early renewals", () => {
  test("are bounded, and the error names the stranger", async () => {
    const session = openSession(store, logins);
    let token = await session.token(within(5_000));
    for (let round = 0; round < 10; round += 1) token = (await session.replace(token, within(5_000))).token;
    await expect(session.replace(token, within(5_000))).rejects.toMatchObject({
      name: "RenewalLimitedError",
      message: expect.stringContaining("Another system keeps logging in"),
    });
    expect(logins.count).toBe(11);
    expect(session.lines.some((line) => line.includes('"level":"ERROR"'))).toBe(true);
  });

  test("that cannot be published leave this sandbox its own token", async () => {
    const session = openSession(store, logins);
    const token = await session.token(within(5_000));
    store.faults.add({
      kind: "refuse",
      operation: "PutSecretValue",
      type: "LimitExceededException",
      message: "Too many versions",
    });
    const { token: own } = await session.replace(token, within(5_000));
    expect(own.accessToken).toBe("token-2");
    expect((await session.token(within(5_000))).accessToken).toBe("token-2");
  });
});
