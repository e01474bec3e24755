import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Fault } from "../../shared/errors.ts";
import {
  bodyOf,
  callerOf,
  type HttpEvent,
  headerOf,
  idempotencyKeyOf,
  isHttpEvent,
  queryOf,
  rawBodyOf,
  requestIdOf,
} from "../../shared/http/request.ts";

const eventOf = (changes: object = {}): HttpEvent =>
  ({
    version: "2.0",
    headers: {},
    requestContext: { http: { method: "PUT" } },
    isBase64Encoded: false,
    ...changes,
  }) as unknown as HttpEvent;
const withHeaders = (headers: Record<string, string>) => eventOf({ headers });

test.each<[unknown, boolean]>([
  [eventOf(), true],
  [{ version: "2.0", requestContext: {} }, false],
  [{ version: "2.0", requestContext: { http: null } }, false],
  [{ version: "2.0", requestContext: { http: { method: 7 } } }, false],
  [{ version: "2.0", requestContext: null }, false],
  [{ version: "2.0", requestContext: "http" }, false],
  [{ version: "2.0" }, false],
  [{ version: "1.0", requestContext: { http: {} } }, false],
  [{ requestContext: { http: {} } }, false],
  [{ deviceId: "d" }, false],
  [null, false],
  ["2.0", false],
  [undefined, false],
])("%j came through the gateway: %s", (event, came) => {
  expect(isHttpEvent(event)).toBe(came);
});

test("a header is found in every spelling, and an absent one is undefined", () => {
  for (const name of ["X-Request-Id", "x-request-id", "X-REQUEST-ID"]) {
    expect(headerOf(withHeaders({ other: "o", [name]: "v" }), "X-request-ID")).toBe("v");
  }
  expect(headerOf(withHeaders({ other: "o" }), "x")).toBeUndefined();
  expect(headerOf(eventOf({ headers: undefined }), "x")).toBeUndefined();
});

test.each<[string, string]>([
  ["abc", "abc"],
  [" abc ", "abc"],
  ['"abc"', "abc"],
  ['"a b"', "a b"],
  ['"a\\"b\\\\c"', 'a"b\\c'],
  ['"a"b"', '"a"b"'],
  ['"a\\x"', '"a\\x"'],
  ['"a', '"a'],
  ['a"', 'a"'],
  ['""', ""],
])("the idempotency key %j is %j", (sent, read) => {
  expect(idempotencyKeyOf(withHeaders({ "Idempotency-Key": sent }))).toBe(read);
});

test("any key comes back out of its quotes, and no header is no key", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (key) => {
      const quoted = `"${key.replace(/["\\]/g, "\\$&")}"`;
      expect(idempotencyKeyOf(withHeaders({ "idempotency-key": quoted }))).toBe(key);
    }),
  );
  expect(idempotencyKeyOf(eventOf())).toBeUndefined();
});

test.each<[string, string | undefined]>([
  ["a", "a"],
  ["ticket:4711/x=y+z@h_1.2-3", "ticket:4711/x=y+z@h_1.2-3"],
  ["a".repeat(128), "a".repeat(128)],
  ["a".repeat(129), undefined],
  ["", undefined],
  ["a b", undefined],
  ["a\nb", undefined],
  ["a\n", undefined],
  ["<a>", undefined],
  ["ä", undefined],
])("of the request id %j is taken over %j", (given, taken) => {
  expect(requestIdOf(withHeaders({ "x-request-id": given }))).toBe(taken);
});

test("without one there is none to take over", () => {
  expect(requestIdOf(eventOf())).toBeUndefined();
});

test.each<[HttpEvent, string]>([
  [eventOf(), "unknown"],
  [eventOf({ requestContext: { http: { method: "PUT" }, authorizer: { iam: { userArn: "arn:x" } } } }), "arn:x"],
  [eventOf({ requestContext: { http: { method: "PUT" }, authorizer: { jwt: { claims: { sub: "s" } } } } }), "s"],
  [eventOf({ requestContext: { http: { method: "PUT" }, authorizer: { iam: { userArn: 5 } } } }), "unknown"],
  [eventOf({ requestContext: { http: { method: "PUT" }, authorizer: { iam: null } } }), "unknown"],
  [eventOf({ requestContext: { http: { method: "PUT" }, authorizer: "iam" } }), "unknown"],
])("the caller of %j is %j", (event, caller) => {
  expect(callerOf(event)).toBe(caller);
});

