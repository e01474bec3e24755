import { expect, test } from "vitest";
import { createPacer } from "../../shared/fleet/pacer.ts";
import { SimulatedTime } from "../simulation/time.ts";

/** Time that passes only by sleeping; `late` says how much too long each sleep takes. */
function fixedClock(late: () => number = () => 0) {
  let nowMs = 0;
  return {
    now: () => nowMs,
    elapsed: () => nowMs,
    sleep: async (milliseconds: number) => {
      nowMs += milliseconds + late();
    },
  };
}

async function begin(calls: number, clock: ReturnType<typeof fixedClock>, pacer = createPacer(95, clock)) {
  const begunAtMs: number[] = [];
  for (let call = 0; call < calls; call += 1) {
    await pacer.slot();
    pacer.sent(1);
    begunAtMs.push(clock.now());
  }
  return begunAtMs;
}

const mostInAnyMinute = (begunAtMs: readonly number[]) =>
  Math.max(...begunAtMs.map((from) => begunAtMs.filter((at) => at >= from && at < from + 60_000).length));

test("no minute, wherever it begins, holds more than the configured calls", async () => {
  const begunAtMs = await begin(500, fixedClock());
  expect(mostInAnyMinute(begunAtMs)).toBeLessThanOrEqual(96);
  expect(begunAtMs.at(-1)).toBeCloseTo((500 * 60_000) / 95, -1);
});

test("a slot that would come too late is refused at once, and one that a refusal puts off as soon as that is known", async () => {
  const clock = fixedClock();
  const pacer = createPacer(60, clock);
  expect(await pacer.slot(999)).toBe(false);
  expect(clock.now()).toBe(0);
  expect(await pacer.slot(1_000)).toBe(true);
  expect(clock.now()).toBe(1_000);
  const slot = pacer.slot(5_000);
  pacer.refused();
  expect(await slot).toBe(false);
  expect(clock.now()).toBeLessThanOrEqual(2_000);
});

test("late timers are made up for without exceeding what the platform allows", async () => {
  let sleeps = 0;
  const begunAtMs = await begin(
    500,
    fixedClock(() => (sleeps++ % 50 === 0 ? 5_000 : 30)),
  );
  expect(mostInAnyMinute(begunAtMs)).toBeLessThanOrEqual(100);
});

test("the first call waits for a slot, so that batches that follow each other keep the distance", async () => {
  const [first] = await begin(1, fixedClock());
  expect(first).toBeCloseTo(60_000 / 95, 5);
});

test("requests that had no slot are paid for afterwards", async () => {
  const clock = fixedClock();
  const pacer = createPacer(60, clock);
  await pacer.slot();
  pacer.sent(4);
  await pacer.slot();
  expect(clock.now()).toBe(5_000);
});

test("refusals stop everything, longer each time until a call is served", async () => {
  const clock = fixedClock();
  const pacer = createPacer(60, clock);
  const gapAfter = async (tell: () => void) => {
    await pacer.slot();
    const fromMs = clock.now();
    tell();
    await pacer.slot();
    return clock.now() - fromMs;
  };
  expect(await gapAfter(pacer.refused)).toBe(10_000);
  expect(await gapAfter(pacer.refused)).toBe(20_000);
  expect(await gapAfter(pacer.served)).toBe(1_000);
  expect(await gapAfter(pacer.refused)).toBe(10_000);
});

test("no call begins early because the clock has been running for long", async () => {
  const clock = fixedClock();
  await clock.sleep(7_000_000);
  const pacer = createPacer(60, clock);
  await pacer.slot();
  expect(clock.now()).toBe(7_001_000);
  pacer.refused();
  await pacer.slot();
  expect(clock.now()).toBe(7_011_000);
});

test.each([
  ["a slow run", 30, 1],
  ["a run below the first step", 33, 1],
  ["a run on the first step", 34, 2],
  ["a run at the usual rate", 95, 3],
  ["a fast run", 3_000, 3],
])("after a long wait %s (%i a minute) has %i calls at once and keeps the distance again", async (_, rate, calls) => {
  const clock = fixedClock();
  const pacer = createPacer(rate, clock);
  await clock.sleep(600_000);
  const begunAtMs = await begin(calls + 2, clock, pacer);
  const slotMs = 60_000 / rate;
  const atOnce = Array.from({ length: calls }, () => 600_000);
  for (const [call, atMs] of [...atOnce, 600_000 + slotMs, 600_000 + 2 * slotMs].entries()) {
    expect(begunAtMs[call]).toBeCloseTo(atMs, 5);
  }
});

test("calls that ask at the same time begin one after the other, in the order in which they asked", async () => {
  const time = new SimulatedTime();
  const pacer = createPacer(60, time.clock());
  const begun: [call: number, atMs: number][] = [];
  const ask = async (call: number) => {
    await pacer.slot();
    begun.push([call, time.elapsedMs]);
  };
  await Promise.all([1, 2, 3].map(ask));
  expect(begun).toEqual([
    [1, 1_000],
    [2, 2_000],
    [3, 3_000],
  ]);
});

test("a refusal also holds up the call that is already waiting for its slot", async () => {
  const time = new SimulatedTime();
  const pacer = createPacer(60, time.clock());
  await pacer.slot();
  const waiting = pacer.slot();
  await time.sleep(500);
  pacer.refused();
  await waiting;
  expect(time.elapsedMs).toBe(11_500);
});

test("a refusal does not shorten a longer wait", async () => {
  const clock = fixedClock();
  const pacer = createPacer(60, clock);
  await pacer.slot();
  pacer.sent(31);
  pacer.refused();
  await pacer.slot();
  expect(clock.now()).toBe(32_000);
});

test("a pause after refusals is never longer than a hundred calls take", async () => {
  const clock = fixedClock();
  const pacer = createPacer(60, clock);
  const pauses: number[] = [];
  for (let refusal = 0; refusal < 6; refusal += 1) {
    const fromMs = clock.now();
    pacer.refused();
    await pacer.slot();
    pauses.push(clock.now() - fromMs);
  }
  expect(pauses).toEqual([10_000, 20_000, 40_000, 80_000, 100_000, 100_000]);
});

test.each([
  ["as many requests as slots", [2], 3_000],
  ["fewer requests than slots", [1], 3_000],
  ["no request", [0], 3_000],
  ["more requests than slots", [5], 6_000],
  ["requests that are told of one by one", [1, 1, 1, 1], 5_000],
  ["one request more than slots, told of in two parts", [1, 2], 4_000],
])("after two slots and %s the next call begins when they are paid for", async (_, sent, atMs) => {
  const clock = fixedClock();
  const pacer = createPacer(60, clock);
  await pacer.slot();
  await pacer.slot();
  for (const requests of sent) pacer.sent(requests);
  await pacer.slot();
  expect(clock.now()).toBe(atMs);
});
