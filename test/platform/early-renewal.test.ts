import { describe, expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { inNewWorlds, type World } from "./stored-session.ts";

let world: World;
inNewWorlds((fresh) => {
  world = fresh;
});

const within = (milliseconds: number) => world.within(milliseconds);

describe("early renewals", () => {
  test("are bounded, and the error names the stranger", async () => {
    const session = world.open();
    let token = await session.token(within(15_000));
    // Each waits as long as the conflict has lasted; the last would have to wait for longer than a caller should.
    for (let round = 0; round < 5; round += 1) token = (await session.replace(token, within(15_000))).token;
    await expect(session.replace(token, within(15_000))).rejects.toMatchObject({
      name: "RenewalLimitedError",
      message: expect.stringContaining("Another system keeps logging in"),
    });
    expect(world.logins.count).toBe(6);
    expect(session.lines.some((line) => line.includes('"level":"ERROR"'))).toBe(true);
  });

  test("that cannot be published leave this sandbox its own token", async () => {
    const session = world.open();
    const token = await session.token(within(5_000));
    world.store.faults.add({
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

describe("early renewal", () => {
  /** A session whose login counts, with a token that is `ageMs` old. */
  async function aged(ageMs: number, random = 0.5) {
    const session = world.open({ random: () => random });
    await session.token(within(15_000));
    await world.time.sleep(ageMs - world.time.elapsedMs + 40);
    return session;
  }

  test.each([
    [0, 120_000],
    [0.5, 210_000],
    [1, 300_000],
  ])("of a sandbox with the random number %d begins %d ms before the token ends", async (random, beforeMs) => {
    const session = await aged(3_600_000 - beforeMs - 1_000, random);
    await session.token(within(5_000));
    expect(world.logins.count).toBe(1);
    await world.time.sleep(2_000);
    await session.token(within(5_000));
    expect(world.logins.count).toBe(2);
  });

  test("of a short token begins in its last quarter", async () => {
    world.logins.expiresIn = 200;
    const session = await aged(149_000);
    await session.token(within(5_000));
    expect(world.logins.count).toBe(1);
    await world.time.sleep(2_000);
    await session.token(within(5_000));
    expect(world.logins.count).toBe(2);
  });

  test("is no renewal where another sandbox has published meanwhile", async () => {
    const session = await aged(3_500_000);
    await world.open().token(within(5_000));
    const before = world.store.calls.length;
    expect((await session.token(within(5_000))).accessToken).toBe("token-2");
    expect(world.store.calls.slice(before)).toEqual(["GetSecretValue"]);
  });

  test("that failed is tried again after half a minute, told in the log, and nobody waits for it", async () => {
    const session = await aged(3_500_000);
    world.logins.fail = () => Promise.reject(new RekeyError("PlatformUnavailableError", "Down"));
    await session.token(within(5_000));
    expect(JSON.parse(session.lines.at(-1) ?? "")).toEqual({
      ...{ level: "WARN", message: "Early renewal failed; the old token still serves" },
      error: "PlatformUnavailableError",
    });
    world.logins.fail = undefined;
    const before = world.store.calls.length;
    await world.time.sleep(29_000);
    expect((await session.token(within(5_000))).accessToken).toBe("token-1");
    expect(world.store.calls.length).toBe(before);
    await world.time.sleep(1_000);
    expect((await session.token(within(5_000))).accessToken).toBe("token-2");
  });

  test.each([
    [15_000, 6_000],
    [4_000, 2_000],
  ])("of a caller with %d ms waits for a dead holder no longer than %d", async (leftMs, longestMs) => {
    const session = await aged(3_500_000);
    void world
      .open({ logIn: () => new Promise(() => undefined) })
      .token(within(60_000))
      .catch(() => undefined);
    await world.time.sleep(500);
    const startedAtMs = world.time.elapsedMs;
    expect((await session.token(within(leftMs))).accessToken).toBe("token-1");
    expect(world.time.elapsedMs - startedAtMs).toBeLessThanOrEqual(longestMs);
    expect(world.time.elapsedMs - startedAtMs).toBeGreaterThan(longestMs - 1_000);
  });

  test.each([
    [5_001, "token-1"],
    [5_000, undefined],
  ])("that fails with %d ms of the old token left ends with %s", async (leftMs, accessToken) => {
    const session = world.open();
    const { expiresAtMs } = await session.token(within(15_000));
    world.logins.fail = () => Promise.reject(new RekeyError("PlatformUnavailableError", "Down"));
    // The login takes 40 ms and the store's seven calls 10 each, all before the token is looked at again.
    await world.time.sleep(expiresAtMs - leftMs - 5_000 - world.time.clock().now());
    const token = await session.token(within(15_000)).catch(() => undefined);
    expect(token?.accessToken).toBe("token-1");
    world.logins.milliseconds = 0;
    await world.time.sleep(expiresAtMs - leftMs - world.time.clock().now());
    expect((await session.token(within(15_000)).catch(() => undefined))?.accessToken).toBe(accessToken);
  });
});
