import { describe, expect, test } from "vitest";
import { errorRows } from "../../local/platform-simulator/rules.ts";
import { platformError } from "../../shared/platform/error-table.ts";
import { isShownWhole } from "../../shared/webhook/shown.ts";

// What the platform's page recommends for each code, by the words that an advice needs for it.
const recommended: readonly (readonly [string, RegExp])[] = [
  ["100217", /Leave appId out .* authorize/],
  ["100003", /Check verifyCode/],
  ["100007", /Check deviceId.* assigned/],
  ["50400", /Check nodeId, verifyCode and timeout/],
  ["100426", /Check the nodeId/],
  ["100610", /must have connected once/],
  ["100611", /Switch the old device off and try again/],
  ["100025", /appKeyHeader .* app_key and x-app-key/],
  ["100203", /correct appId/],
  ["100208", /correct appId or secret/],
  ["100247", /frozen/],
  ["100449", /frozen/],
  ["102202", /check appId and secret .* empty/],
  ["1010005", /Try again.* takes? its token from authenticate/],
  ["100002", /Try again.* takes? its token from authenticate/],
  ["1010009", /up to 60 seconds .* a new login would not help/],
  ["100403", /Check deviceId/],
  ["100418", /Check deviceId and which application/],
  ["50252", /Try again later/],
];

const rows: [string, string, string][] = [
  ["100217", "ApplicationNotAuthorizedError", "The application is not authorized for this device"],
  ["100003", "InvalidInputError", "The platform refuses the verification code"],
  ["100007", "InvalidInputError", "The platform finds the request malformed"],
  ["50400", "InvalidInputError", "The platform finds the input invalid"],
  ["100426", "NodeIdTakenError", "The nodeId belongs to another device"],
  ["100610", "DeviceNotActiveError", "The device has never been active"],
  ["100611", "DeviceOnlineError", "The device is online"],
  ["100025", "ConfigurationError", "The platform does not find the application in the request"],
  ["100203", "ConfigurationError", "The platform does not know the application"],
  ["100208", "ConfigurationError", "The platform refuses the application's id or secret"],
  ["100247", "ConfigurationError", "The platform has frozen the application"],
  ["100449", "ConfigurationError", "The platform has frozen the application"],
  ["102202", "ConfigurationError", "The platform misses a login parameter"],
  ["1010005", "AccessTokenRejectedError", "The platform refuses the access token"],
  ["100002", "AccessTokenRejectedError", "The platform refuses the access token"],
  ["1010009", "PlatformThrottledError", "The application's calls are used up for this minute"],
  ["100403", "DeviceNotFoundError", "The platform does not know the device"],
  ["100418", "DeviceNotFoundError", "The platform has no data of the device"],
  ["50252", "PlatformUnavailableError", "The platform reports a fault of its own"],
];

describe("a platform's code", () => {
  test.each(rows)("%s is %s", (code, name, message) => {
    expect(platformError(code)).toMatchObject({ name, message, platformCode: code });
  });

  test.each(recommended)("%s comes with what the platform's page recommends", (code, words) => {
    expect(platformError(code)?.advice).toMatch(words);
  });

  test("has advice of one or two sentences that a note can show, and no code of the platform's is left out", () => {
    expect(recommended.map(([code]) => code).sort()).toEqual(Object.keys(errorRows).sort());
    for (const [code] of recommended) {
      const advice = platformError(code)?.advice ?? "";
      expect(isShownWhole(advice) && advice.endsWith("."), advice).toBe(true);
    }
  });

  test("tells when to come back where that helps", () => {
    expect(platformError("1010009")?.retryAfterSeconds).toBe(60);
    expect(platformError("50252")?.retryAfterSeconds).toBe(10);
    expect(platformError("100611")?.retryAfterSeconds).toBeUndefined();
  });

  test("of an unknown application is the caller's fault only when the caller named it", () => {
    expect(platformError("100203", true)).toMatchObject({
      name: "ApplicationNotAuthorizedError",
      platformCode: "100203",
      advice: "Check the appId that was given: the platform knows no such application.",
    });
    expect(platformError("100203", false)?.name).toBe("ConfigurationError");
    expect(platformError("100217", true)?.name).toBe("ApplicationNotAuthorizedError");
    expect(platformError("100611", true)?.name).toBe("DeviceOnlineError");
  });

  test.each(["", "0", "999999", "constructor", "__proto__", "toString"])("%j is in no page", (code) => {
    expect(platformError(code)).toBeUndefined();
  });
});
