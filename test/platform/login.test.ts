import { expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { createPlatformCalls, type PlatformCalls } from "../../shared/platform/calls.ts";
import { parseCredentials } from "../../shared/platform/credentials.ts";
import { createLogIn } from "../../shared/platform/login.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";

const credentials = parseCredentials(
  JSON.stringify({ baseUrl: "http://127.0.0.1:1", appId: "a", secret: "s" }),
  "version",
);
const reply = { accessToken: "token", expiresIn: 3600 };

/** A login over these two calls, and the time that each was given. */
function logInOver(renewal: RekeyError) {
  const metrics = createMetrics({ write: () => undefined, clock: systemClock, stage: "test" });
  const given: Record<string, number> = {};
  const calls: PlatformCalls = {
    ...createPlatformCalls(systemClock, metrics),
    login: async (_, timeoutMs) => {
      given["login"] = timeoutMs;
      return reply;
    },
    refreshToken: async (_, __, timeoutMs) => {
      given["refreshToken"] = timeoutMs;
      throw renewal;
    },
  };
  return { given, logIn: createLogIn(calls, { get: async () => credentials }, systemClock) };
}

test.each([
  new RekeyError("ConfigurationError", "Refused", { platformCode: "100208" }),
  new RekeyError("PlatformReplyError", "HTML"),
  new RekeyError("PlatformUnavailableError", "No answer"),
])("a refresh token that brings none is followed by a login ($name)", async (error) => {
  const { logIn, given } = logInOver(error);
  expect(await logIn({ refreshToken: "r", fresh: false, budget: () => 4_000 })).toEqual(reply);
  expect(given).toEqual({ refreshToken: 2_000, login: 4_000 });
});

test("a throttled platform is not asked again", async () => {
  const { logIn, given } = logInOver(
    new RekeyError("PlatformThrottledError", "Throttled", { platformCode: "1010009" }),
  );
  await expect(logIn({ refreshToken: "r", fresh: false, budget: () => 4_000 })).rejects.toThrow("Throttled");
  expect(given).toEqual({ refreshToken: 2_000 });
});
