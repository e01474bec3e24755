import { describe, expect, test } from "vitest";
import { evaluate } from "../../shared/webhook/expressions.ts";

const payload = {
  ticket: {
    id: 7,
    tags: ["a", "b"],
    fields: [
      { id: 1, value: "one" },
      { id: 2, value: "two" },
    ],
  },
  empty: null,
  unset: false,
  list: ["x", null],
  large: 0,
  text: "Device: meter-1\nIMEI: 860000000000001",
};

/** What one expression finds in one event. */
async function read(expression: string, from: unknown = payload, when?: string) {
  const text = typeof from === "string" ? from : JSON.stringify(from);
  const outcome = await evaluate({ when, fields: { it: expression } }, text, 60_000);
  if ("ended" in outcome) return outcome;
  expect(outcome.faults).toEqual([]);
  expect(outcome.events).toHaveLength(1);
  return outcome.events[0]?.values["it"];
}

describe("an expression", () => {
  test.each([
    ["ticket.fields[id>1].value", { text: "two" }],
    ["$match(text, /IMEI: *(\\d{15})/)[0].groups[0]", { text: "860000000000001" }],
    ["$match(text, /device: (\\S+)/i)[0].groups[0]", { text: "meter-1" }],
    ["$match(text, /nothing/)[0].groups[0]", undefined],
    ["$replace(text, /[^0-9]/, '')", { text: "1860000000000001" }],
    ["nothing.there[id>1]", undefined],
    ["[ticket.id]", { text: "7" }],
    ["[ticket.id, 8]", { fault: "has several values" }],
    ["ticket.$", { fault: "is not a text or a number" }],
    ["ticket.id / 2", { fault: expect.stringContaining("is a number with a fraction") }],
    ["$pad('', 1001, 'x')", { fault: "has more than 1000 characters" }],
    // Nothing is given to a function of texts, as an empty field of other systems is nothing.
    ["$match(empty, /x/)[0].match", undefined],
    ["$uppercase(empty)", undefined],
    ["$exists(empty) ? 'there' : 'not there'", { text: "not there" }],
    ["$match(unset, /x/)[0].match", undefined],
    ["$trim(unset)", undefined],
    ["$lowercase(list[1])", undefined],
    ["$uppercase(list[0])", { text: "X" }],
    // Where `false` means no, it stays one.
    ["unset = false ? '60' : '3600'", { text: "60" }],
  ])("%s finds %j", async (expression, found) => {
    expect(await read(expression)).toEqual(found);
  });

  test.each([
    ["large", "89860117801234567894", { text: "89860117801234567894" }],
    ["'x' & large", "89860117801234567894", { text: "x89860117801234567894" }],
    ["$string(large)", "1234567890123456", { text: "1234567890123456" }],
    ["'x' & large", "860000000000001", { text: "x860000000000001" }],
    ["$match(large, /^\\d{6}/)[0].match", "89860117801234567894", { text: "898601" }],
    ["large[0]", "8.63704E+14", { fault: expect.stringContaining("digits were lost"), written: "8.63704E+14" }],
    ["$number('12345678901234567890')", "1", { fault: expect.stringContaining("too long to be exact") }],
  ])("%s over the number %s finds %j", async (expression, number, found) => {
    expect(await read(expression, `{"large":${number}}`)).toEqual(found);
  });

  test.each([
    ["ticket.((", "fields.it", /^The expression cannot be read: .+/],
    ["a = (", "fields.it", /^The expression cannot be read: .+/],
  ])("%s that cannot be compiled is named, and nothing is evaluated", async (expression, path, message) => {
    for (const text of ["", JSON.stringify(payload)]) {
      const outcome = await evaluate({ when: undefined, fields: { it: expression } }, text, 60_000);
      expect(outcome).toEqual({ events: [], faults: [{ path, message: expect.stringMatching(message) }] });
    }
  });

  test("is evaluated over each event whose condition holds", async () => {
    const text = JSON.stringify([{ a: 1, go: 1 }, { a: 2 }, { a: 3, go: "x" }, { a: 4, go: 2 }]);
    const outcome = await evaluate({ when: "$number(go) > 0", fields: { it: "a + 1" } }, text, 60_000);
    expect(outcome).toEqual({
      faults: [],
      events: [
        { when: true, values: { it: { text: "2" } } },
        { when: false, values: {} },
        { when: { fault: expect.stringContaining("JSONata D3030") }, values: {} },
        { when: true, values: { it: { text: "5" } } },
      ],
    });
  });

  const secret = "a-customer's-words";
  test.each([
    ["$sum(text)", "T0412"],
    ["$number(text)", "D3030"],
    ["text > 5", "T2009"],
    ["-text", "D1002"],
    ["$error(text)", "D3137"],
    ["text()", "T1006"],
    ["$toMillis(text)", "D3110"],
    ["{text: 1, 'b': text + 1}", "T2001"],
    ["$formatBase(text)", "T0410"],
  ])("%s that fails says its code and where, and nothing of the payload", async (expression, code) => {
    const found = await read(expression, { text: secret });
    expect(found).toEqual({ fault: expect.stringContaining(`(JSONata ${code}`) });
    expect(JSON.stringify(found)).not.toContain("customer");
  });

  test("sees no environment, and with it no credential", async () => {
    process.env["AWS_SECRET_ACCESS_KEY"] = "credential";
    // A way out of the engine, should it have one, would end here.
    expect(await read("$string($eval.constructor.constructor('return process.env')())")).toBeUndefined();
    delete process.env["AWS_SECRET_ACCESS_KEY"];
  });
});

describe("an evaluation without end", () => {
  const mb = "a".repeat(1_000_000);
  test.each([
    ["a pattern that backtracks for ever", "$match(text, /(a+)+$/)", { text: `${mb}!` }],
    ["a loop", "($f := function($x) { $f($x) }; $f(1))", payload],
    ["a function that calls itself", "($f := function($x) { $f($x) + 1 }; $f(1))", payload],
    ["a text that doubles", "($f := function($x) { $f($x & $x) }; $f(text))", { text: mb }],
    ["a list that doubles", "($f := function($x) { $f($append($x, $x)) }; $f([1, 2, 3]))", payload],
    ["one text of half a gigabyte", "$pad(text, 500000000)", { text: mb }],
    ["the payload four hundred times", "$join($map([1..400], function($i) { $$.text }))", { text: mb }],
    ["a range", "[1..9999999]", payload],
  ])("%s is ended, and the next one is answered", async (_, expression, from) => {
    const found = await read(expression, from);
    expect(JSON.stringify(found)).toMatch(/"(ended|fault)":"/);
    expect(await read("ticket.id + 0")).toEqual({ text: "7" });
  });

  const deep = `${'{"a":'.repeat(9_000)}1${"}".repeat(9_000)}`;
  const long = JSON.stringify(Array(3_000).fill({ b: 1 }));
  test.each([
    ["over a payload nested 9,000 deep", "a.b", deep, "it cannot be worked through"],
    ["that finds more than is taken", "$pad('', 900, 'x')", long, "it finds more than 2 MB"],
  ])("%s is ended by its own limit, which no repeat gets over", async (_, it, text, ended) => {
    expect(await evaluate({ when: undefined, fields: { it } }, text, 60_000)).toEqual({ ended });
  });

  test("that has not had the machine in the delivery's time is no fault of the delivery", async () => {
    const task = { when: undefined, fields: { it: "a" } };
    const error = { name: "PlatformUnavailableError", message: expect.stringContaining("not evaluated in time") };
    await expect(evaluate(task, "{}", 1)).rejects.toMatchObject(error);
  });
});
