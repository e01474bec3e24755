import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { createWorld, inNewWorlds, secretId, type World } from "./stored-session.ts";

let world: World;
inNewWorlds((fresh) => {
  world = fresh;
});

const within = (milliseconds: number) => world.within(milliseconds);
const sandboxes = (count: number) => Array.from({ length: count }, () => world.open());

describe("an empty session", () => {
  test("is filled by one login for twenty sandboxes at once", async () => {
    const tokens = await Promise.all(sandboxes(20).map((session) => session.token(within(15_000))));
    expect(world.logins.count).toBe(1);
    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set([world.logins.current]));
  });

  test("is filled just so where the secret is called by its ARN", async () => {
    const { arn } = world.store.store.find(secretId);
    const ids = [arn, secretId, arn.slice(0, -7)];
    const tokens = await Promise.all(ids.map((id) => world.open({ id }).token(within(15_000))));
    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(["token-1"]));
  });

  test("is created when the secret itself is missing", async () => {
    world = createWorld({});
    const [token] = await Promise.all(sandboxes(3).map((session) => session.token(within(15_000))));
    expect(token?.accessToken).toBe(world.logins.current);
    expect(world.logins.count).toBe(1);
  });

  test.each(["", "not json", "{}", '{"turn":7}', '{"turn":1,"accessToken":5}'])(
    "heals itself when its text is %j",
    async (text) => {
      await world.open().token(within(5_000));
      world.store.store.put(secretId, { text }, randomUUID());
      const tokens = await Promise.all(sandboxes(5).map((session) => session.token(within(15_000))));
      expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set([world.logins.current]));
      expect(world.logins.count).toBe(2);
    },
  );
});

describe("a look at the session", () => {
  test("shows the token until it has ended: the next refresh logs in, and no read could be made with it", async () => {
    const session = world.open();
    await session.token(within(5_000));
    expect((await world.open().look(within(5_000))).token?.accessToken).toBe(world.logins.current);
    await world.time.sleep(3_600_000);
    expect(await world.open().look(within(5_000))).toEqual({ token: undefined, fault: undefined });
    expect(world.logins.count).toBe(1);
  });
});

describe("a live session", () => {
  test("costs one read a sandbox and nothing afterwards", async () => {
    await world.open().token(within(5_000));
    const session = world.open();
    const before = world.store.calls.length;
    await session.token(within(5_000));
    await session.token(within(5_000));
    expect(world.store.calls.length - before).toBe(1);
    expect(world.logins.count).toBe(1);
  });

  test("that the platform refuses is renewed once for twenty sandboxes", async () => {
    const sessions = sandboxes(20);
    const old = await Promise.all(sessions.map((session) => session.token(within(15_000))));
    const replaced = await Promise.all(
      sessions.map((session, index) => session.replace(old[index] ?? expect.fail(), within(15_000))),
    );
    expect(world.logins.count).toBe(2);
    expect(replaced.filter(({ renewed }) => renewed)).toHaveLength(1);
    expect(new Set(replaced.map(({ token }) => token.accessToken))).toEqual(new Set(["token-2"]));
  });

  test("that the platform has refused is given to nobody while it is being replaced", async () => {
    world.logins.milliseconds = 2_000;
    const session = world.open();
    const old = await session.token(within(15_000));
    const replaced = session.replace(old, within(15_000));
    await world.time.sleep(1_000);
    expect((await session.token(within(15_000))).accessToken).toBe("token-2");
    expect((await replaced).token.accessToken).toBe("token-2");
  });

  test("that is being replaced is given to nobody for the late refusal of an older one, either", async () => {
    const session = world.open();
    const first = await session.token(within(15_000));
    const second = (await session.replace(first, within(15_000))).token;
    world.logins.milliseconds = 2_000;
    const replaced = session.replace(second, within(15_000));
    await world.time.sleep(1_000);
    const late = session.replace(first, within(15_000));
    expect((await session.token(within(15_000))).accessToken).toBe("token-3");
    await Promise.all([replaced, late]);
  });

  test("that was refused serves on where it could not be replaced", async () => {
    const session = world.open();
    const old = await session.token(within(15_000));
    world.logins.fail = () => Promise.reject(new RekeyError("PlatformUnavailableError", "Down"));
    const replaced = session.replace(old, within(15_000)).catch((error: Error) => error.name);
    await world.time.sleep(20);
    expect(await session.token(within(15_000))).toEqual(old);
    expect(await replaced).toBe("PlatformUnavailableError");
  });

  test("is renewed before its end with the refresh token", async () => {
    let ahead = 0;
    const clock = world.time.clock(() => ahead);
    const session = world.open({ clock });
    await session.token(within(15_000));
    ahead = 3_590_000;
    const token = await session.token(within(15_000));
    expect(token.accessToken).toBe("token-2");
    expect(world.logins.exchanged).toBe(1);
  });

  test("serves on when its early renewal fails", async () => {
    let ahead = 0;
    const clock = world.time.clock(() => ahead);
    const session = world.open({ clock });
    await session.token(within(5_000));
    ahead = 3_585_000;
    world.logins.fail = () => Promise.reject(new RekeyError("PlatformUnavailableError", "Down"));
    expect((await session.token(within(5_000))).accessToken).toBe("token-1");
  });

  test("that ends while a dead sandbox holds the lease is waited for as long as there is time", async () => {
    const session = world.open();
    await session.token(within(5_000));
    await world.time.sleep(3_590_000);
    const dead = world.open({ logIn: () => new Promise(() => undefined) });
    void dead.token(within(15_000)).catch(() => undefined);
    await world.time.sleep(1_000);
    expect((await session.token(within(15_000))).accessToken).toBe("token-2");
  });

  test("uses up one version a renewal and none for a failed login", async () => {
    const session = world.open();
    let token = await session.token(within(5_000));
    const before = world.store.versions(secretId);
    token = (await session.replace(token, within(5_000))).token;
    expect(world.store.versions(secretId) - before).toBe(1);
    world.logins.fail = () => Promise.reject(new RekeyError("PlatformUnavailableError", "Down"));
    await expect(session.replace(token, within(5_000))).rejects.toThrow("Down");
    expect(world.store.versions(secretId) - before).toBe(1);
  });
});

