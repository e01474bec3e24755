import { describe, expect, test } from "vitest";
import { platformError } from "../../shared/platform/error-table.ts";

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

  test("tells when to come back where that helps", () => {
    expect(platformError("1010009")?.retryAfterSeconds).toBe(60);
    expect(platformError("50252")?.retryAfterSeconds).toBe(10);
    expect(platformError("100611")?.retryAfterSeconds).toBeUndefined();
  });

  test("of an unknown application is the caller's fault only when the caller named it", () => {
    expect(platformError("100203", true)).toMatchObject({
      name: "ApplicationNotAuthorizedError",
      platformCode: "100203",
    });
    expect(platformError("100203", false)?.name).toBe("ConfigurationError");
    expect(platformError("100217", true)?.name).toBe("ApplicationNotAuthorizedError");
    expect(platformError("100611", true)?.name).toBe("DeviceOnlineError");
  });

  test.each(["", "0", "999999", "constructor", "__proto__", "toString"])("%j is in no page", (code) => {
    expect(platformError(code)).toBeUndefined();
  });
});
