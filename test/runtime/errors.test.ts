import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { type ErrorContext, errorNames, isErrorName, RekeyError, traitsOf } from "../../shared/errors.ts";
import { faultsOf, listed } from "../../shared/input-faults.ts";
import { jsonOf, memberOf, valueAt } from "../../shared/json.ts";

// The table of errors that the users of this service are given; the last row has several names, one for each status.
const page = readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8");
const promised = [...page.matchAll(/^\| (`\w+Error`.*?) \| (\d{3}.*?) \| (yes|no|with a key).*? \|/gm)].flatMap(
  ([, names = "", statuses = "", retryable]) => {
    const listed = [...names.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
    const all = statuses.match(/\d{3}/g) ?? [];
    return listed.map((name, at): [string, number, boolean] => [name, Number(all[at]), retryable !== "no"]);
  },
);

describe("the family", () => {
  test.each(promised)("has a %s, of status %d, worth a repeat: %s", (name, status, retryable) => {
    if (!isErrorName(name)) return expect.fail(`docs/api.md names ${name}, which is none of the family`);
    const error = new RekeyError(name, "It failed");
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name, message: "It failed", status, retryable });
    expect(error).toMatchObject(traitsOf(name));
    expect(String(error)).toBe(`${name}: It failed`);
  });

  test("has no further members", () => {
    expect([...errorNames].sort()).toEqual(promised.map(([name]) => name).sort());
  });

  test.each(["", "Error", "invalidInputError", "constructor", "toString", "__proto__"])("does not have %j", (text) => {
    expect(isErrorName(text)).toBe(false);
  });
});

describe("an error", () => {
  const context = {
    ...{ platformCode: "1010009", status: 418, retryable: false, advice: "Wait", retryAfterSeconds: 7 },
    ...{ faults: [{ path: "a", message: "is missing" }], allow: ["GET"], cause: new Error("Socket hang up") },
  } satisfies Required<ErrorContext>;

  test("of which nothing more is known has its name's defaults and nothing else", () => {
    const error = new RekeyError("DeviceOnlineError", "It is online");
    const { platformCode, retryAfterSeconds, faults, allow } = error;
    expect([platformCode, retryAfterSeconds, faults, allow]).toEqual(Array(4).fill(undefined));
    expect("cause" in error).toBe(false);
  });

  test("takes over all that is known of its occurrence, but for the title", () => {
    const error = new RekeyError("PlatformThrottledError", "Too many", context);
    expect(error).toMatchObject({ ...context, title: traitsOf("PlatformThrottledError").title });
  });

  test("is retryable when its occurrence is, though its name is not", () => {
    expect(new RekeyError("ConfigurationError", "No", { retryable: true }).retryable).toBe(true);
  });

  test("passes as its name does, and not at all where this time it is not retryable", () => {
    expect(new RekeyError("AccessTokenRejectedError", "No").passing).toBe("outage");
    expect(new RekeyError("AccessTokenRejectedError", "No", { retryable: false }).passing).toBeUndefined();
    expect(new RekeyError("ConfigurationError", "No", { retryable: true }).passing).toBeUndefined();
  });

  test.each(Object.entries(context))("whose %s is changed keeps the rest", (trait, value) => {
    const before = new RekeyError("PlatformThrottledError", "Too many", {
      ...{ platformCode: "1", status: 429, retryable: true, advice: "Stop", retryAfterSeconds: 60 },
      ...{ faults: [], allow: [], cause: "another" },
    });
    const after = before.with({ [trait]: value });
    const { name, message, title, status, retryable, advice, platformCode, retryAfterSeconds, faults, allow, cause } =
      before;
    expect(after).toMatchObject({
      ...{ name, message, title, status, retryable, advice, platformCode, retryAfterSeconds, faults, allow, cause },
      [trait]: value,
    });
    expect(before).not.toMatchObject({ [trait]: value });
  });

  test("that is changed says the same, unless it is given other words", () => {
    const error = new RekeyError("DeviceOnlineError", "It is online");
    expect(error.with({}).message).toBe("It is online");
    expect(error.with({}, "It is still online").message).toBe("It is still online");
    expect(error.with({ retryable: false })).toBeInstanceOf(RekeyError);
    expect(error).toMatchObject({ message: "It is online", retryable: true });
  });

  test("that is changed gains nothing that neither it nor the change had", () => {
    const after = new RekeyError("DeviceOnlineError", "It is online").with({ retryAfterSeconds: 60 });
    expect([after.platformCode, after.faults, after.allow, "cause" in after]).toEqual([
      ...[undefined, undefined, undefined, false],
    ]);
    expect(after).toMatchObject({ ...traitsOf("DeviceOnlineError"), retryAfterSeconds: 60 });
  });
});

