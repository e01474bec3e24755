import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type ErrorName, RekeyError } from "../../shared/errors.ts";
import { asSenderSees, type PresetName, presetNames, presets } from "../../shared/webhook/presets.ts";

// What docs/tickets.md says that each sender is told of an error, against what it is told.

const page = readFileSync(new URL("../../docs/tickets.md", import.meta.url), "utf8");
const [, chapter = ""] = page.split("## What each sender is told of an error");
const rows = new Map(
  [...chapter.matchAll(/^\| `([\w-]+)` \| ([\d.]+) s \| (.*?) \| (.*?) \|/gm)].map(
    ([, preset = "", seconds, passing = "", final = ""]) => [preset, { seconds: Number(seconds), passing, final }],
  ),
);
const statusOf = (name: ErrorName, preset: PresetName) =>
  asSenderSees(new RekeyError(name, "What happened"), presets[preset]).status;

test("every preset has its row", () => expect([...rows.keys()].sort()).toEqual([...presetNames].sort()));

test.each(presetNames)("the row of %s says how long its answer takes, and with which status", (preset) => {
  const { seconds, passing, final } = rows.get(preset) ?? expect.fail("It has no row");
  expect(seconds * 1000).toBe(presets[preset].answerWithinMs);
  const taken = statusOf("NodeIdTakenError", preset);
  const words = { 200: "200 with `code`", 409: "its own status", 422: "its own 4xx; 422 in place of 409" }[taken];
  expect(final).toContain(words);
  expect(statusOf("DeviceNotFoundError", preset)).toBe(taken === 200 ? 200 : 404);
  expect(passing.includes("503 in place of 409")).toBe(statusOf("DeviceOnlineError", preset) === 503);
  expect(passing.includes("all else of 5xx becomes 503")).toBe(statusOf("OutcomeUnknownError", preset) === 503);
  for (const [name, status] of [
    ["PlatformThrottledError", 429],
    ["PlatformUnavailableError", 503],
  ] as const) {
    expect(statusOf(name, preset)).toBe(status);
  }
});
