import { afterEach, describe, expect, test } from "vitest";
import { errorRows } from "../../local/platform-simulator/rules.ts";
import { RekeyError } from "../../shared/errors.ts";
import { HeaderRefusal } from "../../shared/platform/calls.ts";
import { platformError } from "../../shared/platform/error-table.ts";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { type RawPlatform, reply, startRawPlatform } from "./raw-platform.ts";

let platform: RawPlatform;
afterEach(() => platform.close());

const answering = async (body: unknown, status = 200, secret: Record<string, unknown> = {}) => {
  platform = await startRawPlatform((socket) => void socket.write(reply(body, status)), secret);
};
const context = () => ({ credentials: platform.credentials, accessToken: "the-token", timeoutMs: 2_000 });

/** The request as it came over the wire: its first line, its headers by name, its body. */
function sent(): { line: string; headers: Record<string, string>; body: string } {
  const [head = "", body = ""] = platform.requests.at(-1)?.split("\r\n\r\n") ?? [];
  const [line = "", ...rest] = head.split("\r\n");
  const headers = rest.map((one) => [one.slice(0, one.indexOf(":")).toLowerCase(), one.slice(one.indexOf(":") + 2)]);
  return { line, headers: Object.fromEntries(headers), body };
}

const token = { accessToken: "t", expiresIn: 3600, refreshToken: "r", scope: "default", tokenType: "bearer" };

test("a login is a form without token and app_key, each part percent-encoded", async () => {
  await answering(token, 200, { appId: "a&b", secret: "s&c=%+ ü" });
  expect(await platform.calls.login(platform.credentials, 2_000)).toEqual({
    accessToken: "t",
    expiresIn: 3600,
    refreshToken: "r",
  });
  const { line, headers, body } = sent();
  expect(line).toBe("POST /iocm/app/sec/v1.1.0/login HTTP/1.1");
  expect(headers).toMatchObject({ "content-type": "application/x-www-form-urlencoded", accept: "application/json" });
  expect(Object.keys(headers)).not.toContain("authorization");
  expect(Object.keys(headers)).not.toContain("app_key");
  expect(body).toBe("appId=a%26b&secret=s%26c%3D%25%2B%20%C3%BC");
});

test("a renewal is JSON with the three documented fields", async () => {
  await answering(token);
  await platform.calls.refreshToken(platform.credentials, "old", 2_000);
  const { line, headers, body } = sent();
  expect(line).toBe("POST /iocm/app/sec/v1.1.0/refreshToken HTTP/1.1");
  expect(headers).toMatchObject({ "content-type": "application/json", accept: "application/json" });
  expect(Object.keys(headers)).not.toContain("authorization");
  expect(JSON.parse(body)).toEqual({ appId: "app", secret: "s", refreshToken: "old" });
});

describe("a refresh of a device key", () => {
  const path = "/iocm/app/reg/v1.1.0/deviceCredentials";

  test("carries the application, the token and nothing but what is wanted", async () => {
    await answering({ verifyCode: "c", timeout: 60, more: "fields" });
    const change = { nodeId: "n", verifyCode: "c", timeoutSeconds: 60 };
    const answer = await platform.calls.refreshDeviceKey(context(), { deviceId: "d 1", appId: "other&app" }, change);
    expect(answer).toEqual({ verifyCode: "c", timeoutSeconds: 60 });
    const { line, headers, body } = sent();
    expect(line).toBe(`PUT ${path}/d%201?appId=other%26app HTTP/1.1`);
    expect(headers).toMatchObject({
      ...{ app_key: "app", authorization: "Bearer the-token" },
      ...{ "content-type": "application/json", accept: "application/json" },
    });
    expect(JSON.parse(body)).toEqual({ nodeId: "n", verifyCode: "c", timeout: 60 });
  });

  test("without any wish is an empty object, and an absent or null timeout is not made up", async () => {
    await answering({ verifyCode: "c", timeout: null });
    expect(await platform.calls.refreshDeviceKey(context(), { deviceId: "d" }, {})).toEqual({
      verifyCode: "c",
      timeoutSeconds: undefined,
    });
    expect(sent()).toMatchObject({ line: `PUT ${path}/d HTTP/1.1`, body: "{}" });
  });

  test("names the application in another header where the secret says so", async () => {
    await answering({ verifyCode: "c" }, 200, { appKeyHeader: "x-app-key" });
    await platform.calls.refreshDeviceKey(context(), { deviceId: "d" }, {});
    expect(sent().headers).toMatchObject({ "x-app-key": "app" });
    expect(Object.keys(sent().headers)).not.toContain("app_key");
  });
});

