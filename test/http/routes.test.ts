import { describe, expect, test } from "vitest";
import type { Routes } from "../../shared/http/operation.ts";
import type { HttpEvent } from "../../shared/http/request.ts";
import { routeOf } from "../../shared/http/routes.ts";

const routes: Routes = {
  "PUT /devices/{deviceId}/key": { input: () => "key" },
  "GET /devices/{deviceId}/status": { input: () => "status" },
  "GET /health": { open: true, input: () => "health" },
};
const others = ["POST /authenticate", "POST /webhooks/{source}"];

const eventOf = (routeKey: string, method: string, rawPath: string) =>
  ({ version: "2.0", routeKey, rawPath, requestContext: { http: { method } } }) as unknown as HttpEvent;

describe("a route of the operation's own", () => {
  test.each([
    ["PUT /devices/{deviceId}/key", "PUT", "/devices/1/key"],
    ["PUT /devices/{deviceId}/key", "PUT", "/devices/a/b/key"],
    ["PUT /devices/{deviceId}/key", "PUT", "/devices/a\nb/key"],
    ["GET /devices/{deviceId}/status", "GET", "/live/devices/1/status"],
    ["GET /health", "GET", "/health"],
    ["GET /health", "GET", "/a/base/path/health"],
  ] as const)("%s takes %s %j", (key, method, path) => {
    expect(routeOf(routes, eventOf(key, method, path))).toBe(routes[key]);
  });
});

describe("whatever else", () => {
  test.each([
    ["$default", "GET", "/nowhere"],
    // The gateway asks for an authorization by the route's key.
    ["$default", "GET", "/health"],
    ["$default", "PUT", "/devices/1/key"],
    ["ANY /{proxy+}", "PUT", "/devices/1/key"],
    ["GET /status", "GET", "/status"],
    ["GET /health", "GET", "/elsewhere"],
    ["GET /health", "GET", "/health/"],
    ["PUT /devices/{deviceId}/key", "PUT", "/devices/1/status/key/x"],
    ["POST /authenticate", "POST", "/authenticate"],
    ["toString", "GET", "/health"],
  ])("(%s, %s %s) is no route", (key, method, path) => {
    expect(() => routeOf(routes, eventOf(key, method, path), others)).toThrow(
      expect.objectContaining({ name: "RouteNotFoundError", status: 404 }),
    );
  });

  test.each([
    ["$default", "POST", "/health", ["GET"]],
    ["$default", "DELETE", "/devices/1/key", ["PUT"]],
    ["$default", "GET", "/authenticate", ["POST"]],
    ["$default", "PUT", "/webhooks/desk", ["POST"]],
    ["GET /health", "HEAD", "/health", ["GET"]],
    ["PUT /devices/{deviceId}/key", "GET", "/devices/1/key", ["PUT"]],
  ])("(%s, %s %s) has the methods that its path takes", (key, method, path, allow) => {
    expect(() => routeOf(routes, eventOf(key, method, path), others)).toThrow(
      expect.objectContaining({ name: "MethodNotAllowedError", status: 405, allow }),
    );
  });

  test("is none where an operation has no route at all", () => {
    expect(() => routeOf({}, eventOf("GET /health", "GET", "/health"))).toThrow("There is no such route");
  });
});
