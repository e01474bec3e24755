import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { errorNames } from "../../shared/errors.ts";
import { platformError } from "../../shared/platform/error-table.ts";
import { errorOf, type Rekey, startRekey } from "./rekey.ts";

let rekey: Rekey;
beforeAll(async () => {
  rekey = await startRekey();
  await rekey.refresh({ deviceId: "device-1" });
});
afterAll(() => rekey.close());
beforeEach(() => rekey.simulator.faults.clear());

// The platform's table beside ours (docs/api.md): code, the statuses it was seen with, our name, our status.
const rows: readonly [string, readonly number[], string, number][] = [
  ["100217", [200, 403], "ApplicationNotAuthorizedError", 403],
  ["100003", [400], "InvalidInputError", 400],
  ["100007", [400], "InvalidInputError", 400],
  ["100426", [400], "NodeIdTakenError", 409],
  ["100610", [400], "DeviceNotActiveError", 409],
  ["100611", [400], "DeviceOnlineError", 409],
  ["50400", [400], "InvalidInputError", 400],
  ["100025", [401], "ConfigurationError", 500],
  ["100203", [403, 500], "ConfigurationError", 500],
  ["1010009", [403], "PlatformThrottledError", 429],
  ["100403", [404], "DeviceNotFoundError", 404],
  ["100418", [404, 200], "DeviceNotFoundError", 404],
  ["50252", [500], "PlatformUnavailableError", 503],
];

describe.each(rows.flatMap(([code, statuses, name, status]) => statuses.map((sent) => ({ code, sent, name, status }))))(
  "$code with HTTP $sent",
  ({ code, sent, name, status }) => {
    const fault = { kind: "code", code, status: sent, operation: "refreshDeviceKey", count: 2 } as const;

    test(`is ${name} at both entrances`, async () => {
      rekey.simulator.faults.add(fault);
      const outcome = await rekey.refresh({ deviceId: "device-1", nodeId: "taken" });
      expect(errorOf(outcome)).toBe(name);
      const answer = await rekey.http("PUT", "/devices/device-1/key", { nodeId: "taken" });
      expect(answer.status).toBe(status);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(answer.json).toMatchObject({ code: name, status, platformCode: code, requestId: expect.any(String) });
      expect(answer.json.advice).toBe(platformError(code)?.advice);
      const { detail, advice, retryable } = answer.json;
      expect(outcome).toMatchObject({
        error: {
          ...{ errorType: name, errorMessage: detail },
          trace: [`${name}: ${detail}`, `advice: ${advice}`, `retryable: ${retryable}`, `platformCode: ${code}`],
        },
      });
    });
  },
);

test("100203 is the caller's fault when the caller named the application", async () => {
  rekey.simulator.faults.add({ kind: "code", code: "100203" });
  const answer = await rekey.http("PUT", "/devices/device-1/key?appId=nobody", {});
  expect([answer.status, answer.json.code]).toEqual([403, "ApplicationNotAuthorizedError"]);
});

test.each([
  ["100208", 401],
  ["100247", 400],
  ["100449", 400],
  ["102202", 400],
])("%s at login is a ConfigurationError", async (code, status) => {
  const own = await startRekey();
  own.simulator.faults.add({ kind: "code", code, status, operation: "login", count: 0 });
  expect(errorOf(await own.refresh({ deviceId: "device-1" }))).toBe("ConfigurationError");
  const { advice } = platformError(code) ?? {};
  expect((await own.http("PUT", "/devices/device-1/key", {})).json).toMatchObject({
    platformCode: code,
    status: 500,
    advice,
  });
  await own.close();
});

test.each(["1010005", "100002"])("%s for the caller's own token is 401 and leads to no login", async (code) => {
  rekey.simulator.faults.add({ kind: "code", code, operation: "refreshDeviceKey", count: 0 });
  const logins = rekey.simulator.counters.requests.login;
  const answer = await rekey.http("PUT", "/devices/device-1/key", {}, { "X-Platform-Access-Token": "mine" });
  expect([answer.status, answer.json.code, answer.json.retryable]).toEqual([401, "AccessTokenRejectedError", false]);
  expect(rekey.simulator.counters.requests.login).toBe(logins);
});

