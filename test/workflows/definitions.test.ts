import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { definitionsIn } from "../../local/step-functions/part.ts";
import { isErrorName, traitsOf } from "../../shared/errors.ts";
import { transientErrors } from "../../shared/patience.ts";

// It has no types.
const validate = createRequire(import.meta.url)("asl-validator") as (definition: object) => {
  isValid: boolean;
  errorsText(separator: string): string;
};
const folder = fileURLToPath(new URL("../../functions", import.meta.url));
const definitions = Object.entries(await definitionsIn(folder));

type Json = Record<string, unknown>;
const asJson = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});

/** Every state of a definition by its name, those inside Maps too. */
function statesOf(machine: Json): [string, Json][] {
  return Object.entries(asJson(machine["States"])).flatMap(([name, state]) => [
    [name, asJson(state)] as [string, Json],
    ...statesOf(asJson(asJson(state)["ItemProcessor"])),
  ]);
}

const listsOf = (state: Json, list: "Retry" | "Catch") =>
  (Array.isArray(state[list]) ? state[list] : []).map((one) => asJson(one)["ErrorEquals"] as string[]);

const pages = "https://docs.aws.amazon.com/step-functions/latest/dg/";
/**
 * How a definition may name a place in its data, and the page whose examples show it. There is no intrinsic function
 * among them: whatever has to be computed, a function computes. No page shows a wildcard or a filter inside one, and an
 * interpreter in use refuses it ("token recognition error at: '*'").
 */
const forms: readonly (readonly [form: RegExp, page: string])[] = [
  [/^\$$/, `${pages}amazon-states-language-paths.html`],
  [/^\$(\.[A-Za-z]+)+$/, `${pages}amazon-states-language-paths.html#amazon-states-language-reference-paths`],
  [/^\$\$\.Execution\.Name$/, `${pages}input-output-contextobject.html`],
  [/^\$\$\.Map\.Item\.Value(\.[A-Za-z]+)*$/, `${pages}input-output-contextobject.html#contextobject-map`],
];

/** Every path and intrinsic function in a definition that has no form above, behind the field that it stands in. */
function unknownForms(value: unknown, field = ""): string[] {
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([key, member]) => unknownForms(member, Array.isArray(value) ? field : key));
  }
  const isPath = /(\.\$|Path|^Variable)$/.test(field);
  const looksLikeOne = typeof value === "string" && /^\$|^States\.[A-Za-z]+\(/.test(value);
  if (typeof value !== "string" || (!isPath && !looksLikeOne)) return [];
  return isPath && forms.some(([form]) => form.test(value)) ? [] : [`${field}: ${value}`];
}

test("there are definitions", () => expect(definitions).toHaveLength(2));

describe.each(definitions)("%s", (_, definition) => {
  const states = statesOf(definition);
  const tasks = states.filter(([, { Type }]) => Type === "Task");

  test("is valid", () => {
    const { isValid, errorsText } = validate(structuredClone(definition));
    expect(errorsText("\n")).toBe("");
    expect(isValid).toBe(true);
  });

  test("names places in its data only in forms that a page shows", () => {
    expect(unknownForms(definition)).toEqual([]);
    expect(JSON.stringify(definition)).not.toMatch(/JSONata|"Assign"|"Output"/);
  });

  test.each([
    ["a wildcard inside an intrinsic", "States.ArrayLength($.input.*)"],
    ["a wildcard over an array", "$.input[*].deviceId"],
    ["a descent", "$..deviceId"],
    ["a filter", "$.input[?(@.deviceId)]"],
    ["an intrinsic function", "States.Format('{}', $.input)"],
    ["another part of the context", "$$.State.Name"],
  ])("would not pass with %s in it", (_, path) => {
    const [name = ""] = tasks[0] ?? [];
    const changed = structuredClone(definition);
    asJson(asJson(changed["States"])[name])["Parameters"] = { "count.$": path };
    expect(unknownForms(changed)).toEqual([`count.$: ${path}`]);
  });

  test("repeats every task after whatever Lambda answers for a moment only", () => {
    expect(tasks.length).toBeGreaterThan(2);
    for (const [name, state] of tasks) {
      const repeated = listsOf(state, "Retry").flat();
      const missing = repeated.includes("States.ALL") ? [] : transientErrors.filter((one) => !repeated.includes(one));
      expect([name, missing]).toEqual([name, []]);
    }
  });

  test("decides by errors that exist", () => {
    const named = states.flatMap(([, state]) => [...listsOf(state, "Retry"), ...listsOf(state, "Catch")].flat());
    const known = (name: string) => isErrorName(name) || transientErrors.includes(name) || name === "States.ALL";
    expect(named.filter((name) => !known(name))).toEqual([]);
  });

  test("repeats only what the family calls retryable", () => {
    const repeated = states.flatMap(([, state]) => listsOf(state, "Retry").flat());
    expect(repeated.filter((name) => isErrorName(name) && !traitsOf(name).retryable)).toEqual([]);
  });

  test("never ends with what Lambda said: every task's failure is caught, every cause is in our words", () => {
    for (const [name, state] of tasks) expect([name, listsOf(state, "Catch").flat()]).toEqual([name, ["States.ALL"]]);
    for (const [, { Type, Cause, CausePath }] of states.filter(([, state]) => state["Type"] === "Fail")) {
      expect([Type, typeof (Cause ?? CausePath)]).toEqual(["Fail", "string"]);
      expect(CausePath ?? "").not.toMatch(/\.Cause$/);
    }
  });
});
