import { describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { RekeyError } from "../../shared/errors.ts";
import { invalidInput, parseInput } from "../../shared/http/parse-input.ts";

const schema = z.strictObject({
  text: z.optional(z.string().check(z.minLength(1), z.maxLength(3))),
  code: z.optional(z.string().check(z.minLength(2), z.regex(/^[a-z]*$/, "must be letters"))),
  plain: z.optional(z.string().check(z.regex(/^x/))),
  whole: z.optional(z.int().check(z.minimum(1), z.maximum(9))),
  nested: z.optional(z.strictObject({ list: z.array(z.string()) })),
  must: z.optional(z.literal(true)),
});

function faultsOf(input: unknown, before = [] as { path: string; message: string }[]): string[] {
  try {
    parseInput(schema, input, before);
    return [];
  } catch (error) {
    if (!(error instanceof RekeyError)) throw error;
    expect(error.name).toBe("InvalidInputError");
    return (error.faults ?? []).map(({ path, message }) => `${path}: ${message}`);
  }
}

describe("an input", () => {
  test.each<[unknown, string[]]>([
    [{}, []],
    [{ text: null, whole: null }, []],
    [{ text: "" }, ["text: must not be empty"]],
    [{ text: "four" }, ["text: must have at most 3 characters"]],
    [{ text: 7 }, ["text: must be a string"]],
    [{ code: "a" }, ["code: must have at least 2 characters"]],
    [{ code: "a1" }, ["code: must be letters"]],
    [{ plain: "a" }, ["plain: is not valid"]],
    [{ whole: "1" }, ["whole: must be a number"]],
    [{ whole: 1.5 }, ["whole: must be a whole number"]],
    [{ whole: 0 }, ["whole: must be at least 1"]],
    [{ whole: 10 }, ["whole: must be at most 9"]],
    [{ nested: {} }, ["nested.list: is missing"]],
    [{ nested: 1 }, ["nested: must be an object"]],
    [{ nested: { list: ["a", 1] } }, ["nested.list.1: must be a string"]],
    [{ nested: { list: {} } }, ["nested.list: must be an array"]],
    [{ nested: { list: [], more: 1 } }, ["nested.more: is unknown"]],
    [{ colour: 1, ["x".repeat(100)]: 1 }, ["colour: is unknown", `${"x".repeat(64)}: is unknown`]],
    [{ text: "", whole: 0 }, ["text: must not be empty", "whole: must be at least 1"]],
    ["text", [": must be an object"]],
    [undefined, [": must be an object"]],
    [[], [": must be an object"]],
  ])("%j has the faults %j", (input, faults) => {
    expect(faultsOf(input)).toEqual(faults);
  });

  test("is refused for what was found before, even when the rest is sound", () => {
    expect(faultsOf({}, [{ path: "query", message: "is unknown" }])).toEqual(["query: is unknown"]);
    expect(faultsOf({ text: "" }, [{ path: "a", message: "b" }])).toEqual(["a: b", "text: must not be empty"]);
  });

  test("tells all faults in its message", () => {
    const { message, faults } = invalidInput([
      { path: "a", message: "is unknown" },
      { path: "", message: "the body is not JSON" },
    ]);
    expect(message).toBe("The input is not valid: a is unknown; the body is not JSON");
    expect(faults).toHaveLength(2);
  });
  test("of more than fifty tells the first fifty, and how many more there are", () => {
    const unknown = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ path: `k${index}`, message: "is unknown" }));
    expect(invalidInput(unknown(50)).faults).toHaveLength(50);
    const { faults = [], message } = invalidInput(unknown(10_000));
    expect(faults).toHaveLength(51);
    expect(faults.at(-1)).toEqual({ path: "", message: "has 9950 more faults" });
    expect(message.length).toBeLessThan(1_000);
  });
});
