import { expect, test } from "vitest";
import { Pacer } from "../../shared/fleet/pacer.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
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

function opened(callsPerMinute: number, clock: Clock): Pacer {
  const pacer = new Pacer(clock);
  pacer.open(callsPerMinute);
  return pacer;
}

/** A device that makes one call, and ends. */
async function one(pacer: Pacer): Promise<void> {
  expect(await pacer.begin()).toBe(true);
  expect(await pacer.permit(0)).toBe(true);
  pacer.end();
}

async function begin(calls: number, clock: ReturnType<typeof fixedClock>, pacer = opened(95, clock)) {
  const begunAtMs: number[] = [];
  for (let call = 0; call < calls; call += 1) {
    await one(pacer);
    begunAtMs.push(clock.now());
  }
  return begunAtMs;
}

const mostInAnyMinute = (begunAtMs: readonly number[]) =>
  Math.max(...begunAtMs.map((from) => begunAtMs.filter((at) => at >= from && at < from + 60_000).length));

test("no minute, wherever it begins, holds more than the configured calls", async () => {
  const begunAtMs = await begin(500, fixedClock());
  expect(mostInAnyMinute(begunAtMs)).toBeLessThanOrEqual(95);
  expect(begunAtMs.at(-1)).toBeCloseTo((500 * 60_000) / 94.5, -3);
});

test("a slot that would come too late is refused at once, and one that a refusal puts off as soon as that is known", async () => {
  const clock = fixedClock();
  const pacer = opened(60, clock);
  expect(await pacer.begin(999)).toBe(false);
  expect(clock.now()).toBe(0);
  expect(await pacer.begin(1_000)).toBe(true);
  expect(clock.now()).toBe(1_000);
  const slot = pacer.begin(5_000);
  pacer.refused();
  expect(await slot).toBe(false);
  expect(clock.now()).toBeLessThanOrEqual(2_000);
});

test("late timers are made up for, and still no minute holds more", async () => {
  let sleeps = 0;
  const begunAtMs = await begin(
    500,
    fixedClock(() => (sleeps++ % 50 === 0 ? 5_000 : 30)),
  );
  expect(mostInAnyMinute(begunAtMs)).toBeLessThanOrEqual(95);
});

test("the first call waits for a slot, so that batches that follow each other keep the distance", async () => {
  const [first] = await begin(1, fixedClock());
  expect(first).toBeCloseTo(60_000 / 95, 5);
});

test("calls beyond a device's first come before devices that wait to begin", async () => {
  const time = new SimulatedTime();
  const pacer = opened(60, time.clock());
  await pacer.begin();
  const next = pacer.begin().then(() => time.elapsedMs);
  const own = [1, 2, 3, 4].map(async () => [await pacer.permit(5_000), time.elapsedMs]);
  // The first is the one that the device began with.
  expect(await Promise.all(own)).toEqual([
    [true, 1_000],
    [true, 2_000],
    [true, 3_000],
    [true, 4_000],
  ]);
  expect(await next).toBe(5_000);
});

test("a call that cannot wait as long as others that came before it is not sent", async () => {
  const time = new SimulatedTime();
  const pacer = opened(60, time.clock());
  await one(pacer);
  const asked = Array.from({ length: 6 }, () => pacer.permit(4_000));
  expect(await Promise.all(asked)).toEqual([true, true, true, true, false, false]);
});

test.each([1, 5, 20])(
  "at %d calls a minute, where nobody could wait for the next one, three are ahead and paid for",
  async (pace) => {
    const clock = fixedClock();
    const pacer = opened(pace, clock);
    await pacer.begin();
    const fromMs = clock.now();
    const given = [];
    for (let call = 0; call < 6; call += 1) given.push(await pacer.permit(2_500));
    expect([given, clock.now()]).toEqual([[true, true, true, true, false, false], fromMs]);
    await one(pacer);
    expect(clock.now() - fromMs).toBeCloseTo((4 * 60_000) / pace, 5);
  },
);

test("nobody is ahead while the run rests, however slow its pace", async () => {
  const clock = fixedClock();
  const pacer = opened(5, clock);
  await pacer.begin();
  pacer.refused();
  // The call that the device began with is its own.
  expect(await pacer.permit(5_000)).toBe(true);
  await clock.sleep(6 * 12_000 - 5_001);
  expect(await pacer.permit(5_000)).toBe(false);
  await clock.sleep(5_001);
  const given = [];
  for (let call = 0; call < 6; call += 1) given.push(await pacer.permit(5_000));
  expect(given).toEqual([true, true, true, true, false, false]);
});

test("a device that ends without a call leaves it to the next one", async () => {
  const clock = fixedClock();
  const pacer = opened(60, clock);
  await pacer.begin();
  pacer.end();
  expect(await pacer.begin(clock.now())).toBe(true);
  expect(clock.now()).toBe(1_000);
  expect(await pacer.permit(0)).toBe(true);
  // It had one, and has no other.
  expect(await pacer.permit(0)).toBe(true);
  expect(await pacer.permit(999)).toBe(true);
  expect(clock.now()).toBe(1_000);
});