describe("a holder", () => {
  test("that failed gives the lease back at once", async () => {
    world.logins.fail = () => Promise.reject(new RekeyError("PlatformUnavailableError", "Down"));
    await expect(world.open().token(within(5_000))).rejects.toThrow("Down");
    world.logins.fail = undefined;
    const startedAtMs = world.time.elapsedMs;
    await world.open().token(within(5_000));
    expect(world.time.elapsedMs - startedAtMs).toBeLessThan(2_000);
  });

  test("that died is relieved within fifteen seconds, by one of those who wait", async () => {
    const hanging = world.open({ logIn: () => new Promise(() => undefined) });
    void hanging.token(within(60_000)).catch(() => undefined);
    await world.time.sleep(500);
    const startedAtMs = world.time.elapsedMs;
    const tokens = await Promise.all(sandboxes(5).map((session) => session.token(within(15_000))));
    expect(world.time.elapsedMs - startedAtMs).toBeLessThan(12_000);
    expect(world.logins.count).toBe(1);
    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(["token-1"]));
  });

  test("that was relieved does not put its token over its successor's", async () => {
    let wake: (() => void) | undefined;
    const slow = world.open({
      logIn: async () => {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        return { accessToken: "late", expiresIn: 3600 };
      },
    });
    const late = slow.token(within(60_000));
    await world.time.sleep(500);
    await world.open().token(within(15_000));
    wake?.();
    expect((await late).accessToken).toBe("late");
    expect((await world.open().token(within(5_000))).accessToken).toBe("token-1");
  });
});

describe("a renewal that is asked for", () => {
  test("takes a token that another sandbox logged in for after it was asked", async () => {
    const [one, other] = [world.open(), world.open()];
    await one.token(within(5_000));
    world.store.faults.add({ kind: "latency", operation: "GetSecretValue", milliseconds: 500 });
    const late = other.renew(within(5_000));
    await world.time.sleep(100);
    const renewed = await one.renew(within(5_000));
    expect(await late).toEqual(renewed);
    expect(world.logins.count).toBe(2);
  });

  test("logs in although the stored token is a moment old", async () => {
    const session = world.open();
    await session.token(within(5_000));
    expect((await session.renew(within(5_000))).accessToken).toBe("token-2");
  });
});

test("a token that another sandbox published is taken over as such", async () => {
  const [one, other] = [world.open(), world.open()];
  const old = await one.token(within(5_000));
  await other.token(within(5_000));
  await one.replace(old, within(5_000));
  expect(await other.replace(old, within(5_000))).toMatchObject({ renewed: false, token: { accessToken: "token-2" } });
  expect(world.logins.count).toBe(2);
});

test("a renewal that is asked for in a session without a token is a login", async () => {
  expect((await world.open().renew(within(5_000))).accessToken).toBe("token-1");
});

describe("a token that may have spoilt a header", () => {
  test("is not renewed where a login of ours has brought it", async () => {
    const session = world.open();
    const token = await session.token(within(5_000));
    expect(await session.doubt(token, within(5_000))).toBeUndefined();
    expect(world.logins.count).toBe(1);
  });

  test("is renewed where somebody else has put it there", async () => {
    const session = world.open();
    await session.token(within(5_000));
    const issuedAtMs = world.time.clock().now();
    const text = JSON.stringify({ accessToken: "x".repeat(8_000), issuedAtMs, expiresAtMs: issuedAtMs + 3_600_000 });
    world.store.store.put(secretId, { text }, randomUUID());
    const token = await session.current(within(5_000));
    expect(token.accessToken).toHaveLength(8_000);
    expect((await session.doubt(token, within(5_000)))?.token.accessToken).toBe("token-2");
  });
});
