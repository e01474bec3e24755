import { request as httpRequest } from "node:http";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../local/gateway.ts";
import { type Lambda, startLambda } from "../../local/lambda.ts";
import { match, type Route, routesOf } from "../../local/routes.ts";

const bundle = fileURLToPath(new URL("./fixtures/echo.mjs", import.meta.url));
const routes: Route[] = [
  { routeKey: "PUT /devices/{deviceId}/key", functionName: "echo", authorized: true },
  { routeKey: "GET /devices/all/key", functionName: "echo", authorized: false },
  { routeKey: "ANY /files/{rest+}", functionName: "echo", authorized: false },
  { routeKey: "POST /webhooks/{source}", functionName: "echo", authorized: false },
];
const withDefault: Route[] = [...routes, { routeKey: "$default", functionName: "echo", authorized: false }];
let lambda: Lambda;
let gateway: Gateway;
let strict: Gateway;

beforeAll(async () => {
  lambda = await startLambda({ functions: { echo: { bundle } } });
  gateway = await startGateway({ routes: withDefault, invoke: lambda.invoke, integrationTimeoutSeconds: 1 });
  strict = await startGateway({ routes, invoke: lambda.invoke, requireSignature: true });
});

afterAll(async () => {
  await Promise.all([gateway.close(), strict.close()]);
  await lambda.close();
});

/** The event that the function saw. */
async function eventFor(path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  return (await (await fetch(`${gateway.url}${path}`, init)).json()) as Record<string, unknown>;
}

const post = (body: string | Uint8Array<ArrayBuffer>, type = "text/plain") =>
  fetch(`${gateway.url}/webhooks/x`, { method: "POST", body, headers: { "content-type": type } });

describe("the event", () => {
  test("holds path, query, headers, cookies and body as payload format 2.0 has them", async () => {
    const event = await eventFor("/devices/d%201/key?appId=a%2Fb&x=1&x=2", {
      method: "PUT",
      headers: [
        ["Content-Type", "application/json"],
        ["X-Twice", "one"],
        ["x-twice", "two"],
        ["Cookie", "a=1; b=2"],
      ],
      body: '{"nodeId":"n"}',
    });
    expect(event).toMatchObject({
      version: "2.0",
      routeKey: "PUT /devices/{deviceId}/key",
      rawPath: "/devices/d 1/key",
      rawQueryString: "appId=a%2Fb&x=1&x=2",
      queryStringParameters: { appId: "a/b", x: "1,2" },
      pathParameters: { deviceId: "d 1" },
      cookies: ["a=1", "b=2"],
      headers: { "content-type": "application/json", "x-forwarded-proto": "http", "content-length": "14" },
      body: '{"nodeId":"n"}',
      isBase64Encoded: false,
      requestContext: {
        http: { method: "PUT", path: "/devices/d 1/key", protocol: "HTTP/1.1", sourceIp: "127.0.0.1" },
        stage: "$default",
        time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
      },
    });
    expect((event["headers"] as Record<string, string>)["x-twice"]).toMatch(/^one, ?two$/);
    expect(event["headers"]).not.toHaveProperty("cookie");
  });

  test("has no body, query or path parameters where there are none", async () => {
    const event = await eventFor("/nowhere");
    expect(event["routeKey"]).toBe("$default");
    for (const field of ["body", "queryStringParameters", "pathParameters", "cookies"]) {
      expect(event).not.toHaveProperty(field);
    }
  });

  test.each([
    ["application/json", '{"a":"ü"}', false],
    ["application/x-www-form-urlencoded", "a=b", true],
    ["application/octet-stream", "abc", true],
  ])("with a body of %s keeps its bytes", async (type, body, encoded) => {
    const event = await (await post(body, type)).json();
    expect(event).toMatchObject({ isBase64Encoded: encoded });
    const { body: got } = event as { body: string };
    expect(Buffer.from(got, encoded ? "base64" : "utf8").toString("utf8")).toBe(body);
  });

  test("carries bytes that are not UTF-8 as base64 whatever the type says", async () => {
    const event = await (await post(new Uint8Array([0x61, 0xff]), "application/json")).json();
    expect(event).toMatchObject({ isBase64Encoded: true, body: Buffer.from([0x61, 0xff]).toString("base64") });
  });
});

