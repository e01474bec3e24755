import { type ErrorName, RekeyError } from "../errors.ts";

const tokenAdvice =
  "Try again. If it stays so, another system logs in with the same application: it has to take its token from authenticate.";
const operator = (task: string) => `Whoever operates this service has to ${task}.`;
const frozenAdvice = operator("ask at the platform why the application is frozen, and for its release");

/**
 * The platform's error codes: what they are to us, in which words, and what its API reference recommends; without that
 * where the name's own advice says it.
 */
const table: Readonly<Record<string, readonly [name: ErrorName, message: string, advice?: string]>> = {
  "100217": [
    "ApplicationNotAuthorizedError",
    "The application is not authorized for this device",
    "Leave appId out if the device is one of ours; else have the application that owns it authorize ours.",
  ],
  "100003": [
    "InvalidInputError",
    "The platform refuses the verification code",
    "Check verifyCode: send another one, or leave it out.",
  ],
  "100007": [
    "InvalidInputError",
    "The platform finds the request malformed",
    "Check deviceId: it has to be one that the platform assigned.",
  ],
  "100426": ["NodeIdTakenError", "The nodeId belongs to another device"],
  "100610": ["DeviceNotActiveError", "The device has never been active"],
  "100611": ["DeviceOnlineError", "The device is online"],
  "50400": [
    "InvalidInputError",
    "The platform finds the input invalid",
    "Check nodeId, verifyCode and timeout: this installation takes less than its pages say.",
  ],
  "100025": [
    "ConfigurationError",
    "The platform does not find the application in the request",
    operator("set appKeyHeader of the application secret to the other of app_key and x-app-key"),
  ],
  "100203": [
    "ConfigurationError",
    "The platform does not know the application",
    operator("correct appId, or baseUrl, in the application secret"),
  ],
  "1010005": ["AccessTokenRejectedError", "The platform refuses the access token", tokenAdvice],
  "100002": ["AccessTokenRejectedError", "The platform refuses the access token", tokenAdvice],
  "1010009": [
    "PlatformThrottledError",
    "The application's calls are used up for this minute",
    "Wait for up to 60 seconds and try again; a new login would not help.",
  ],
  "100403": [
    "DeviceNotFoundError",
    "The platform does not know the device",
    "Check deviceId: there is no such device, or it was deleted.",
  ],
  "100418": [
    "DeviceNotFoundError",
    "The platform has no data of the device",
    "Check deviceId and which application the device belongs to: if it is not ours, name it as appId.",
  ],
  "50252": [
    "PlatformUnavailableError",
    "The platform reports a fault of its own",
    "Nothing was changed. Try again later; if it stays so, tell whoever operates the platform.",
  ],
  "100247": ["ConfigurationError", "The platform has frozen the application", frozenAdvice],
  "100449": ["ConfigurationError", "The platform has frozen the application", frozenAdvice],
  "102202": [
    "ConfigurationError",
    "The platform misses a login parameter",
    operator("check appId and secret in the application secret: one of them came to the platform empty"),
  ],
  "100208": [
    "ConfigurationError",
    "The platform refuses the application's id or secret",
    operator("correct appId or secret in the application secret; they may have been changed at the platform"),
  ],
};

const callersApplicationAdvice = "Check the appId that was given: the platform knows no such application.";

/**
 * The error that a platform's code stands for. The code decides, never the HTTP status.
 *
 * @param callersAppId whether the caller named an application: an unknown one is then the caller's fault
 * @returns undefined for a code that no page names
 */
export function platformError(code: string, callersAppId = false): RekeyError | undefined {
  const row = Object.hasOwn(table, code) ? table[code] : undefined;
  if (row === undefined) return undefined;
  const [name, message, advice] = row;
  const context = { platformCode: code, ...(advice === undefined ? {} : { advice }) };
  if (code === "100203" && callersAppId) {
    return new RekeyError("ApplicationNotAuthorizedError", message, { ...context, advice: callersApplicationAdvice });
  }
  if (name === "PlatformThrottledError") return new RekeyError(name, message, { ...context, retryAfterSeconds: 60 });
  if (name === "PlatformUnavailableError") return new RekeyError(name, message, { ...context, retryAfterSeconds: 10 });
  return new RekeyError(name, message, context);
}
