import { expect, test } from "vitest";
import { valueFrom } from "../../shared/webhook/value.ts";

const none = new Set<string>();

test.each([
  ["meter-1", "meter-1"],
  [" meter-1\u00a0\n", "meter-1"],
  [860000000000001, "860000000000001"],
  [0, "0"],
  [-5, "-5"],
  [["meter-1"], "meter-1"],
  [[["meter-1"]], "meter-1"],
  [["", null, "meter-1", false, []], "meter-1"],
  ["false", "false"],
  ["null", "null"],
])("what is %j is the text %j", (found, text) => expect(valueFrom(found, none)).toEqual({ text }));

test.each([[undefined], [null], [false], [""], [" \t\n"], ["\u3000"], [[]], [[null, false, " "]], [[[], [[]]]]])(
  "what is %j is nothing",
  (found) => expect(valueFrom(found, none)).toBeUndefined(),
);

test.each([
  [["a", "b"], "has several values"],
  [["a", "a"], "has several values"],
  [[["a"], ["b"]], "has several values"],
  [[0, 1], "has several values"],
  [true, "is not a text or a number"],
  [{}, "is not a text or a number"],
  [[{}], "is not a text or a number"],
  [12.5, "is a number with a fraction, or too long to be exact"],
  [2 ** 53, "is a number with a fraction, or too long to be exact"],
  [Number.NaN, "is a number with a fraction, or too long to be exact"],
  [Number.POSITIVE_INFINITY, "is a number with a fraction, or too long to be exact"],
  ["x".repeat(1_001), "has more than 1000 characters"],
  ["8.6E+14", "is a rounded number, of which digits were lost before it was sent"],
])("what is %j is faulty: %s", (found, fault) => {
  const written = found === "8.6E+14" ? { written: found } : {};
  expect(valueFrom(found, new Set(["8.6E+14"]))).toEqual({ fault: expect.stringContaining(fault), ...written });
});

test("a text of a thousand characters is one", () => {
  expect(valueFrom("x".repeat(1_000), none)).toEqual({ text: "x".repeat(1_000) });
});
