import fc from "fast-check";
import jsonata from "jsonata";
import { describe, expect, test } from "vitest";
import { finderOf } from "../../shared/webhook/path.ts";

const payload = {
  ticket: {
    id: 7,
    "custom-field": "x",
    tags: ["a", "b"],
    only: ["a"],
    fields: [
      { id: 1, name: "device", value: "one" },
      { id: 2, name: "it's", value: "two" },
      { id: 3, name: null, value: "three" },
    ],
  },
  empty: null,
  grid: [["a"], ["c"]],
  closed: true,
};
const find = (expression: string, from: unknown = payload) => finderOf(expression)?.(from);

describe("a path", () => {
  test.each([
    ["ticket.id", 7],
    ["ticket.custom-field", "x"],
    ["ticket.tags[1]", "b"],
    ["ticket.tags.1", "b"],
    ["ticket.fields[0].value", "one"],
    ["ticket.fields.0.value", "one"],
    ["ticket.tags[2]", undefined],
    ["ticket.id.more", undefined],
    ["ticket.id[0]", 7],
    ["ticket.id[1]", undefined],
    ["empty", undefined],
    ["empty.more", undefined],
    ["nothing.there", undefined],
    // A list is gone through: which of its members is meant is for whoever reads several values to ask.
    ["ticket.fields.value", ["one", "two", "three"]],
    ["ticket.fields.name", ["device", "it's"]],
    ["ticket.fields[id=2].value", "two"],
    ['ticket.fields[name = "it\'s"].value', "two"],
    ["ticket.fields[ name='device' ][0].value", "one"],
    ["ticket.fields[name='nobody'].value", undefined],
    ["constructor", undefined],
    ["ticket.__proto__", undefined],
    ["ticket.tags.length", undefined],
    ["ticket.custom-field.length", undefined],
    ["grid[1][0]", "c"],
  ])("%s finds %j", (expression, found) => {
    expect(finderOf(expression)).toBeTypeOf("function");
    expect(find(expression)).toEqual(found);
  });

  test("leads into each member of a payload that is a list", () => {
    expect(find("id", [{ id: 1 }, { id: null }, {}, { id: [2, 3] }])).toEqual([1, 2, 3]);
    expect(find("id[0]", [{ id: 1 }, [[{ id: 2 }]]])).toBe(1);
  });

  test("through half a million lists within lists ends, and finds nothing there", () => {
    const deep: unknown = JSON.parse(`${"[".repeat(500_000)}{"id":1}${"]".repeat(500_000)}`);
    expect(find("id", deep)).toBeUndefined();
    expect(find("a.id", { a: deep })).toBeUndefined();
  });
});

describe("a fixed value", () => {
  test.each([
    ["3600", 3600],
    ["-1", -1],
    ["0", 0],
    ['"a.b"', "a.b"],
    ["'a\"b'", 'a"b'],
    ["true", true],
    ["false", false],
  ])("%s is %j", (expression, value) => expect(find(expression)).toBe(value));
});

describe("a condition", () => {
  test.each([
    ["ticket.id = 7", true],
    ["ticket.id = '7'", false],
    ["ticket.id=7 and closed = true", true],
    ["ticket.id = 7 and closed = false", false],
    ['ticket.fields[id=1].name = "device"', true],
    ["ticket.fields.name = 'device'", false],
    ["ticket.custom-field = 'x'", undefined],
    ["nothing.there = 1", false],
    ["empty = 1", false],
    // JSONata's own: a list of the payload with one member is not that member, a list that was gathered is.
    ["ticket.only = 'a'", false],
    ["grid[0] = 'a'", false],
    ["ticket.fields[id<2].name = 'device'", undefined],
  ])("%s is %j", (expression, holds) => expect(find(expression)).toBe(holds));
});

test.each([
  ...[
    "$",
    "$x",
    "$.a",
    "$$.a",
    "null",
    "1.5",
    "1e3",
    "a..b",
    "a.",
    ".a",
    "a[x]",
    "a[-1]",
    "a[id=b]",
    "a[id=1",
    "a]",
    "",
  ],
  ...["a = b", "a = 1 and", "a = 1 or b = 2", "a = 1 andb = 2", "a != 1", "a = null", "and = 1", "a and b", "a = 1.5"],
  ...[
    "a.b()",
    "$match(a, /b/)",
    '"a\\"b"',
    "a = 'b\\n'",
    "a.*",
    "**.a",
    "a & b",
    "(a)",
    "[a]",
    "{}",
    "a^(b)",
    "a.%",
    "1234567890123456",
  ],
])("%j is for the engine", (expression) => {
  expect(finderOf(expression)).toBeUndefined();
});

test.each(["truely", "nullable", "falsework.x", "grün.ß", "a.$x", "is.true", "and", "order", "input.id"])(
  "%j is a path",
  (expression) => expect(finderOf(expression)).toBeTypeOf("function"),
);

describe("what is found here", () => {
  const name = fc.constantFrom("a", "b", "c");
  const fixed = fc.constantFrom("1", "2", '"x"', "'y'", "true", "false");
  const filter = fc.oneof(
    fc.constantFrom("[0]", "[1]"),
    fc.tuple(name, fixed).map(([key, value]) => `[${key}=${value}]`),
    fc.tuple(name, name, fixed).map(([one, other, value]) => `[${one}.${other} = ${value}]`),
  );
  const step = fc.tuple(name, fc.array(filter, { maxLength: 2 })).map(([key, filters]) => key + filters.join(""));
  const path = fc.array(step, { minLength: 1, maxLength: 3 }).map((steps) => steps.join("."));
  const condition = fc
    .array(fc.tuple(path, fixed), { minLength: 1, maxLength: 3 })
    .map((pairs) => pairs.map(([place, value]) => `${place} = ${value}`).join(" and "));
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom(1, 2, "x", "y", true, false),
      fc.dictionary(name, tie("value"), { maxKeys: 3 }),
      fc.array(tie("value"), { maxLength: 3 }),
    ),
  }));
  const plain = (found: unknown): unknown => (found === undefined ? undefined : JSON.parse(JSON.stringify(found)));

  test("is what JSONata finds", async () => {
    const property = fc.asyncProperty(fc.oneof(path, condition, fixed), value, async (expression, from) => {
      const own = finderOf(expression) ?? expect.fail(`${expression} is not read`);
      expect(plain(own(from))).toEqual(plain(await jsonata(expression).evaluate(from)));
    });
    await fc.assert(property, { numRuns: 3_000 });
  });
});