test.each(["1010005", "100002"])("%s that stays after one renewal is 502", async (code) => {
  const own = await startRekey();
  own.simulator.faults.add({ kind: "code", code, operation: "refreshDeviceKey", count: 0 });
  const answer = await own.http("PUT", "/devices/device-1/key", {});
  expect([answer.status, answer.json.code, answer.json.retryable]).toEqual([502, "AccessTokenRejectedError", true]);
  expect(own.simulator.counters.requests.login).toBe(2);
  await own.close();
});

test.each([
  [{ kind: "html" }, "PlatformUnavailableError", 503],
  [{ kind: "cut" }, "PlatformUnavailableError", 503],
  [{ kind: "empty" }, "PlatformReplyError", 502],
  [{ kind: "truncated", applied: true }, "PlatformReplyError", 502],
  [{ kind: "garbage" }, "PlatformReplyError", 502],
  [{ kind: "redirect" }, "PlatformReplyError", 502],
  [{ kind: "foreign" }, "PlatformReplyError", 502],
  [{ kind: "code", code: "999999", status: 400 }, "PlatformReplyError", 502],
  [{ kind: "huge" }, "PlatformUnavailableError", 503],
] as const)("a read answered by %j is %s", async (fault, name, status) => {
  rekey.simulator.faults.add({ ...fault, operation: "activationStatus", count: 3 });
  const answer = await rekey.http("GET", "/devices/device-1/status");
  expect([answer.status, answer.json.code]).toEqual([status, name]);
});

test("a platform that is down is PlatformUnavailableError at once, and nothing is lost", async () => {
  await rekey.simulator.down();
  expect(errorOf(await rekey.refresh({ deviceId: "device-1" }))).toBe("PlatformUnavailableError");
  const status = await rekey.http("GET", "/status");
  expect([status.status, status.json.platform.error]).toEqual([503, "PlatformUnavailableError"]);
  await rekey.simulator.up();
  expect(errorOf(await rekey.refresh({ deviceId: "device-1" }))).toBe("ok");
});

test.each([
  ["another host's certificate", { serverName: "other.example.com" }],
  ["a CA that did not sign it", { ca: undefined }],
  ["no client certificate", { clientCertificate: undefined, clientKey: undefined }],
  ["a key that is no key", { clientKey: "not PEM" }],
  ["no baseUrl", { baseUrl: undefined }],
  ["plain HTTP to a host elsewhere", { baseUrl: "http://iot.example.com" }],
])("an application secret with %s is a ConfigurationError, and no answer shows its inside", async (_, changes) => {
  const own = await startRekey({}, changes);
  const answer = await own.http("PUT", "/devices/device-1/key", { nodeId: "n" });
  expect([answer.status, answer.json.code]).toEqual([500, "ConfigurationError"]);
  expect(JSON.stringify(answer.json)).not.toMatch(/BEGIN|s3cret/);
  await own.close();
});

test("a secrets store that is down is SecretsUnavailableError with Retry-After", async () => {
  const own = await startRekey();
  own.secrets.faults.add({ kind: "error", operation: "GetSecretValue", count: 0 });
  const answer = await own.http("PUT", "/devices/device-1/key", { nodeId: "n" });
  expect([answer.status, answer.json.code]).toEqual([503, "SecretsUnavailableError"]);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  await own.close();
});

test("every name of the family is written literally in the minified bundle", async () => {
  const { readFile } = await import("node:fs/promises");
  const bundle = await readFile(new URL("../../dist/refreshDeviceKey.mjs", import.meta.url), "utf8");
  expect(errorNames.filter((name) => !bundle.includes(name))).toEqual([]);
});
