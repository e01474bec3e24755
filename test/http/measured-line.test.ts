import { expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { measuredLine } from "../../shared/http/measured-line.ts";
import { type Clock, systemClock } from "../../shared/runtime/clock.ts";
import type { MeasuredInvocation } from "../../shared/runtime/metrics.ts";
import { requestOf, through } from "./one-request.ts";

/** A link, the lines that it had written, and the hands of its clock. */
function open() {
  const lines: MeasuredInvocation[] = [];
  const hands = { elapsedMs: 1_000 };
  const clock: Clock = { ...systemClock, elapsed: () => hands.elapsedMs };
  const metrics = { count: () => undefined, flush: (line: MeasuredInvocation) => void lines.push(line) };
  return { link: measuredLine({ operation: "operation", clock, metrics }), lines, hands };
}

test("an invocation that went well is measured from its arrival to its answer, in whole milliseconds", () => {
  const { link, lines, hands } = open();
  const request = through(link, "before", requestOf());
  hands.elapsedMs += 12.4;
  through(link, "after", request);
  expect(lines).toEqual([{ operation: "operation", outcome: "ok", durationMs: 12, requestId: "request-1" }]);
});

test.each([
  [new RekeyError("DeviceOnlineError", "It is online"), "DeviceOnlineError"],
  [new TypeError("inside"), "UnexpectedError"],
  ["thrown text", "UnexpectedError"],
])("one that ended by %s has the outcome %s", (error, outcome) => {
  const { link, lines, hands } = open();
  const request = through(link, "before", requestOf({ error: error as Error }));
  hands.elapsedMs += 7;
  through(link, "onError", request);
  expect(lines).toEqual([{ operation: "operation", outcome, durationMs: 7, requestId: "request-1" }]);
});

test("two at once are measured each by its own beginning", () => {
  const { link, lines, hands } = open();
  const first = through(link, "before", requestOf());
  hands.elapsedMs += 100;
  const second = through(link, "before", requestOf());
  hands.elapsedMs += 5;
  through(link, "after", second);
  through(link, "after", first);
  expect(lines.map(({ durationMs }) => durationMs)).toEqual([5, 105]);
});
