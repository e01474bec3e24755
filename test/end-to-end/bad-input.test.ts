import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { errorOf, type Rekey, startRekey } from "./rekey.ts";

let rekey: Rekey;
beforeAll(async () => {
  rekey = await startRekey();
});
afterAll(() => rekey.close());

const path = "/devices/device-1/key";
const long = "x".repeat(300);

test.each<[string, string, unknown, Record<string, string>, number, string]>([
  ["not JSON", path, "{nodeId:", {}, 400, "InvalidInputError"],
  ["not an object", path, "[]", {}, 400, "InvalidInputError"],
  ["a number for a text", path, { nodeId: 5 }, {}, 400, "InvalidInputError"],
  ["a text for a number", path, { timeout: "180" }, {}, 400, "InvalidInputError"],
  ["a negative timeout", path, { timeout: -1 }, {}, 400, "InvalidInputError"],
  ["a timeout beyond 31 bits", path, { timeout: 2_147_483_648 }, {}, 400, "InvalidInputError"],
  ["a nodeId of 300 characters", path, { nodeId: long }, {}, 400, "InvalidInputError"],
  ["an empty nodeId", path, { nodeId: "" }, {}, 400, "InvalidInputError"],
  ["an unknown field", path, { nodeID: "n" }, {}, 400, "InvalidInputError"],
  ["the deviceId in the body", path, { deviceId: "device-2" }, {}, 400, "InvalidInputError"],
  ["a prototype key", path, '{"__proto__":{"nodeId":"n"}}', {}, 400, "InvalidInputError"],
  ["an unknown query parameter", `${path}?app=1`, {}, {}, 400, "InvalidInputError"],
  ["a deviceId of 300 characters", `/devices/${long}/key`, {}, {}, 400, "InvalidInputError"],
  ["a deviceId that climbs", "/devices/..%2f..%2fapp/key", {}, {}, 400, "InvalidInputError"],
  ["a key of 300 characters", path, {}, { "Idempotency-Key": long }, 400, "InvalidInputError"],
  ["an empty key", path, {}, { "Idempotency-Key": '""' }, 400, "InvalidInputError"],
  [
    "a form",
    path,
    "nodeId=1",
    { "content-type": "application/x-www-form-urlencoded" },
    415,
    "UnsupportedMediaTypeError",
  ],
  ["a body over 64 kB", path, { nodeId: "x".repeat(70_000) }, {}, 413, "PayloadTooLargeError"],
  ["a path that does not exist", "/device/device-1/key", {}, {}, 404, "RouteNotFoundError"],
])("%s is refused without a platform call", async (_, target, body, headers, status, code) => {
  const before = rekey.simulator.counters.total;
  const answer = await rekey.http("PUT", target, body, headers);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect([answer.status, answer.json.code]).toEqual([status, code]);
  expect(answer.headers.get("x-request-id")).toBe(answer.json.requestId);
  expect(rekey.simulator.counters.total).toBe(before);
});

test("a body of 10 MB is refused", async () => {
  const answer = await rekey.http("PUT", path, { nodeId: "x".repeat(10_000_000) });
  expect(answer.status).toBe(413);
});

test("all faults are listed with their paths", async () => {
  const answer = await rekey.http("PUT", path, { nodeId: "", timeout: "x", colour: "red" });
  expect(answer.json.errors.map((fault: { path: string }) => fault.path).sort()).toEqual([
    "colour",
    "nodeId",
    "timeout",
  ]);
  const thrown = await rekey.refresh({ deviceId: "", nodeId: 1, colour: "red" });
  expect(errorOf(thrown)).toBe("InvalidInputError");
  for (const name of ["deviceId", "nodeId", "colour"]) expect(JSON.stringify(thrown)).toContain(name);
});

test.each([".", "..", "a/b", "a\\b", "a%2fb", "a?b", "a b", "a\u0000b", ""])(
  "the deviceId %j is refused when invoked directly",
  async (deviceId) => {
    const before = rekey.simulator.counters.total;
    expect(errorOf(await rekey.refresh({ deviceId }))).toBe("InvalidInputError");
    expect(rekey.simulator.counters.total).toBe(before);
  },
);

test("a value of a wrong type is told from one that is missing", async () => {
  const { json } = await rekey.http("PUT", path, { nodeId: 7, timeout: "soon" });
  expect(json.errors).toEqual([
    { path: "nodeId", message: "must be a string" },
    { path: "timeout", message: "must be a number" },
  ]);
});

test("null counts as absent and an empty body as none", async () => {
  expect((await rekey.http("PUT", path, { nodeId: null, timeout: null })).status).toBe(200);
  expect((await rekey.http("PUT", "/devices/device-2/key")).status).toBe(200);
});

test("a sane request id is the caller's, any other is ours; an answer with a code is not stored", async () => {
  const sane = await rekey.http("PUT", path, {}, { "X-Request-Id": "ticket:4711" });
  expect(sane.headers.get("x-request-id")).toBe("ticket:4711");
  expect(sane.headers.get("cache-control")).toBe("no-store");
  const odd = await rekey.http("PUT", path, {}, { "X-Request-Id": "a b<script>" });
  expect(odd.headers.get("x-request-id")).not.toContain("script");
});

describe("methods and routes", () => {
  test.each([
    ["DELETE", path, "PUT"],
    ["PUT", "/authenticate", "POST"],
    ["POST", "/health", "GET"],
  ])("%s %s is 405 and says what is allowed", async (method, target, allow) => {
    const answer = await rekey.http(method, target);
    expect([answer.status, answer.json.code, answer.headers.get("allow")]).toEqual([
      405,
      "MethodNotAllowedError",
      allow,
    ]);
  });
});

describe("authenticate", () => {
  test("keeps the token to itself unless it is asked for, and renews on demand", async () => {
    const quiet = await rekey.http("POST", "/authenticate");
    expect(quiet.json).toEqual({ expiresAt: expect.any(String), expiresIn: expect.any(Number), tokenType: "Bearer" });
    const first = (await rekey.http("POST", "/authenticate", { includeToken: true })).json.accessToken;
    expect(first).toBe(rekey.simulator.application.token);
    const second = (await rekey.http("POST", "/authenticate", { includeToken: true, renew: true })).json.accessToken;
    expect(second).not.toBe(first);
    expect(second).toBe(rekey.simulator.application.token);
  });

  test("hands out what another sandbox published meanwhile", async () => {
    await rekey.http("POST", "/authenticate", { includeToken: true });
    rekey.simulator.killToken();
    await rekey.http("PUT", path, {});
    const answer = await rekey.http("POST", "/authenticate", { includeToken: true });
    expect(answer.json.accessToken).toBe(rekey.simulator.application.token);
  });
});

describe("statusCheck", () => {
  test.each([
    ["device-1", true, []],
    ["device-online", false, ["DeviceOnlineError"]],
    ["device-new", false, ["DeviceNotActiveError"]],
  ])("%s is refreshable: %s, because of %j", async (deviceId, refreshable, reasons) => {
    const answer = await rekey.http("GET", `/devices/${deviceId}/status`);
    expect(answer.json).toMatchObject({ deviceId, refreshable, reasons });
  });

  test("the service says of its secret, its session and the platform whether they work, without a login", async () => {
    const before = rekey.simulator.counters.requests.login;
    const answer = await rekey.http("GET", "/status");
    const part = { ok: true, ms: expect.any(Number) };
    expect([answer.status, answer.json]).toEqual([200, { ok: true, secret: part, session: part, platform: part }]);
    expect(rekey.simulator.counters.requests.login).toBe(before);
  });
});
