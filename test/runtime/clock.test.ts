import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Clock, deadlineIn, isoTime, isRecent, systemClock } from "../../shared/runtime/clock.ts";

/** A clock that a test sets as it likes. */
function handClock() {
  const hands = { nowMs: 1_000_000, elapsedMs: 50 };
  const clock: Clock = { now: () => hands.nowMs, elapsed: () => hands.elapsedMs, sleep: async () => undefined };
  return { hands, clock };
}

test("a deadline counts whole milliseconds down to zero and no further", () => {
  const { hands, clock } = handClock();
  const deadline = deadlineIn(100, clock);
  expect(deadline.remaining()).toBe(100);
  hands.elapsedMs += 40.5;
  expect(deadline.remaining()).toBe(59);
  hands.elapsedMs += 1_000;
  expect(deadline.remaining()).toBe(0);
});

test.each([3_600_000, -3_600_000])("a deadline does not see that the clock is set by %d ms", (stepMs) => {
  const { hands, clock } = handClock();
  const deadline = deadlineIn(100, clock);
  hands.nowMs += stepMs;
  expect(deadline.remaining()).toBe(100);
});

test("what was a moment ago is recent until its time is over, and not when the clock was set back behind it", () => {
  const { hands, clock } = handClock();
  const atMs = clock.now();
  const seen = [0, 99, 100, -1].map((passedMs) => {
    hands.nowMs = atMs + passedMs;
    return isRecent(atMs, 100, clock);
  });
  expect(seen).toEqual([true, true, false, false]);
  expect(isRecent(Number.NEGATIVE_INFINITY, 100, clock)).toBe(false);
});

test("the clock of this machine tells the time, goes on, and sleeps", async () => {
  const before = [Date.now(), systemClock.elapsed()] as const;
  await systemClock.sleep(20);
  await delay(1);
  expect(systemClock.now() - before[0]).toBeGreaterThanOrEqual(19);
  expect(systemClock.elapsed() - before[1]).toBeGreaterThanOrEqual(19);
});

test("a time is written in UTC with milliseconds", () => {
  expect(isoTime(1_700_000_000_123)).toBe("2023-11-14T22:13:20.123Z");
});
