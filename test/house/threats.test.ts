import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { holds, proofsIn } from "../../build/threats.ts";

// `npm test` holds every proof against the report of its own run; this tries that check, and that no row lacks a proof.
const proofs = proofsIn(readFileSync(new URL("../../SECURITY.md", import.meta.url), "utf8"));

test("SECURITY.md names a proof for every threat", () => {
  expect(proofs.length).toBeGreaterThan(15);
  expect(proofs.filter(({ title }) => title === "")).toEqual([]);
});

const proof = { threat: "anybody: knocks", file: "test/a/door.test.ts", title: "stays shut" };
const report = (
  status: string,
  name = "/somewhere/test/a/door.test.ts",
  fullName = "the door stays shut at night",
) => ({
  testResults: [{ name, assertionResults: [{ fullName, status }] }],
});

test.each([
  ["a test that passed", report("passed"), true],
  ["a test that failed", report("failed"), false],
  ["a test that was left out", report("skipped"), false],
  ["a test of another file", report("passed", "/somewhere/test/b/door.test.ts"), false],
  ["a test of another name", report("passed", undefined, "the door opens"), false],
  ["no test at all", { testResults: [] }, false],
  [
    "one that passed and one that failed",
    { testResults: [...report("passed").testResults, ...report("failed").testResults] },
    false,
  ],
])("%s proves %#", (_, results, expected) => {
  expect(holds(proof, results)).toBe(expected);
});

test("a row without a proof is not proven by any test", () => {
  const page = "## Who may try what\n\n| who | tries | against | tried by |\n|---|---|---|---|\n| a | b | c | none |\n";
  const [bare] = proofsIn(page);
  expect(bare).toEqual({ threat: "a: b", file: "", title: "" });
  expect(holds({ ...proof, ...bare }, report("passed"))).toBe(false);
});