describe("a body", () => {
  const read = (changes: object, allowed = ["nodeId"]) => {
    const faults: Fault[] = [];
    return { members: bodyOf(eventOf(changes), allowed, faults), faults };
  };

  test.each(["", " \r\n\t", undefined])("%j is none", (body) => {
    expect(read({ body, headers: { "content-type": "text/plain" } })).toEqual({ members: {}, faults: [] });
  });

  test.each([
    undefined,
    "application/json",
    "Application/JSON; charset=utf-8",
    "application/json ;charset=utf-8",
    "application/problem+json",
    "application/vnd.a-b.c+json",
  ])("is taken as %s", (type) => {
    const headers = type === undefined ? {} : { "CONTENT-TYPE": type };
    expect(read({ body: '{"nodeId":"n"}', headers }).members).toEqual({ nodeId: "n" });
  });

  test.each([
    "text/plain",
    "",
    "application/x-www-form-urlencoded",
    "application/jsonx",
    "xapplication/json",
    "xapplication/a+json",
    "application/a+jsonx",
    "application/+json",
  ])("is refused as %j", (type) => {
    expect(() => read({ body: "{}", headers: { "content-type": type } })).toThrow(
      expect.objectContaining({
        name: "UnsupportedMediaTypeError",
        message: "The body's Content-Type is not application/json",
      }),
    );
  });

  test.each<[string, string]>([
    ["[]", "the body is not a JSON object"],
    ["null", "the body is not a JSON object"],
    ["5", "the body is not a JSON object"],
    ["{", "the body is not JSON"],
    ["nodeId=n", "the body is not JSON"],
  ])("%j is refused: %s", (body, message) => {
    expect(() => read({ body })).toThrow(
      expect.objectContaining({ name: "InvalidInputError", faults: [{ path: "", message }] }),
    );
  });

  test("of base64 is decoded, and counted by its bytes", () => {
    const encoded = (text: string) => ({ body: Buffer.from(text).toString("base64"), isBase64Encoded: true });
    expect(read(encoded('{"nodeId":"ü"}')).members).toEqual({ nodeId: "ü" });
    expect(rawBodyOf(eventOf(encoded("x".repeat(65_536))), 65_536)).toHaveLength(65_536);
    expect(() => rawBodyOf(eventOf(encoded("x".repeat(65_537))), 65_536)).toThrow("The body has more than 64 kB");
  });

  test("may have 64 kB, and not a byte more, whatever its characters weigh", () => {
    const ofBytes = (count: number) => `{"nodeId":"${"ü".repeat((count - 13) / 2)}"}`;
    expect(Buffer.byteLength(ofBytes(65_535))).toBe(65_535);
    expect(read({ body: ofBytes(65_535) }).faults).toEqual([]);
    expect(read({ body: `${ofBytes(65_535)} ` }).faults).toEqual([]);
    expect(() => read({ body: `${ofBytes(65_535)}  ` })).toThrow(
      expect.objectContaining({ name: "PayloadTooLargeError", message: "The body has more than 64 kB", status: 413 }),
    );
  });

  test("brings its known members, and a fault for every other one, cut to 64 characters", () => {
    const body = `{"nodeId":"n","__proto__":{"nodeId":"p"},"constructor":1,"${"x".repeat(70)}":1}`;
    const { members, faults } = read({ body });
    expect(members).toEqual({ nodeId: "n" });
    expect(faults).toEqual(
      ["__proto__", "constructor", "x".repeat(64)].map((path) => ({ path, message: "is unknown" })),
    );
  });
});

test("a query brings what the route knows, and a fault for all else", () => {
  const faults: Fault[] = [];
  const queryStringParameters = { appId: "a", other: "o" };
  expect(queryOf(eventOf({ queryStringParameters }), ["appId"], faults)).toEqual({ appId: "a" });
  expect(faults).toEqual([{ path: "other", message: "is unknown" }]);
  expect(queryOf(eventOf(), ["appId"], faults)).toEqual({});
});
