import { describe, expect, test } from "vitest";
import { secondsToWait } from "../../shared/patience.ts";
import { begin, failure } from "./one-batch.ts";

type Window = "sliding" | "fixed";

/** The platform's quota of 100 calls a minute: of the last sixty seconds, or of each minute by the clock. */
function createQuota(window: Window, nowMs: () => number) {
  let takenAtMs: number[] = [];
  let refused = 0;
  const counts = (atMs: number) =>
    window === "sliding" ? nowMs() - atMs < 60_000 : Math.floor(atMs / 60_000) === Math.floor(nowMs() / 60_000);
  const take = (): boolean => {
    takenAtMs = takenAtMs.filter(counts);
    if (takenAtMs.length >= 100) {
      refused += 1;
      return false;
    }
    takenAtMs.push(nowMs());
    return true;
  };
  return { take, refused: () => refused };
}

/** The same numbers on every run, 0 to 1. */
function drawing(seed: number): () => number {
  let state = seed * 977;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

/**
 * A run at 95 calls a minute, and tickets that come beside it and wait as their workflow does.
 *
 * @returns the seconds that each ticket waited, longest first, and the devices that the run did a minute
 */
async function play(window: Window, arrivalsMs: (draw: () => number) => readonly number[], seed: number, callMs = 200) {
  const draw = drawing(seed);
  const run = await begin({
    ...{ devices: 2_000, callsPerMinute: 95, callMs },
    fail: () => (quota.take() ? undefined : failure("PlatformThrottledError")),
  });
  const quota = createQuota(window, () => run.time.elapsedMs);
  const fromMs = run.time.elapsedMs;
  const tickets = arrivalsMs(draw).map(async (atMs) => {
    await run.time.sleep(atMs);
    const cameAtMs = run.time.elapsedMs;
    for (let tries = 0; ; tries += 1) {
      await run.time.sleep(200);
      if (quota.take()) return (run.time.elapsedMs - cameAtMs) / 1_000;
      await run.time.sleep(1_000 * (secondsToWait("PlatformThrottledError", tries, draw()) ?? 0));
    }
  });
  const { done } = await run.work();
  const minutes = (run.time.elapsedMs - fromMs) / 60_000;
  const waited = (await Promise.all(tickets)).sort((one, other) => other - one);
  return { waited, doneAMinute: done / minutes, refused: quota.refused() };
}

const seeds = [1, 2, 3, 4, 5];
const windows: readonly Window[] = ["sliding", "fixed"];
const atOnce = (count: number, atMs: number) => Array.from({ length: count }, () => atMs);
const inMinute = (draw: () => number, minutes: number) => (minutes + draw()) * 60_000;

describe.each(windows)("tickets beside a run, where the platform counts by a %s minute,", (window) => {
  test.each<[what: string, arrivals: (draw: () => number) => readonly number[], median: number, worst: number]>([
    ["one now and then", (draw) => [1, 2, 3, 4, 5].map((minute) => inMinute(draw, minute)), 1, 1],
    ["twelve at once", (draw) => atOnce(12, inMinute(draw, 2)), 8, 25],
    ["twenty at once", (draw) => atOnce(20, inMinute(draw, 2)), 8, 45],
    // The last of them could not be served before 22 s had there been no run from then on.
    ["forty at once", (draw) => atOnce(40, inMinute(draw, 2)), 20, 95],
    [
      "twelve at once, each minute",
      (draw) => [2, 3, 4, 5].flatMap((minute) => atOnce(12, inMinute(draw, minute))),
      8,
      45,
    ],
    ["thirty a minute", (draw) => Array.from({ length: 180 }, () => inMinute(draw, 1) + draw() * 300_000), 1, 60],
  ])("%s, wait for seconds", async (_, arrivals, median, worst) => {
    const waits: number[] = [];
    for (const seed of seeds) {
      const { waited } = await play(window, arrivals, seed);
      waits.push(...waited);
      expect(waited[0]).toBeLessThanOrEqual(worst);
    }
    waits.sort((one, other) => one - other);
    expect(waits[Math.floor(waits.length / 2)]).toBeLessThanOrEqual(median);
  });

  test("twelve at once, wait for seconds also where a call takes two", async () => {
    for (const seed of seeds) {
      const { waited, doneAMinute } = await play(window, (draw) => atOnce(12, inMinute(draw, 2)), seed, 2_000);
      expect(waited[0]).toBeLessThanOrEqual(25);
      expect(doneAMinute).toBeGreaterThan(88);
    }
  });

  test("none, leave the run its whole pace, and nothing is refused", async () => {
    const { doneAMinute, refused } = await play(window, () => [], 1);
    expect(doneAMinute).toBeGreaterThan(94);
    expect(refused).toBe(0);
  });

  test("thirty a minute, leave the run what they do not take, but for a few calls", async () => {
    const { doneAMinute } = await play(window, (draw) => Array.from({ length: 240 }, () => draw() * 480_000), 1);
    expect(doneAMinute).toBeGreaterThan(55);
  });
});
