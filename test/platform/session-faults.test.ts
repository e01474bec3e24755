import { describe, expect, test } from "vitest";
import type { Clock } from "../../shared/runtime/clock.ts";
import { inNewWorlds, type World } from "./stored-session.ts";

let world: World;
inNewWorlds((fresh) => {
  world = fresh;
});

const within = (milliseconds: number) => world.within(milliseconds);

/** A login that waits until it is told to go on, and then brings the token `late`. */
function sleepingLogin() {
  let wake: () => void = () => undefined;
  const begun = Promise.withResolvers<void>();
  const logIn = async () => {
    begun.resolve();
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    return { accessToken: "late", expiresIn: 3_600 };
  };
  return { logIn, begun: begun.promise, wake: () => wake() };
}

const moves = () => world.store.calls.filter((name) => name === "UpdateSecretVersionStage").length;
const stored = async () => (await world.open().token(within(5_000))).accessToken;
describe("a holder that slept through its term", () => {
  test("publishes nothing when others have renewed since, however often", async () => {
    const first = await world.open().token(within(5_000));
    const login = sleepingLogin();
    const sleeper = world.open({ logIn: login.logIn });
    const late = sleeper.replace(first, within(60_000));
    await login.begun;
    let token = first;
    for (let round = 0; round < 5; round += 1) {
      const session = world.open();
      token = (await session.replace(token, within(15_000))).token;
    }
    login.wake();
    expect(await stored()).toBe(token.accessToken);
    // Its own may be the later one all the same; where it is not, it goes on with the stored one.
    expect((await sleeper.replace((await late).token, within(5_000))).token.accessToken).toBe(token.accessToken);
  });

  test("gives no lease back, since it may be another's by now", async () => {
    const first = await world.open().token(within(5_000));
    const beforeMoves = moves();
    let aheadMs = 0;
    const clock: Clock = { ...world.time.clock(), elapsed: () => world.time.elapsedMs + aheadMs };
    const failing = world.open({
      clock,
      logIn: async () => {
        aheadMs = 8_001;
        throw new TypeError("Woken up without a connection");
      },
    });
    await expect(failing.replace(first, within(60_000))).rejects.toThrow("Woken up");
    // The one that took the lease.
    expect(moves()).toBe(beforeMoves + 1);
    const { token } = await world.open().replace(first, within(15_000));
    expect(token.accessToken).toBe("token-2");
  });
});

describe("a store that fails in mid-renewal", () => {
  test("after the lease was taken gets the lease back, so that the next one does not wait for a term", async () => {
    const session = world.open();
    const first = await session.token(within(5_000));
    // The first read finds the session, the second one comes after the lease was taken.
    world.store.faults.add({ kind: "refuse", type: "InternalFailure", operation: "GetSecretValue", nth: 2, count: 1 });
    await expect(session.replace(first, within(10_000))).rejects.toMatchObject({ name: "SecretsUnavailableError" });
    expect(world.logins.count).toBe(1);
    const startedAtMs = world.time.elapsedMs;
    expect((await session.replace(first, within(15_000))).token.accessToken).toBe("token-2");
    expect(world.time.elapsedMs - startedAtMs).toBeLessThan(3_000);
  });

  test.each(["DescribeSecret", "PutSecretValue"])(
    "at the publication by %s leaves this sandbox its own token, also where the current one is asked for",
    async (operation) => {
      const session = world.open();
      const first = await session.token(within(5_000));
      world.store.faults.add({ kind: "refuse", type: "InternalFailure", operation, count: 0 });
      expect((await session.replace(first, within(10_000))).token.accessToken).toBe("token-2");
      world.store.faults.clear();
      expect((await session.current(within(5_000))).accessToken).toBe("token-2");
      expect(session.lines.some((line) => line.includes("Session cannot be published"))).toBe(true);
    },
  );
});

test.each([
  [1_800_000, "token-2"],
  // By its clock the new token has ended too.
  [3_600_000, "token-3"],
])("a sandbox whose clock is %d ms ahead hands out the store's token, not the older one of its own", async (...row) => {
  const [aheadMs, current] = row;
  const session = world.open({ clock: world.time.clock(() => aheadMs) });
  const token = await session.token(within(5_000));
  await world.open().replace(token, within(5_000));
  expect((await session.current(within(5_000))).accessToken).toBe(current);
  expect(world.logins.current).toBe(current);
});

test("waiting for another's renewal ends with the deadline when the clock is set back meanwhile", async () => {
  const first = await world.open().token(within(5_000));
  const login = sleepingLogin();
  const holding = world.open({ logIn: login.logIn }).replace(first, within(60_000));
  await login.begun;
  let aheadMs = 0;
  const clock = world.time.clock(() => aheadMs);
  const waiting = world.open({ clock }).replace(first, within(2_000));
  aheadMs = -3_600_000;
  await expect(waiting).rejects.toMatchObject({ name: "SecretsUnavailableError", retryAfterSeconds: 5 });
  login.wake();
  expect((await holding).token.accessToken).toBe("late");
});
