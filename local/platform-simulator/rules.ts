/** The platform's rules as data, taken from the pages of Huawei's north-bound API reference; nothing here comes from the client. */

/** Error codes: the HTTP statuses they were seen with, the usual one first, and the text. */
export const errorRows = {
  "100217": { statuses: [403, 200], text: "The application hasn't been authorized." },
  "100003": { statuses: [400], text: "Invalid verify code." },
  "100007": { statuses: [400], text: "Bad request message." },
  "100426": { statuses: [400], text: "The nodeId is duplicated." },
  "100610": { statuses: [400], text: "Device is not active." },
  "100611": { statuses: [400], text: "Device is online." },
  "50400": { statuses: [400], text: "The input is invalid." },
  "100025": { statuses: [401], text: "AppId for auth not exist." },
  "100203": { statuses: [403, 500], text: "The application is not existed." },
  "1010005": { statuses: [403], text: "App_key or access_token is invalid." },
  "100002": { statuses: [401], text: "Invalid access token." },
  "1010009": { statuses: [403], text: "app throttle exceed." },
  "100403": { statuses: [404], text: "The device is not existed." },
  "100418": { statuses: [404, 200], text: "The deviceData is not existed." },
  "50252": { statuses: [500], text: "Internal server error." },
  "100247": { statuses: [400], text: "The application is frozen." },
  "100449": { statuses: [400], text: "The application is freezed." },
  "102202": { statuses: [400], text: "Required Parameter is null or empty." },
  "100208": { statuses: [401], text: "AppId or secret is not right." },
} as const;

/** A code of the table. */
export type ErrorCode = keyof typeof errorRows;

/** Whether the table has a row for a code. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorRows, code);
}

/** The calls, by the name of the platform's page. */
export const operations = [
  { name: "login", method: "POST", path: /^\/iocm\/app\/sec\/v1\.1\.0\/login$/ },
  { name: "refreshToken", method: "POST", path: /^\/iocm\/app\/sec\/v1\.1\.0\/refreshToken$/ },
  { name: "refreshDeviceKey", method: "PUT", path: /^\/iocm\/app\/reg\/v1\.1\.0\/deviceCredentials\/([^/]+)$/ },
  { name: "activationStatus", method: "GET", path: /^\/iocm\/app\/reg\/v1\.1\.0\/deviceCredentials\/([^/]+)$/ },
  { name: "deviceInfo", method: "GET", path: /^\/iocm\/app\/dm\/v1\.4\.0\/devices\/([^/]+)$/ },
] as const;

/** Name of a call. */
export type OperationName = (typeof operations)[number]["name"];

/** Documented body fields of a key refresh; a request with any other is discarded. */
export const keyFields: Readonly<Record<string, (value: unknown) => boolean>> = {
  verifyCode: isText256,
  nodeId: isText256,
  timeout: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 2_147_483_647,
};

/** String(256). */
export function isText256(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= 256;
}

/** What applies when a request says nothing else. */
export const defaults = { tokenSeconds: 3_600, quotaCalls: 100, quotaWindowMs: 60_000, codeSeconds: 180 };