describe("what is wrong with a value", () => {
  const schema = z.strictObject({
    text: z.optional(z.string().check(z.minLength(1), z.maxLength(3))),
    long: z.optional(z.string().check(z.minLength(2))),
    letters: z.optional(z.string().check(z.regex(/^[a-z]*$/, "must be letters"))),
    plain: z.optional(z.string().check(z.regex(/^x/))),
    unsaid: z.optional(z.string().check(z.regex(/^x/, { error: "" }))),
    whole: z.optional(z.int().check(z.minimum(1), z.maximum(9))),
    choice: z.optional(z.enum(["a", "b", "c"])),
    only: z.optional(z.literal("d")),
    list: z.optional(z.array(z.strictObject({ id: z.string() }))),
    whether: z.optional(z.boolean()),
  });
  const said = (value: unknown) =>
    listed(schema.safeParse(value, { reportInput: true }).error?.issues.flatMap(faultsOf) ?? []);

  test.each<[unknown, string]>([
    [{}, ""],
    [{ text: "" }, "text must not be empty"],
    [{ text: "four" }, "text must have at most 3 characters"],
    [{ text: 7 }, "text must be a string"],
    [{ long: "a" }, "long must have at least 2 characters"],
    [{ letters: "a1" }, "letters must be letters"],
    [{ plain: "secret" }, "plain is not valid"],
    [{ unsaid: "secret" }, "unsaid is not valid"],
    [{ whole: 1.5 }, "whole must be a whole number"],
    [{ whole: 0 }, "whole must be at least 1"],
    [{ whole: 10 }, "whole must be at most 9"],
    [{ whole: "1" }, "whole must be a number"],
    [{ choice: "secret" }, "choice is not valid: it must be a, b or c"],
    [{ only: "secret" }, "only is not valid: it must be d"],
    [{ list: {} }, "list must be an array"],
    [{ list: [{ id: "1" }, {}] }, "list.1.id is missing"],
    [{ list: [{ id: "1", secret: 1, other: 2 }] }, "list.0.secret is unknown; list.0.other is unknown"],
    [{ whether: "yes" }, "whether must be a boolean"],
    [{ [`${"k".repeat(64)}secret`]: 1 }, `${"k".repeat(64)} is unknown`],
    [{ text: "", whole: 0 }, "text must not be empty; whole must be at least 1"],
    [undefined, "must be an object"],
    ["secret", "must be an object"],
  ])("%j: %s", (value, words) => {
    expect(said(value)).toBe(words);
  });
});

describe("a JSON text", () => {
  test.each(['{"a":[1,null]}', '"text"', "null", "false", "0", " [ ] "])("that is %j says what it says", (text) => {
    expect(jsonOf(text)).toEqual(JSON.parse(text));
  });

  test.each(["", "{", "secret", "undefined", "{} {}", "'a'", "\ufeff{}"])(
    "that is none, as %j, says nothing",
    (text) => {
      expect(jsonOf(text)).toBeUndefined();
    },
  );
});

describe("a value that nothing is known of", () => {
  const value = { a: { b: [{ c: 0 }], none: null, nothing: undefined } };

  test.each([
    [["a", "b", "0", "c"], 0],
    [["a", "none"], null],
    [["a", "none", "c"], undefined],
    [["a", "nothing"], undefined],
    [["a", "b", "length"], 1],
    [["x", "y"], undefined],
    [["constructor", "name"], undefined],
    [["a", "__proto__"], undefined],
    [[], value],
  ])("has at %j %j", (path, found) => {
    expect(valueAt(value, path)).toEqual(found);
  });

  test.each([undefined, null, 7, "text", true, () => 0])("has no members where it is %j", (other) => {
    expect(memberOf(other, "length")).toBeUndefined();
    expect(memberOf(other, "toString")).toBeUndefined();
  });
});
