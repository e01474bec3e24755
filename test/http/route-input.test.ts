import { describe, expect, test } from "vitest";
import type { Fault } from "../../shared/errors.ts";
import { inBody, inHeader, inQuery, ofRequest, pathParameters, routeInput } from "../../shared/http/route-input.ts";
import { eventOf } from "./one-request.ts";

const parts = [
  inBody("size"),
  inQuery("colour"),
  inHeader("token", "X-Token"),
  inHeader("key", "X-Key", (event) => event.headers["x-key"]?.toUpperCase()),
];

/** What a route makes of a request, and what it finds wrong. */
function read(event: object, given = parts, parameters = ["name"]) {
  const faults: Fault[] = [];
  return { input: routeInput(given, parameters, eventOf(event), faults), faults };
}

test.each([
  ["PUT /devices/{deviceId}/key", ["deviceId"]],
  ["GET /a/{one}/b/{two}", ["one", "two"]],
  ["GET /status", []],
])("the path of %s has the parameters %j", (key, names) => {
  expect(pathParameters(key)).toEqual(names);
});

describe("an input", () => {
  test("has each field from where its route says that it stands", () => {
    const event = {
      body: '{"size":2}',
      headers: { "x-TOKEN": "t", "x-key": "k" },
      queryStringParameters: { colour: "red" },
      pathParameters: { name: "one" },
    };
    expect(read(event)).toEqual({
      input: { size: 2, colour: "red", name: "one", token: "t", key: "K" },
      faults: [],
    });
  });

  test("has no field from where it does not stand", () => {
    const elsewhere = {
      body: '{"colour":"red","name":"two","token":"t"}',
      queryStringParameters: { size: "2", key: "k" },
      pathParameters: { name: "one" },
    };
    expect(read(elsewhere).input).toEqual({ name: "one", token: undefined, key: undefined });
    expect(read(elsewhere).faults.map(({ path }) => path)).toEqual(["colour", "name", "token", "size", "key"]);
  });

  test("has a parameter of the path that the gateway does not tell as an empty text", () => {
    expect(read({ pathParameters: undefined }).input).toMatchObject({ name: "" });
    expect(read({ pathParameters: { other: "x" } }).input).toMatchObject({ name: "" });
  });

  test("has nothing of a body that its route does not take", () => {
    expect(read({ body: "{", pathParameters: { name: "one" } }, [inQuery()])).toEqual({
      input: { name: "one" },
      faults: [],
    });
  });

  test("has no query where its route names none of it", () => {
    expect(read({ queryStringParameters: { x: "1" } }, [inQuery()]).faults).toEqual([
      { path: "x", message: "is unknown" },
    ]);
  });

  test("is what the route makes of the request, where it does so itself", () => {
    const whole = ofRequest(({ rawPath }) => ({ rawPath, name: "made" }));
    expect(read({ body: "{", queryStringParameters: { x: "1" } }, [whole])).toEqual({
      input: { rawPath: "/wishes/one", name: "" },
      faults: [],
    });
  });
});
