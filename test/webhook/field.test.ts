import { describe, expect, test } from "vitest";
import { compileField, isPlainPath, reasonOf } from "../../shared/webhook/field.ts";

const payload = {
  ticket: {
    id: 7,
    "custom-field": "x",
    tags: ["a", "b"],
    fields: [
      { id: 1, value: "one" },
      { id: 2, value: "two" },
    ],
  },
  empty: null,
  grid: [["a"], ["c"]],
  text: "Device: meter-1\nIMEI: 860000000000001",
};
const read = async (expression: string, from: unknown = payload) => (await compileField(expression)).read(from);

describe("a plain path", () => {
  test.each([
    ["ticket.id", 7],
    ["ticket.custom-field", "x"],
    ["ticket.tags[1]", "b"],
    ["ticket.fields[0].value", "one"],
    ["ticket.tags[2]", undefined],
    ["ticket.id.more", undefined],
    ["empty", null],
    ["empty.more", undefined],
    ["nothing.there", undefined],
    // A list is not gone through: which of its members is meant is for an expression to say.
    ["ticket.fields.value", undefined],
    ["constructor", undefined],
    ["ticket.__proto__", undefined],
    ["ticket.tags.length", 2],
    ["text.length", undefined],
    ["grid[1][0]", "c"],
  ])("%s finds %j", async (expression, found) => {
    expect(isPlainPath(expression)).toBe(true);
    expect(await read(expression)).toEqual(found);
  });

  test.each(["$", "$x", "true", "false", "null", "1", "a = b", "a..b", "a.", ".a", "a[x]", "a[id=1]", ""])(
    "%j is none",
    (expression) => {
      expect(isPlainPath(expression)).toBe(false);
    },
  );

  test.each(["truely", "nullable", "falsework.x", "grün.ß", "a.$x", "is.true"])("%j is one", (expression) => {
    expect(isPlainPath(expression)).toBe(true);
  });
});

describe("an expression", () => {
  test.each([
    ["ticket.fields[id=2].value", "two"],
    ["ticket.fields[id>1].value", "two"],
    ["$match(text, /IMEI: *(\\d{15})/)[0].groups[0]", "860000000000001"],
    ["$match(text, /device: (\\S+)/i)[0].groups[0]", "meter-1"],
    ["$match(text, /nothing/)[0].groups[0]", undefined],
    ["$replace(text, /[^0-9]/, '')", "1860000000000001"],
    ["true", true],
    ["3600", 3600],
    ["ticket.id = 7 and $exists(ticket.tags)", true],
    ["nothing.there[id=1]", undefined],
    ["[ticket.id]", 7],
    ["[ticket.id, 8]", [7, 8]],
  ])("%s finds %j", async (expression, found) => {
    expect(await read(expression)).toEqual(found);
  });

  test("that cannot be read says where", async () => {
    await expect(compileField("ticket.((")).rejects.toMatchObject({
      ...{ name: "ConfigurationError", message: expect.stringMatching(/^The expression cannot be read: .+/) },
      cause: expect.objectContaining({ position: expect.any(Number) }),
    });
  });

  test("of more than 2000 characters is refused, one of 2000 is not", async () => {
    const long = (length: number) => `"${"x".repeat(length - 2)}"`;
    await expect(compileField(long(2_001))).rejects.toMatchObject({
      ...{ name: "ConfigurationError", message: "The expression has more than 2000 characters" },
    });
    expect(await read(long(2_000))).toBe("x".repeat(1_998));
  });

  test.each([
    ["a pattern that backtracks for ever", "$match(text, /(a+)+$/)", { text: `${"a".repeat(40)}!` }],
    ["a function that calls itself for ever", "($f := function($x) { $f($x) + 1 }; $f(1))", payload],
    ["a loop without end", "($f := function($x) { $f($x) }; $f(1))", payload],
    ["a range without end", "[1..9999999]", payload],
  ])("%s is stopped in time", async (_, expression, from) => {
    const startedAt = performance.now();
    await expect(read(expression, from)).rejects.toBeDefined();
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});

test.each([
  [{ message: "words" }, "words"],
  [{ message: "x".repeat(300) }, "x".repeat(200)],
  [{}, "no reason given"],
  [null, "no reason given"],
  ["text", "no reason given"],
])("the reason of %j is %s", (error, reason) => expect(reasonOf(error)).toBe(reason));
