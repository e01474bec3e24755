import { expect, test } from "vitest";
import { createPacer } from "../../shared/fleet/pacer.ts";

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