test.each(["", ".", ".."])(
  "the device id %j, which would lead elsewhere, is refused and nothing sent",
  async (deviceId) => {
    await answering({ verifyCode: "c" });
    await expect(async () => platform.calls.refreshDeviceKey(context(), { deviceId }, {})).rejects.toMatchObject({
      ...{ name: "InvalidInputError", message: "A deviceId is neither empty nor made of dots alone" },
    });
    expect(platform.requests).toEqual([]);
  },
);

test.each(["a/../b", "a/b", "a?b", "a#b", "%2e%2e", "ä"])("the device id %j stays in its segment", async (deviceId) => {
  await answering({ deviceId, activated: true });
  await platform.calls.activationStatus(context(), { deviceId });
  const path = sent().line.split(" ")[1] ?? "";
  expect(path).toBe(`/iocm/app/reg/v1.1.0/deviceCredentials/${encodeURIComponent(deviceId)}`);
  expect(new URL(path, "http://h").pathname).toBe(path);
});

test("the reads go out without a body, and bring what we know of a device", async () => {
  const deviceInfo = { nodeId: "n", name: null, status: "ASLEEP", x: 1 };
  await answering({ deviceId: "d", activated: "true", name: "Lamp", deviceInfo });
  expect(await platform.calls.activationStatus(context(), { deviceId: "d" })).toMatchObject({
    activated: true,
    name: "Lamp",
  });
  expect(sent()).toMatchObject({ line: "GET /iocm/app/reg/v1.1.0/deviceCredentials/d HTTP/1.1", body: "" });
  const info = await platform.calls.deviceInfo(context(), { deviceId: "d", appId: "o" });
  expect(info).toEqual({ nodeId: "n", name: null, status: "ASLEEP" });
  expect(sent()).toMatchObject({ line: "GET /iocm/app/dm/v1.4.0/devices/d?appId=o HTTP/1.1", body: "" });
});

test.each([
  [true, true],
  [false, false],
  ["true", true],
  ["false", false],
])("an activation that is said to be %j is %s", async (said, activated) => {
  await answering({ deviceId: "d", activated: said });
  expect(await platform.calls.activationStatus(context(), { deviceId: "d" })).toEqual({ deviceId: "d", activated });
});

// What an answer of this status and body comes to, for a read and for a change: name and whether it may be repeated.
test.each<[number, unknown, string, boolean, string, boolean]>([
  [403, { error_code: "777" }, "PlatformReplyError", false, "PlatformReplyError", false],
  [500, { error_code: "777" }, "PlatformReplyError", true, "OutcomeUnknownError", true],
  [200, { error_code: "777" }, "PlatformReplyError", true, "PlatformReplyError", true],
  [404, "<html>", "PlatformReplyError", true, "OutcomeUnknownError", true],
  [500, "<html>", "PlatformUnavailableError", true, "OutcomeUnknownError", true],
  [503, "", "PlatformUnavailableError", true, "OutcomeUnknownError", true],
  [200, "", "PlatformReplyError", true, "OutcomeUnknownError", true],
  [200, { error_code: 50252 }, "PlatformUnavailableError", true, "PlatformUnavailableError", true],
  [200, { error_code: "x".repeat(33) }, "PlatformReplyError", true, "OutcomeUnknownError", true],
])("HTTP %d with %j is %s for a read", async (status, body, read, readAgain, change, changeAgain) => {
  await answering(body, status);
  const errorOf = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error: unknown) => error,
    );
  const atRead = await errorOf(platform.calls.activationStatus(context(), { deviceId: "d" }));
  expect(atRead).toMatchObject({ name: read, retryable: readAgain });
  const atChange = await errorOf(platform.calls.refreshDeviceKey(context(), { deviceId: "d" }, {}));
  expect(atChange).toMatchObject({ name: change, retryable: changeAgain });
});

test.each<[number, unknown, boolean]>([
  [431, "", true],
  [431, "<html>", true],
  [400, "<html>", true],
  [400, { message: "no code" }, false],
  [404, "<html>", false],
  [500, "<html>", false],
])("HTTP %d with %j may be for the request's header: %s", async (status, body, isOfHeader) => {
  await answering(body, status);
  const calls = [
    platform.calls.activationStatus(context(), { deviceId: "d" }),
    platform.calls.refreshDeviceKey(context(), { deviceId: "d" }, {}),
  ];
  for (const call of calls) {
    const error: unknown = await call.catch((caught: unknown) => caught);
    expect(error instanceof RekeyError && error.cause instanceof HeaderRefusal).toBe(isOfHeader);
  }
});

test.each(Object.keys(errorRows))("the platform's code %s is an error that carries it", async (code) => {
  await answering({ error_code: code, error_desc: "x" }, 400);
  const error = platformError(code);
  expect(error).toBeInstanceOf(RekeyError);
  expect(error?.platformCode).toBe(code);
  await expect(platform.calls.activationStatus(context(), { deviceId: "d" })).rejects.toMatchObject({
    name: error?.name,
    platformCode: code,
    retryAfterSeconds: code === "1010009" ? 60 : code === "50252" ? 10 : undefined,
  });
});

