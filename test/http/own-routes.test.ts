import { describe, expect, test } from "vitest";
import type { Routes } from "../../shared/http/operation.ts";
import { ownRoutes } from "../../shared/http/own-routes.ts";
import { inQuery, ofRequest } from "../../shared/http/route-input.ts";
import { eventOf, requestOf, through } from "./one-request.ts";

const routes: Routes = {
  "PUT /devices/{deviceId}/key": { takes: [ofRequest(() => ({ made: "key" }))] },
  "GET /devices/{deviceId}/status": { takes: [ofRequest(() => ({ made: "status" }))] },
  "GET /health": { open: true, takes: [ofRequest(() => ({ made: "health" }))] },
};
const otherRoutes = ["POST /authenticate", "POST /webhooks/{source}"];

/** What the operation is given for a request. */
function inputFor(routeKey: string, method: string, rawPath: string, given: Routes = routes): unknown {
  const http = eventOf({ routeKey, rawPath, requestContext: { http: { method } } });
  const link = ownRoutes({ routes: given, otherRoutes });
  return through(link, "before", requestOf({ event: http, internal: { http } })).event;
}

describe("a route of the operation's own", () => {
  test.each([
    ["PUT /devices/{deviceId}/key", "PUT", "/devices/1/key", "key"],
    // The gateway has decoded the path.
    ["PUT /devices/{deviceId}/key", "PUT", "/devices/a/b/key", "key"],
    ["PUT /devices/{deviceId}/key", "PUT", "/devices/a\nb/key", "key"],
    // A stage, or a domain's base path, stands before the route's own.
    ["GET /devices/{deviceId}/status", "GET", "/live/devices/1/status", "status"],
    ["GET /health", "GET", "/health", "health"],
    ["GET /health", "GET", "/a/base/path/health", "health"],
  ])("%s takes %s %j", (key, method, path, input) => {
    expect(inputFor(key, method, path)).toMatchObject({ made: input });
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
    ["GET /health", "POST", "/prefix/health"],
    ["PUT /devices/{deviceId}/key", "PUT", "/devices/1/key/x"],
    ["PUT /devices/{deviceId}/key", "PUT", "/devices//key"],
    ["POST /authenticate", "POST", "/authenticate"],
    ["toString", "GET", "/health"],
  ])("(%s, %s %s) is no route", (key, method, path) => {
    expect(() => inputFor(key, method, path)).toThrow(
      expect.objectContaining({ name: "RouteNotFoundError", status: 404, message: "There is no such route" }),
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
    expect(() => inputFor(key, method, path)).toThrow(
      expect.objectContaining({ name: "MethodNotAllowedError", status: 405, allow }),
    );
  });

  test("names every method of a path that has several", () => {
    const two: Routes = {
      "GET /x": { takes: [ofRequest(() => ({ made: 0 }))] },
      "PUT /x": { takes: [ofRequest(() => ({ made: 0 }))] },
    };
    expect(() => inputFor("$default", "POST", "/x", two)).toThrow("This route takes GET, PUT");
  });

  test("is none where an operation has no route at all", () => {
    expect(() => inputFor("GET /nowhere", "GET", "/nowhere", {})).toThrow("There is no such route");
  });
});

test("what does not belong into a request is told to the next link", () => {
  const http = eventOf({ queryStringParameters: { colour: "red" } });
  const link = ownRoutes({ routes: { "PUT /wishes/{name}": { takes: [inQuery()] } } });
  const { internal } = through(link, "before", requestOf({ event: http, internal: { http } }));
  expect(internal.faults).toEqual([{ path: "colour", message: "is unknown" }]);
});

test("a direct invocation's input stays what it is", () => {
  const event = { deviceId: "d" };
  expect(through(ownRoutes({ routes }), "before", requestOf({ event })).event).toBe(event);
});

test.each(["get /health", "GET health", "GET", "", "GET  /health"])("%j is not taken for a route's key", (key) => {
  expect(() => ownRoutes({ routes: {}, otherRoutes: [key] })).toThrow(TypeError);
});