test("nothing is given before it is opened, after it is closed, nor to those who wait then", async () => {
  const time = new SimulatedTime();
  const pacer = new Pacer(time.clock());
  expect([await pacer.begin(), await pacer.permit(60_000)]).toEqual([false, false]);
  pacer.open(60);
  await pacer.begin();
  const waiting = [pacer.begin(), pacer.permit(0), pacer.permit(5_000)];
  pacer.close();
  expect(await Promise.all(waiting)).toEqual([false, true, false]);
  expect(await pacer.permit(5_000)).toBe(false);
  pacer.open(60);
  expect(await pacer.begin()).toBe(true);
});

test("refusals stop everything, longer each time until a call is served half a minute after a rest", async () => {
  const clock = fixedClock();
  const pacer = opened(60, clock);
  const gapAfter = async (tell: () => void) => {
    await one(pacer);
    const fromMs = clock.now();
    tell();
    await one(pacer);
    return clock.now() - fromMs;
  };
  expect(await gapAfter(() => pacer.refused())).toBeCloseTo(6_000);
  expect(await gapAfter(() => pacer.refused())).toBeCloseTo(12_000);
  await clock.sleep(28_000);
  pacer.served();
  expect(await gapAfter(() => pacer.refused())).toBeCloseTo(24_000);
  await clock.sleep(30_000);
  pacer.served();
  expect(await gapAfter(() => pacer.refused())).toBeCloseTo(6_000);
});

test("no call begins early because the clock has been running for long", async () => {
  const clock = fixedClock();
  await clock.sleep(7_000_000);
  const pacer = opened(60, clock);
  await pacer.begin();
  expect(clock.now()).toBe(7_001_000);
  pacer.refused();
  await pacer.begin();
  expect(clock.now()).toBe(7_007_000);
});

test.each([
  ["a slow run", 30, 1],
  ["a run below the first step", 33, 1],
  ["a run on the first step", 34, 2],
  ["a run at the usual rate", 95, 3],
  ["a fast run", 3_000, 3],
])("after a long wait %s (%i a minute) has %i calls at once and keeps the distance again", async (_, rate, calls) => {
  const clock = fixedClock();
  const pacer = opened(rate, clock);
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
  const pacer = opened(60, time.clock());
  const begun: [call: number, atMs: number][] = [];
  const ask = async (call: number) => {
    await pacer.begin();
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
  const pacer = opened(60, time.clock());
  await pacer.begin();
  const waiting = pacer.begin();
  await time.sleep(500);
  pacer.refused();
  await waiting;
  expect(time.elapsedMs).toBe(7_500);
});

test("a refusal slows a run down, which has its pace back some minutes later, or when it is given another", async () => {
  const clock = fixedClock();
  const pacer = opened(100, clock);
  const callsIn = async (minutes: number) => {
    const fromMs = clock.now();
    let calls = 0;
    for (; clock.now() < fromMs + minutes * 60_000; calls += 1) await one(pacer);
    return calls / minutes;
  };
  expect(await callsIn(2)).toBeGreaterThan(99);
  pacer.refused();
  expect(await callsIn(1)).toBeLessThan(90);
  expect(await callsIn(1)).toBeLessThan(95);
  await callsIn(6);
  expect(await callsIn(2)).toBeGreaterThan(99);
  pacer.refused();
  pacer.refused();
  await callsIn(1);
  pacer.setPace(90);
  expect(await callsIn(1)).toBeGreaterThan(89);
});

test("what a run has learnt holds for the next batch of the sandbox, not for one at another pace", async () => {
  const clock = fixedClock();
  const pacer = opened(100, clock);
  await one(pacer);
  pacer.refused();
  pacer.open(100);
  const fromMs = clock.now();
  await one(pacer);
  expect(clock.now() - fromMs).toBeCloseTo(60_000 / 92, 3);
  pacer.open(60);
  await one(pacer);
  expect(clock.now() - fromMs).toBeCloseTo(60_000 / 92 + 1_000, 3);
});

test("a rest is neither made longer by other calls that are refused meanwhile, nor shorter by who ends without one", async () => {
  const clock = fixedClock();
  const pacer = opened(60, clock);
  for (let device = 0; device < 4; device += 1) await pacer.begin();
  pacer.refused();
  await clock.sleep(2_000);
  pacer.refused();
  pacer.end();
  await pacer.begin();
  expect(clock.now()).toBe(10_000);
});

test("a pause after refusals is never longer than a hundred calls take", async () => {
  const clock = fixedClock();
  const pacer = opened(60, clock);
  const pauses: number[] = [];
  for (let refusal = 0; refusal < 6; refusal += 1) {
    const fromMs = clock.now();
    pacer.refused();
    await pacer.begin();
    pauses.push(clock.now() - fromMs);
  }
  expect(pauses).toEqual([6_000, 12_000, 24_000, 48_000, 96_000, 100_000]);
});