test("a code of no page, and one that every object inherits, are none", async () => {
  await answering({});
  for (const code of ["1", "", "constructor", "toString", "__proto__"]) expect(platformError(code)).toBeUndefined();
});

test.each(["deviceInfo", "activationStatus", "refreshDeviceKey"] as const)(
  "100203 at %s is the caller's only when the caller named an application, never at a login",
  async (name) => {
    await answering({ error_code: "100203" }, 403);
    const call = (device: { deviceId: string; appId?: string }) => platform.calls[name](context(), device, {});
    await expect(call({ deviceId: "d" })).rejects.toMatchObject({ name: "ConfigurationError" });
    await expect(call({ deviceId: "d", appId: "a" })).rejects.toMatchObject({ name: "ApplicationNotAuthorizedError" });
    await expect(platform.calls.login(platform.credentials, 2_000)).rejects.toMatchObject({
      name: "ConfigurationError",
    });
  },
);

describe("what is counted", () => {
  test("is each request, and each login besides", async () => {
    await answering(token);
    await platform.calls.login(platform.credentials, 2_000);
    expect(platform.counted()).toEqual(["Logins", "PlatformCalls"]);
    await platform.calls.refreshToken(platform.credentials, "old", 2_000);
    expect(platform.counted()).toEqual(["Logins", "PlatformCalls"]);
    await platform.calls.activationStatus(context(), { deviceId: "d" }).catch(() => undefined);
    expect(platform.counted()).toEqual(["PlatformCalls"]);
  });

  test("is a refusal for want of quota, and no other one", async () => {
    await answering({ error_code: "1010009" }, 403);
    await expect(platform.calls.deviceInfo(context(), { deviceId: "d" })).rejects.toThrow();
    expect(platform.counted()).toEqual(["PlatformCalls", "Throttles"]);
    await platform.close();
    await answering({ error_code: "100403" }, 404);
    await expect(platform.calls.deviceInfo(context(), { deviceId: "d" })).rejects.toThrow();
    expect(platform.counted()).toEqual(["PlatformCalls"]);
  });
});

describe("what is said of an answer that is none", () => {
  const asked = {
    read: () => platform.calls.deviceInfo(context(), { deviceId: "d" }),
    change: () => platform.calls.refreshDeviceKey(context(), { deviceId: "d" }, {}),
  };

  test.each<[keyof typeof asked, number, unknown, object]>([
    ["read", 503, "", { message: "The platform does not answer", retryAfterSeconds: 10, cause: "HTTP 503" }],
    ["read", 404, "", { message: "The platform's answer has no error code" }],
    ["read", 302, "", { message: "The platform's answer has no error code" }],
    ["read", 200, {}, { message: "The platform's answer does not have the documented shape" }],
    [
      "read",
      403,
      { error_code: "7" },
      { message: "The platform answers with an unknown error code 7", platformCode: "7" },
    ],
    ["change", 503, "", { message: "The change was sent, but no usable answer came", cause: "HTTP 503" }],
    ["change", 404, "", { cause: "HTTP 404 without a code" }],
    ["change", 302, "", { cause: "HTTP 302 without a code" }],
    ["change", 200, {}, { cause: "a successful answer without a code" }],
    ["change", 500, { error_code: "7" }, { name: "OutcomeUnknownError", cause: "error_code 7", platformCode: "7" }],
    ["change", 400, { error_code: "7" }, { name: "PlatformReplyError", retryable: false }],
  ])("a %s that is answered with HTTP %d and %j", async (kind, status, body, said) => {
    await answering(body, status);
    await expect(asked[kind]()).rejects.toMatchObject(said);
  });
});

test("a platform that is not there is known before anything is sent, to a call and to a probe", async () => {
  await answering({});
  const { credentials, calls } = platform;
  await calls.probe(credentials, deadlineIn(2_000, systemClock));
  expect(platform.requests).toEqual([]);
  await platform.close();
  const nowhere = { name: "PlatformUnavailableError", message: "The platform cannot be reached" };
  await expect(calls.probe(credentials, deadlineIn(2_000, systemClock))).rejects.toMatchObject(nowhere);
  await expect(calls.login(credentials, 2_000)).rejects.toMatchObject({ ...nowhere, retryAfterSeconds: 10 });
  await answering({});
});

test("other credentials get other connections, the same ones keep theirs", async () => {
  await answering({ deviceId: "d", activated: true });
  for (const credentials of [platform.credentials, platform.credentials, { ...platform.credentials }]) {
    await platform.calls.activationStatus({ ...context(), credentials }, { deviceId: "d" });
  }
  expect(platform.connections()).toBe(2);
});