describe("the answer", () => {
  test("is the function's status, headers, cookies and bytes", async () => {
    const answer = await post("binary");
    expect([answer.status, answer.headers.get("content-type")]).toEqual([201, "image/png"]);
    expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(new Uint8Array([0, 1, 2]));
  });

  test("is the result as JSON when it has no statusCode", async () => {
    const answer = await post("plain");
    expect([answer.status, await answer.json()]).toEqual([200, { plain: true }]);
  });

  test.each(["throw", "exit", "unusable", "bad header", "bad cookie"])(
    "to a function that fails (%s) is 500 without its inside",
    async (action) => {
      const answer = await post(action);
      expect([answer.status, await answer.json()]).toEqual([500, { message: "Internal Server Error" }]);
    },
  );

  test("to a function that is too slow is 503", async () => {
    const answer = await post("sleep");
    expect([answer.status, await answer.json()]).toEqual([503, { message: "Service Unavailable" }]);
  });

  test.each([false, true])("to a body over 10 MB is 413 (sent in chunks: %s)", async (chunked) => {
    const status = await new Promise((resolve, reject) => {
      const size = 10 * 1024 * 1024 + 1;
      const headers = chunked ? {} : { "content-length": size };
      const request = httpRequest(`${gateway.url}/webhooks/x`, { method: "POST", headers }, (response) => {
        resolve(response.statusCode);
        request.destroy();
      });
      request.once("error", reject);
      request.write(Buffer.alloc(size - 1));
      request.write("x");
    });
    expect(status).toBe(413);
  });

  test("to malformed percent-encoding is 400, to an unknown route without a default 404", async () => {
    expect((await fetch(`${gateway.url}/devices/%E0%A4%A/key`)).status).toBe(400);
    const answer = await fetch(`${strict.url}/nowhere`);
    expect([answer.status, await answer.json()]).toEqual([404, { message: "Not Found" }]);
  });

  test("to an unsigned request is 403 where a signature is required and the route has an authorizer", async () => {
    const put = (headers: Record<string, string>) => fetch(`${strict.url}/devices/d/key`, { method: "PUT", headers });
    expect((await put({})).status).toBe(403);
    expect((await put({ authorization: "AWS4-HMAC-SHA256 Credential=x, Signature=y" })).status).toBe(200);
    expect((await fetch(`${strict.url}/devices/all/key`)).status).toBe(200);
  });
});

describe("routing", () => {
  test.each([
    ["GET", "/devices/all/key", "GET /devices/all/key", {}],
    ["PUT", "/devices/a%2Fb/key", "PUT /devices/{deviceId}/key", { deviceId: "a/b" }],
    ["PUT", "/devices/../key", "PUT /devices/{deviceId}/key", { deviceId: ".." }],
    ["PUT", "/devices//key", "$default", {}],
    ["PUT", "/devices/a/b/key", "$default", {}],
    ["PUT", "/devices/a/key/", "$default", {}],
    ["GET", "/devices/d/key", "$default", {}],
    ["DELETE", "/files/a/b%20c", "ANY /files/{rest+}", { rest: "a/b c" }],
  ])("%s %s goes to %s", (method, path, routeKey, pathParameters) => {
    const found = match(withDefault, method, path);
    expect([found?.route.routeKey, found?.pathParameters]).toEqual([routeKey, pathParameters]);
  });

  test("the routes of serverless.yml are the interface's, and only the open ones have no authorizer", async () => {
    const found = await routesOf(fileURLToPath(new URL("../../serverless.yml", import.meta.url)));
    const shown = found.map((one) => `${one.routeKey} ${one.functionName}${one.authorized ? "" : " open"}`);
    expect(shown.toSorted()).toEqual([
      "$default statusCheck open",
      "GET /devices/{deviceId}/status statusCheck",
      "GET /health statusCheck open",
      "GET /status statusCheck",
      "POST /authenticate authenticate",
      "POST /webhooks/{source} ticketWebhook open",
      "PUT /devices/{deviceId}/key refreshDeviceKey",
    ]);
  });
});
