import { describe, expect, test, vi } from "vitest";
import type { LogIn } from "../../shared/platform/login.ts";
import { createWorld, inNewWorlds, secretId, type World } from "./stored-session.ts";

let world: World;
inNewWorlds((fresh) => {
  world = fresh;
});

const within = (milliseconds: number) => world.within(milliseconds);
const stored = () => JSON.parse(world.store.store.read(secretId).version.content.text ?? "");

describe("a publication", () => {
  test("is the fifth call to the store, and the last", async () => {
    const session = world.open();
    const token = await session.token(within(5_000));
    const before = world.store.calls.length;
    await session.replace(token, within(5_000));
    expect(world.store.calls.slice(before)).toEqual([
      ...["GetSecretValue", "UpdateSecretVersionStage", "GetSecretValue", "DescribeSecret", "PutSecretValue"],
    ]);
  });

  test("of a holder that was relieved is none: it tries its own token first, then takes over its successor's", async () => {
    await world.open().token(within(5_000));
    const old = { accessToken: "token-1", issuedAtMs: 0, expiresAtMs: 0 };
    const slow: LogIn = async () => {
      await world.time.sleep(20_000);
      return { accessToken: "late", expiresIn: 3600 };
    };
    const holder = world.open({ logIn: slow });
    const late = holder.replace(old, within(60_000));
    await world.time.sleep(500);
    await world.open().replace(old, within(15_000));
    const own = await late;
    expect(own).toMatchObject({ renewed: false, token: { accessToken: "late" } });
    expect(stored().accessToken).toBe("token-2");
    expect(await holder.replace(own.token, within(5_000))).toMatchObject({
      ...{ renewed: false, token: { accessToken: "token-2" } },
    });
  });

  test("is told in the log with its reason and end, never with its token", async () => {
    const session = world.open();
    const { expiresAtMs } = await session.token(within(5_000));
    const lines = session.lines.map((text) => JSON.parse(text));
    expect(lines).toEqual([{ level: "INFO", message: "Access token renewed", reason: "ended", expiresAtMs }]);
  });

  test("succeeds although AWSCURRENT was moved back to a version that had a successor before", async () => {
    const session = world.open();
    const first = await session.token(within(5_000));
    const older = world.store.store.read(secretId).version.id;
    const { token } = await session.replace(first, within(5_000));
    world.store.store.moveLabel(secretId, "AWSCURRENT", world.store.store.read(secretId).version.id, older);
    expect(stored().accessToken).toBe("token-1");
    // The turn of the older version is not where the label rests: it takes a term to see that nobody renews.
    const renewed = await world.open().replace(first, within(15_000));
    expect(renewed.token.accessToken).toBe("token-3");
    expect(stored().accessToken).toBe("token-3");
    expect(token.accessToken).toBe("token-2");
  });

  test("that exceeds the store's quota is an error in the log, by that cause", async () => {
    const session = world.open();
    const token = await session.token(within(5_000));
    const operation = "PutSecretValue";
    world.store.faults.add({ kind: "refuse", operation, type: "LimitExceededException", count: 0 });
    await session.replace(token, within(5_000));
    const line = session.lines.map((text) => JSON.parse(text)).find(({ level }) => level === "ERROR");
    expect(line.message).toContain("the secret has too many versions");
    world.store.faults.clear();
    // The lease was not given back: so many sandboxes that cannot publish would kill each other's tokens in turn.
    const second = await session.replace(await session.token(within(5_000)), within(15_000));
    expect(second.token.accessToken).toBe("token-3");
    expect(stored().accessToken).toBe("token-3");
    const third = (await world.open().replace(second.token, within(5_000))).token.accessToken;
    expect((await session.current(within(5_000))).accessToken).toBe(third);
  });

  test("that failed leaves this sandbox its own token for all of its calls under way, and no further login", async () => {
    const session = world.open();
    const first = await session.token(within(5_000));
    world.store.faults.add({ kind: "error", operation: "PutSecretValue", count: 0 });
    const own = (await session.replace(first, within(5_000))).token;
    // Another call of it was sent with the first token, too, and is refused later.
    expect(await session.replace(first, within(5_000))).toEqual({ token: own, renewed: false });
    expect(await session.current(within(5_000))).toEqual(own);
    expect(world.logins.count).toBe(2);
  });

  test("that failed is forgotten when the own token has ended, and the next one is published", async () => {
    const session = world.open();
    const first = await session.token(within(5_000));
    world.store.faults.add({ kind: "refuse", operation: "PutSecretValue", type: "LimitExceededException" });
    const { token: own } = await session.replace(first, within(5_000));
    await world.time.sleep(3_600_000);
    expect((await session.current(within(15_000))).accessToken).toBe("token-3");
    expect(stored().accessToken).toBe("token-3");
    expect(own.accessToken).toBe("token-2");
  });

  test("that the store did not answer is an error in the log, with the error's name", async () => {
    const session = world.open();
    const token = await session.token(within(5_000));
    world.store.faults.add({ kind: "error", operation: "PutSecretValue", count: 0 });
    await session.replace(token, within(5_000));
    const line = session.lines.map((text) => JSON.parse(text)).find(({ level }) => level === "ERROR");
    expect(line).toEqual({ level: "ERROR", message: "Session cannot be published", error: "SecretsUnavailableError" });
  });
});

test("a token that is refused when its stored session has ended is followed by a login", async () => {
  const session = world.open();
  const first = await session.token(within(5_000));
  await world.time.sleep(3_600_000);
  expect(await session.replace(first, within(5_000))).toMatchObject({
    renewed: true,
    token: { accessToken: "token-2" },
  });
});

describe("a secret that takes no further versions", () => {
  test.each<[string, string | null, number]>([
    ["empty", null, 0],
    ["with room for a begin alone", null, 1],
    ["with half of the slots", null, 4],
    ["that holds garbage", "garbage", 1],
    ["that holds garbage, with some slots", "garbage", 3],
  ])("and is %s leaves each sandbox a token of its own, and says so", async (_, text, versionLimit) => {
    vi.restoreAllMocks();
    world = createWorld({ [secretId]: text }, { versionLimit });
    const session = world.open();
    const { accessToken } = await session.token(within(15_000));
    expect(accessToken).toBe(world.logins.current);
    expect(session.lines.join("\n")).toContain("the secret has too many versions");
    // Also where the stored token is asked for, and after a refusal: spaced as in any conflict.
    expect((await session.current(within(15_000))).accessToken).toBe(accessToken);
    expect(world.logins.count).toBe(1);
    const token = await session.current(within(15_000));
    for (let round = 0; round < 3; round += 1) await session.replace(token, within(15_000)).catch(() => undefined);
    expect(world.logins.count).toBeLessThanOrEqual(4);
  });

  test("has each of five cold sandboxes log in at most once a request", async () => {
    vi.restoreAllMocks();
    world = createWorld({ [secretId]: null }, { versionLimit: 0 });
    const tokens = await Promise.all(Array.from({ length: 5 }, () => world.open().token(within(15_000))));
    expect(tokens).toHaveLength(5);
    expect(world.logins.count).toBe(5);
  });
});
