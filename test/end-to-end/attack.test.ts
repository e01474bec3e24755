import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Outcome } from "../../local/sandbox.ts";
import { type Rekey, resultOf, startRekey } from "./rekey.ts";

let rekey: Rekey;
const secret = "an application's very own password";
const codeKey = Buffer.alloc(32, 7).toString("base64");

beforeAll(async () => {
  rekey = await startRekey({ secret }, { codeKey });
  await rekey.http("PUT", "/devices/device-1/key", {}, { "Idempotency-Key": "first" });
});
afterAll(() => rekey.close());

interface Request {
  readonly route: string;
  readonly path: Record<string, string>;
  readonly query: Record<string, string>;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  readonly isBase64Encoded: boolean;
}

/** What the gateway would hand over, without its own corrections. */
const eventOf = ({ route, path, query, headers, body, isBase64Encoded }: Request) => ({
  version: "2.0",
  routeKey: route,
  rawPath: "/x",
  rawQueryString: "",
  headers,
  pathParameters: path,
  queryStringParameters: query,
  requestContext: { http: { method: route.split(" ")[0], path: "/x" }, requestId: "r" },
  ...(body === undefined ? {} : { body }),
  isBase64Encoded,
});

const word = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constantFrom("device-1", "..", "../x", "__proto__", "constructor", "a\r\nx: y", "%2e%2e", "\u0000"),
);
const name = fc.oneof(
  word,
  fc.constantFrom("appId", "nodeId", "X-Request-Id", "idempotency-key", "X-Platform-Access-Token", "Content-Type"),
);
const body = fc.oneof(
  fc.constant(undefined),
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.json({ maxDepth: 4 }),
  fc
    .dictionary(fc.oneof(name, fc.constantFrom("verifyCode", "timeout", "expectedNodeId", "renew")), fc.jsonValue())
    .map((one) => JSON.stringify(one)),
);
const requestTo = (route: string) =>
  fc.record({
    route: fc.constant(route),
    path: fc.dictionary(fc.constantFrom("deviceId", "__proto__"), word),
    query: fc.dictionary(name, word, { maxKeys: 2 }),
    headers: fc.dictionary(name, word, { maxKeys: 4 }),
    body,
    isBase64Encoded: fc.boolean(),
  });

function answerOf(outcome: Outcome): { statusCode: number; headers: Record<string, string>; body: string } {
  // An HTTP request is never thrown back at the gateway, which would make a bare 500 of it.
  return resultOf(outcome);
}

function leaksOf(text: string): string[] {
  const { application, devices } = rekey.simulator;
  const codes = devices.all().flatMap(({ verifyCode }) => verifyCode ?? []);
  return [secret, codeKey, application.token, application.refreshToken, "PRIVATE KEY", ...codes].filter(
    (one) => one !== "" && text.includes(one),
  );
}

describe("whatever comes over HTTP", () => {
  test.each([
    ["refreshDeviceKey", "PUT /devices/{deviceId}/key"],
    ["authenticate", "POST /authenticate"],
    ["statusCheck", "GET /devices/{deviceId}/status"],
  ])("%s answers a problem or a result, and no fault of its own", async (operation, route) => {
    await fc.assert(
      fc.asyncProperty(requestTo(route), async (request) => {
        const before = rekey.simulator.counters.total;
        const { statusCode, headers, body: text } = answerOf(await rekey.lambda.invoke(operation, eventOf(request)));
        const answer = JSON.parse(text) as Record<string, unknown>;
        expect(headers["x-request-id"]).toMatch(/^[\x21-\x7e]{1,128}$/);
        if (statusCode === 200) return;
        expect(headers["content-type"]).toBe("application/problem+json");
        // Only what got through our own checks may have come as far as the platform.
        expect([400, 401, 403, 404, 409, 413, 415]).toContain(statusCode);
        if (answer["platformCode"] === undefined && statusCode !== 401) {
          expect([answer["code"], rekey.simulator.counters.total - before]).toEqual([answer["code"], 0]);
        }
        expect(leaksOf(text)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test("nested ten thousand deep is refused like any other body that is not ours", async () => {
    for (const text of [
      "[".repeat(10_000) + "]".repeat(10_000),
      `{"nodeId":${"[".repeat(10_000)}${"]".repeat(10_000)}}`,
    ]) {
      const answer = await rekey.http("PUT", "/devices/device-1/key", text);
      expect([answer.status, answer.json.code]).toEqual([400, "InvalidInputError"]);
    }
  });
});

describe("a stolen right to invoke", () => {
  test("brings no password, key or certificate, and the token only to who asks for it and is written down", async () => {
    const answers = [
      await rekey.lambda.invoke("authenticate", {}),
      await rekey.lambda.invoke("statusCheck", {}),
      await rekey.refresh({ deviceId: "device-2", includeCode: false, idempotencyKey: "k" }),
    ];
    expect(leaksOf(JSON.stringify(answers))).toEqual([]);
    await rekey.lambda.invoke("authenticate", { includeToken: true });
    expect(rekey.lambda.lines.filter(({ line }) => line.includes('"includeToken":true')).length).toBe(1);
  });

  test.each<object>([
    { deviceId: "device-1", baseUrl: "https://evil.example" },
    { deviceId: "device-1", secretId: "another" },
    { deviceId: "device-1", __proto__: null, constructor: { prototype: {} } },
  ])("cannot point the function elsewhere with %j", async (input) => {
    const outcome = await rekey.lambda.invoke("refreshDeviceKey", input);
    expect(outcome).toMatchObject({ ok: false, error: { errorType: "InvalidInputError" } });
  });

  test("leaves a line that says who re-keyed what, for every change", async () => {
    const before = rekey.lambda.lines.length;
    await rekey.refresh({ deviceId: "device-3" });
    const lines = rekey.lambda.lines.slice(before).map(({ line }) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter(({ audit }) => audit === true)).toEqual([
      expect.objectContaining({ deviceId: "device-3", caller: "direct invocation", outcome: "ok" }),
    ]);
  });
});

test("no line that was written meanwhile holds a token, password, key or code", () => {
  expect(leaksOf(rekey.lambda.lines.map(({ line }) => line).join("\n"))).toEqual([]);
});
