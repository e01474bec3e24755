import { describe, expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import type { LogIn, LoginRequest } from "../../shared/platform/login.ts";
import { inNewWorlds, type SandboxSession, secretId, type World } from "./stored-session.ts";

let world: World;
inNewWorlds((fresh) => {
  world = fresh;
});

const within = (milliseconds: number) => world.within(milliseconds);
const stored = () => JSON.parse(world.store.store.read(secretId).version.content.text ?? "");
const down = () => Promise.reject(new RekeyError("PlatformUnavailableError", "Down"));
const never: LogIn = () => new Promise(() => undefined);

/** A login that tells what it was asked for, and how long it might have taken. */
function listeningLogin(): { logIn: LogIn; heard: (Omit<LoginRequest, "budget"> & { budget: number })[] } {
  const heard: (Omit<LoginRequest, "budget"> & { budget: number })[] = [];
  const logIn: LogIn = (request) => {
    heard.push({ refreshToken: request.refreshToken, fresh: request.fresh, budget: request.budget() });
    return world.logins.logIn(request);
  };
  return { logIn, heard };
}

/** Holds the lease until the world ends. */
async function diesHoldingTheLease(): Promise<void> {
  void world
    .open({ logIn: never })
    .replace({ accessToken: world.logins.current, issuedAtMs: 0, expiresAtMs: 0 }, within(60_000))
    .catch(() => undefined);
  await world.time.sleep(100);
}

describe("what a renewal asks of the login", () => {
  test("is the refresh token at a token's end, and nothing but the password after a refusal or on request", async () => {
    const { logIn, heard } = listeningLogin();
    const session = world.open({ logIn });
    const first = await session.token(within(15_000));
    await session.replace(first, within(15_000));
    await session.renew(within(15_000));
    await world.time.sleep(3_600_000);
    await session.token(within(15_000));
    expect(heard.map(({ refreshToken, fresh }) => [refreshToken, fresh])).toEqual([
      [undefined, false],
      [undefined, false],
      [undefined, true],
      ["refresh-3", false],
    ]);
  });

  test.each([
    [15_000, 6_000],
    [3_000, 2_500],
  ])("with %d ms left is %d at most: the term's last quarter is for the publication", async (leftMs, mostMs) => {
    const { logIn, heard } = listeningLogin();
    await world.open({ logIn }).token(within(leftMs));
    const [{ budget } = { budget: 0 }] = heard;
    expect(budget).toBeLessThanOrEqual(mostMs);
    // Less the calls to the store that came before.
    expect(budget).toBeGreaterThan(mostMs - 200);
  });

  test("and a login that brings no refresh token leaves none in the session", async () => {
    await world
      .open({ logIn: async () => ({ accessToken: "t", expiresIn: 3600, refreshToken: null }) })
      .token(within(5_000));
    expect(stored()).not.toHaveProperty("refreshToken");
    expect(stored()).toMatchObject({ accessToken: "t", guarded: true });
    expect(stored()).not.toHaveProperty("refusedUntilMs");
  });
});

describe("those who wait", () => {
  test("count it once, and whoever finds the lease free counts nothing", async () => {
    const sessions = [world.open(), world.open()];
    await Promise.all(sessions.map((session) => session.token(within(15_000))));
    expect(sessions.map(({ counted }) => counted.filter((name) => name === "LeaseWaits").length).sort()).toEqual([
      0, 1,
    ]);
    const alone = world.open();
    await alone.renew(within(15_000));
    expect(alone.counted).toEqual([]);
  });

  test("give up before their time ends, by name", async () => {
    await world.open().token(within(5_000));
    await diesHoldingTheLease();
    const fromMs = world.time.elapsedMs;
    await expect(
      world.open().replace({ accessToken: "token-1", issuedAtMs: 0, expiresAtMs: 0 }, within(5_000)),
    ).rejects.toMatchObject({
      ...{ name: "SecretsUnavailableError", message: "Another sandbox renews for too long", retryAfterSeconds: 5 },
    });
    expect(world.time.elapsedMs - fromMs).toBeLessThanOrEqual(5_000);
    expect(world.time.elapsedMs - fromMs).toBeGreaterThan(4_000);
  });

  test.each([
    [0, 112.5],
    [0.5, 150],
    [1, 187.5],
  ])(
    "are spread: one with the random number %d looks again after %d ms, later ones ever more rarely",
    async (...row) => {
      const [random, firstPauseMs] = row;
      await world.open().token(within(5_000));
      await diesHoldingTheLease();
      const lookedAtMs: number[] = [];
      const latencyMs = () => {
        if (world.store.calls.at(-1) !== "DescribeSecret") lookedAtMs.push(world.time.elapsedMs);
        return 0;
      };
      const session = world.open({ random: () => random, way: { latencyMs } });
      await expect(
        session.replace({ accessToken: "token-1", issuedAtMs: 0, expiresAtMs: 0 }, within(5_000)),
      ).rejects.toThrow();
      const moments = [...new Set(lookedAtMs)];
      const pauses = moments.slice(1).map((moment, index) => moment - (moments[index] ?? 0));
      expect(pauses[0]).toBeCloseTo(firstPauseMs);
      expect(pauses[1]).toBeCloseTo(firstPauseMs * 1.3);
      expect(Math.max(...pauses)).toBeLessThanOrEqual(600 * (0.75 + random / 2) + 0.001);
      expect(Math.max(...pauses)).toBeGreaterThan(600 * (0.75 + random / 2) - 0.001);
    },
  );
});

describe("a session that was unreadable", () => {
  const mangle = () => world.store.store.put(secretId, { text: "{" }, crypto.randomUUID());

  test("is healed with the turn on which the label rests, so that the next one has the lease at once", async () => {
    const session = world.open();
    let token = await session.token(within(5_000));
    token = (await session.replace(token, within(5_000))).token;
    mangle();
    const fromMs = world.time.elapsedMs;
    const other = world.open();
    expect((await other.token(within(5_000))).accessToken).toBe("token-3");
    expect(world.time.elapsedMs - fromMs).toBeLessThan(150);
    expect(stored()).toMatchObject({ accessToken: "token-3" });
    expect(other.lines.join("\n")).toContain("Session secret was not written by us and is healed");
  });

  test("is healed again when somebody moves AWSCURRENT back to the unreadable version", async () => {
    await world.open().token(within(5_000));
    const { version } = mangle();
    await world.open().token(within(5_000));
    const healed = world.store.store.read(secretId).version.id;
    world.store.store.moveLabel(secretId, "AWSCURRENT", healed, version.id);
    expect((await world.open().token(within(5_000))).accessToken).toBe("token-3");
    expect(stored()).toMatchObject({ accessToken: "token-3" });
  });

  test("that was merely empty is none that anybody need hear of, and costs nothing but its first version", async () => {
    const session = world.open();
    await session.token(within(5_000));
    expect(session.lines.join("\n")).not.toContain("healed");
    expect(world.store.calls.slice(0, 4)).toEqual([
      ...["GetSecretValue", "PutSecretValue", "GetSecretValue", "DescribeSecret"],
    ]);
  });

  test("is written once by twenty who find it so", async () => {
    await world.open().token(within(5_000));
    const before = world.store.versions(secretId);
    mangle();
    await Promise.all(Array.from({ length: 20 }, () => world.open().token(within(15_000))));
    // The mangled one, the healed one, and the renewed one.
    expect(world.store.versions(secretId) - before).toBe(3);
  });
});

test("a session that is mangled while others wait for a dead holder is healed and renewed by one of them", async () => {
  await world.open().token(within(5_000));
  await diesHoldingTheLease();
  const old = { accessToken: "token-1", issuedAtMs: 0, expiresAtMs: 0 };
  const waiting = [world.open(), world.open()].map((session) => session.replace(old, within(15_000)));
  await world.time.sleep(1_000);
  world.store.store.put(secretId, { text: "{" }, crypto.randomUUID());
  const tokens = await Promise.all(waiting);
  expect(tokens.map(({ token }) => token.accessToken)).toEqual(["token-2", "token-2"]);
  expect(tokens.filter(({ renewed }) => renewed)).toHaveLength(1);
});

describe("the allowance", () => {
  /** Renews on and on, until it may not. */
  async function useUp(renew: (session: SandboxSession) => Promise<unknown>, rounds = 10) {
    const session = world.open();
    await session.token(within(5_000));
    for (let round = 0; round < rounds; round += 1) await renew(session);
    return { session, refused: renew(session) };
  }

  test("bounds renewals on request, and says so to whoever asks and in the log", async () => {
    const { session, refused } = await useUp((one) => one.renew(within(5_000)));
    await expect(refused).rejects.toMatchObject({
      name: "RenewalLimitedError",
      message: "The token was renewed on request too often; it will not be renewed again yet",
      retryAfterSeconds: expect.toSatisfy((seconds: number) => seconds > 7_100 && seconds <= 7_200),
    });
    const line = session.lines.map((text) => JSON.parse(text)).find(({ level }) => level === "ERROR");
    expect(line).toMatchObject({ message: "Renewal refused by the allowance", wish: "since" });
    expect(line.detail).toContain("on request too often");
  });

  test("bounds tokens that end too soon, too", async () => {
    world.logins.expiresIn = 60;
    const { refused } = await useUp(async (session) => {
      await world.time.sleep(60_000);
      return session.token(within(5_000));
    }, 20);
    await expect(refused).rejects.toMatchObject({ name: "RenewalLimitedError" });
  });

  test("has nothing to do with renewals at a token's end", async () => {
    const session = world.open();
    for (let hour = 0; hour < 15; hour += 1) {
      await session.token(within(5_000));
      await world.time.sleep(3_600_000);
    }
    expect(world.logins.count).toBe(15);
    expect(stored()).not.toHaveProperty("refusedUntilMs");
  });

  test("that refuses gives the lease back, and no other failure is called so in the log", async () => {
    const { session, refused } = await useUp((one) => one.renew(within(5_000)));
    await refused.catch(() => undefined);
    await world.time.sleep(7_200_000);
    const fromMs = world.time.elapsedMs;
    await session.renew(within(5_000));
    expect(world.time.elapsedMs - fromMs).toBeLessThan(150);
    world.logins.fail = down;
    const other = world.open();
    await expect(other.renew(within(5_000))).rejects.toThrow("on request too often");
    await world.time.sleep(7_200_000);
    const last = world.open();
    await expect(last.renew(within(5_000))).rejects.toThrow("Down");
    expect(last.lines.join("\n")).not.toContain("allowance");
  });
});
