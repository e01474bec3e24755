import { type ErrorName, RekeyError } from "../errors.ts";

/** The platform's error codes and what they are to us; from the error table of its API reference. */
const table: Readonly<Record<string, readonly [ErrorName, string]>> = {
  "100217": ["ApplicationNotAuthorizedError", "The application is not authorized for this device"],
  "100003": ["InvalidInputError", "The platform refuses the verification code"],
  "100007": ["InvalidInputError", "The platform finds the request malformed"],
  "100426": ["NodeIdTakenError", "The nodeId belongs to another device"],
  "100610": ["DeviceNotActiveError", "The device has never been active"],
  "100611": ["DeviceOnlineError", "The device is online"],
  "50400": ["InvalidInputError", "The platform finds the input invalid"],
  "100025": ["ConfigurationError", "The platform does not find the application in the request"],
  "100203": ["ConfigurationError", "The platform does not know the application"],
  "1010005": ["AccessTokenRejectedError", "The platform refuses the access token"],
  "100002": ["AccessTokenRejectedError", "The platform refuses the access token"],
  "1010009": ["PlatformThrottledError", "The application's calls are used up for this minute"],
  "100403": ["DeviceNotFoundError", "The platform does not know the device"],
  "100418": ["DeviceNotFoundError", "The platform has no data of the device"],
  "50252": ["PlatformUnavailableError", "The platform reports a fault of its own"],
  "100247": ["ConfigurationError", "The platform has frozen the application"],
  "100449": ["ConfigurationError", "The platform has frozen the application"],
  "102202": ["ConfigurationError", "The platform misses a login parameter"],
  "100208": ["ConfigurationError", "The platform refuses the application's id or secret"],
};

/**
 * The error that a platform's code stands for. The code decides, never the HTTP status.
 *
 * @param callersAppId whether the caller named an application: an unknown one is then the caller's fault
 * @returns undefined for a code that no page names
 */
export function platformError(code: string, callersAppId = false): RekeyError | undefined {
  const row = Object.hasOwn(table, code) ? table[code] : undefined;
  if (row === undefined) return undefined;
  const [name, message] = row;
  const context = { platformCode: code };
  if (code === "100203" && callersAppId) return new RekeyError("ApplicationNotAuthorizedError", message, context);
  if (name === "PlatformThrottledError") return new RekeyError(name, message, { ...context, retryAfterSeconds: 60 });
  if (name === "PlatformUnavailableError") return new RekeyError(name, message, { ...context, retryAfterSeconds: 10 });
  return new RekeyError(name, message, context);
}
