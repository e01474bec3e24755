import { describe, expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { createPlatformCalls, type PlatformCalls } from "../../shared/platform/calls.ts";
import { type Credentials, parseCredentials } from "../../shared/platform/credentials.ts";
import { createLogIn, type LoginRequest } from "../../shared/platform/login.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { SimulatedTime } from "../simulation/time.ts";

const credentialsOf = (versionId: string) =>
  parseCredentials(JSON.stringify({ baseUrl: "http://127.0.0.1:1", appId: "a", secret: versionId }), versionId);
const reply = { accessToken: "token", expiresIn: 3600 };
const wrongPassword = new RekeyError("ConfigurationError", "Refused", { platformCode: "100208" });
const untrusted = new RekeyError("ConfigurationError", "The connection to the platform is not trusted");

/** A login over calls that end as told, and what it asked for: the time that each call was given, and the ages. */
function open(ends: { login?: RekeyError; refreshToken?: RekeyError }, versions: readonly string[] = ["one"]) {
  const time = new SimulatedTime();
  const clock = time.clock();
  const metrics = createMetrics({ write: () => undefined, clock, stage: "test" });
  const asked: string[] = [];
  const left = [...versions];
  const ended = (name: "login" | "refreshToken", { versionId }: Credentials, milliseconds: number) => {
    asked.push(`${name} ${versionId} ${milliseconds}`);
    const error = ends[name];
    if (error !== undefined && versionId !== "good") throw error;
    return reply;
  };
  const calls: PlatformCalls = {
    ...createPlatformCalls(clock, metrics),
    login: async (credentials, milliseconds) => ended("login", credentials, milliseconds),
    refreshToken: async (credentials, _, milliseconds) => ended("refreshToken", credentials, milliseconds),
  };
  const store = {
    get: async (deadline: { remaining(): number }, maxAgeMs?: number) => {
      asked.push(`credentials ${maxAgeMs} ${deadline.remaining()}`);
      return credentialsOf((left.length > 1 ? left.shift() : left[0]) ?? "");
    },
  };
  const logIn = createLogIn(calls, store, clock);
  const start = (request: Partial<LoginRequest> = {}) =>
    logIn({ refreshToken: undefined, fresh: false, budget: () => 4_000, ...request });
  return { time, ends, asked: () => asked.splice(0), start };
}

describe("a login", () => {
  test("reads the credentials if they are older than a minute, and logs in with them", async () => {
    const { start, asked } = open({});
    expect(await start()).toEqual(reply);
    expect(asked()).toEqual(["credentials 60000 4000", "login one 4000"]);
  });

  test("that shall be made with what stands in the secret now reads it whatever its age", async () => {
    const { start, asked } = open({});
    await start({ fresh: true });
    expect(asked()[0]).toBe("credentials 1 4000");
  });

  test.each([
    [20_000, 5_000],
    [500, 500],
  ])("of %d ms gives its call %d", async (budget, given) => {
    const { start, asked } = open({});
    await start({ budget: () => budget });
    expect(asked()).toContain(`login one ${given}`);
  });

  test.each([499, 0, -1_000])("with %d ms left is not begun, and the store is still asked", async (budget) => {
    const { start, asked } = open({});
    await expect(start({ budget: () => budget })).rejects.toMatchObject({
      ...{ name: "PlatformUnavailableError", message: "No time is left to log in", retryAfterSeconds: 5 },
    });
    expect(asked()).toEqual(["credentials 60000 500"]);
  });
});

describe("a refresh token", () => {
  test("is what the token is renewed with, and no login follows", async () => {
    const { start, asked } = open({});
    expect(await start({ refreshToken: "r" })).toEqual(reply);
    expect(asked().slice(1)).toEqual(["refreshToken one 2000"]);
  });

  test.each([
    wrongPassword,
    new RekeyError("PlatformReplyError", "HTML"),
    new RekeyError("PlatformUnavailableError", "No answer"),
  ])("that brings no token is followed by a login ($name)", async (error) => {
    const { start, asked } = open({ refreshToken: error });
    expect(await start({ refreshToken: "r" })).toEqual(reply);
    expect(asked().slice(1)).toEqual(["refreshToken one 2000", "login one 4000"]);
  });

  test("is not followed by a login where the platform throttles", async () => {
    const { start, asked } = open({ refreshToken: new RekeyError("PlatformThrottledError", "Throttled") });
    await expect(start({ refreshToken: "r" })).rejects.toThrow("Throttled");
    expect(asked().slice(1)).toEqual(["refreshToken one 2000"]);
  });
});

describe("credentials that the platform refuses", () => {
  test("are read again, and where they have changed, the login is made with the new ones", async () => {
    const { start, asked } = open({ login: wrongPassword }, ["old", "good"]);
    expect(await start()).toEqual(reply);
    expect(asked()).toEqual(["credentials 60000 4000", "login old 4000", "credentials 1 4000", "login good 4000"]);
  });

  test("are not sent again within half a minute: too many logins freeze an application", async () => {
    const { start, asked, time } = open({ login: wrongPassword });
    await expect(start()).rejects.toBe(wrongPassword);
    asked();
    await time.sleep(29_999);
    await expect(start()).rejects.toBe(wrongPassword);
    await expect(start({ refreshToken: "r" })).rejects.toBe(wrongPassword);
    expect(asked().filter((line) => !line.startsWith("credentials"))).toEqual([]);
    await time.sleep(1);
    await expect(start()).rejects.toBe(wrongPassword);
    expect(asked()).toContain("login one 4000");
  });

  test("hold nobody up who comes with others", async () => {
    const { start, asked, ends } = open({ login: wrongPassword }, ["old", "old", "new", "new"]);
    await expect(start()).rejects.toBe(wrongPassword);
    delete ends.login;
    asked();
    expect(await start()).toEqual(reply);
    expect(asked()).toContain("login new 4000");
  });
});

test("a connection that is not trusted has the credentials read again, and is tried again at once", async () => {
  const { start, asked, ends } = open({ login: untrusted });
  await expect(start()).rejects.toBe(untrusted);
  expect(asked()).toEqual(["credentials 60000 4000", "login one 4000", "credentials 1 4000"]);
  delete ends.login;
  expect(await start()).toEqual(reply);
});

test.each(["PlatformUnavailableError", "PlatformThrottledError"] as const)(
  "%s is no fault of the credentials: they are not read again",
  async (name) => {
    const { start, asked } = open({ login: new RekeyError(name, "Down", { platformCode: "1" }) });
    await expect(start()).rejects.toMatchObject({ name });
    expect(asked()).toEqual(["credentials 60000 4000", "login one 4000"]);
    await expect(start()).rejects.toMatchObject({ name });
    expect(asked()).toContain("login one 4000");
  },
);
