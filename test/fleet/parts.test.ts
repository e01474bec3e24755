import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HashIndex, hashOf } from "../../shared/fleet/hash-index.ts";
import type { FleetLine } from "../../shared/fleet/lines.ts";
import { runName } from "../../shared/fleet/run-store.ts";
import { commonShare, Sketch } from "../../shared/fleet/sketch.ts";
import { merged } from "../../shared/fleet/streams.ts";
import { createTurns, type Turns } from "../../shared/fleet/turns.ts";
import { SimulatedTime } from "../simulation/time.ts";
import { createMemoryStore } from "./memory-store.ts";

describe("a run's name", () => {
  test.each(["june", "2026-06_north", "A", "x".repeat(80)])("may be %s", (name) => {
    expect(runName.safeParse(name).success).toBe(true);
  });

  test.each(["", "june/2", "june 2", "../june", "jüne", "x".repeat(81), "june\n"])("is never %j", (name) => {
    expect(runName.safeParse(name).success).toBe(false);
  });
});

describe("an index of hashes", () => {
  test("numbers them as they come, however many", () => {
    const index = new HashIndex();
    const hashes = Array.from({ length: 5_000 }, (_, at) => hashOf(`device-${at}`));
    expect(hashes.map((hash) => index.add(hash))).toEqual(hashes.map((_, at) => at));
    expect(hashes.map((hash) => index.find(hash))).toEqual(hashes.map((_, at) => at));
    expect(index.find(hashOf("another"))).toBe(-1);
    expect(index.add(hashOf("device-7"))).toBe(7);
    expect(index.size).toBe(5_000);
  });

  test("tells hashes apart that fall on one place", () => {
    const index = new HashIndex();
    for (let high = 0; high < 50; high += 1) expect(index.add({ high, low: 1_024 * high })).toBe(high);
    expect(index.find({ high: 49, low: 1_024 * 49 })).toBe(49);
  });
});

describe("sketches of sets of devices", () => {
  const sketched = (from: number, to: number) => {
    const sketch = new Sketch();
    for (let at = from; at < to; at += 1) sketch.add(`device-${at}`);
    return { size: to - from, hashes: sketch.hashes };
  };

  test.each([
    [0, 10, 0, 10, 1],
    [0, 10, 5, 15, 0.5],
    [0, 10, 9, 10, 1],
    [0, 10, 10, 20, 0],
    [0, 200, 0, 3, 1],
  ])("of %d to %d and %d to %d have this share of the smaller in common: %d", (from, to, other, end, share) => {
    expect(commonShare(sketched(from, to), sketched(other, end))).toBe(share);
  });

  test("estimate it for large sets", () => {
    expect(commonShare(sketched(0, 20_000), sketched(0, 20_000))).toBe(1);
    expect(commonShare(sketched(0, 20_000), sketched(10_000, 30_000))).toBeGreaterThan(0.35);
    expect(commonShare(sketched(0, 20_000), sketched(10_000, 30_000))).toBeLessThan(0.65);
    expect(commonShare(sketched(0, 20_000), sketched(20_000, 40_000))).toBe(0);
  });
});

test("lines of any sources in order come in one order", async () => {
  const sorted = fc.uniqueArray(fc.integer({ min: 1, max: 3_000 }), { maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(
      sorted,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 9 }),
      async (all, sources, piece) => {
        const numbers = [...all].sort((one, other) => one - other);
        const parts = Array.from({ length: sources }, (_, source) =>
          numbers.filter((_, at) => at % sources === source),
        );
        const streams = parts.map(async function* (part): AsyncGenerator<readonly FleetLine[]> {
          for (let from = 0; from < part.length; from += piece) {
            yield part.slice(from, from + piece).map((line) => ({ line, deviceId: "d" }));
          }
        });
        const lines: number[] = [];
        for await (const some of merged(streams)) lines.push(...some.map(({ line }) => line));
        expect(lines).toEqual(numbers);
      },
    ),
  );
});

/** Those of whoever asks one after the other that get a turn, and give it back. */
async function servedOf(asking: readonly Turns[]): Promise<Set<Turns>> {
  const served = new Set<Turns>();
  for (const turns of asking) {
    if (!(await turns.take())) continue;
    served.add(turns);
    await turns.release();
  }
  return served;
}

describe("turns", () => {
  test("are one run's at a time, whoever asks when, and nobody waits for ever", async () => {
    const order = fc.array(fc.record({ run: fc.integer({ min: 0, max: 2 }), take: fc.boolean() }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(order, async (steps) => {
        const time = new SimulatedTime();
        const bucket = createMemoryStore();
        const runs = [0, 1, 2].map((run) => createTurns(bucket, `r-${run}`, `r-${run}/e`, time.clock()));
        const holders = new Set<number>();
        for (const { run, take } of steps) {
          await time.sleep(1_000);
          if (!take) {
            await runs[run]?.release();
            holders.delete(run);
          } else if (await runs[run]?.take()) holders.add(run);
          expect(holders.size).toBeLessThanOrEqual(1);
        }
        for (const holder of holders) await runs[holder]?.release();
        expect((await servedOf([...runs, ...runs, ...runs])).size).toBe(3);
      }),
      { numRuns: 50 },
    );
  });

  test("of a holder that died are over after 45 seconds, and whoever stopped asking is not waited for", async () => {
    const time = new SimulatedTime();
    const bucket = createMemoryStore();
    const turnsOf = (run: string) => createTurns(bucket, run, `${run}/e`, time.clock());
    expect(await turnsOf("dead").take()).toBe(true);
    expect(await turnsOf("gone").take()).toBe(false);
    await time.sleep(44_000);
    expect(await turnsOf("june").take()).toBe(false);
    await time.sleep(2_000);
    // It asked before June did.
    expect(await turnsOf("june").take()).toBe(false);
    await time.sleep(180_000);
    expect(await turnsOf("june").take()).toBe(true);
  });

  test("are not taken by two who ask at once", async () => {
    const time = new SimulatedTime();
    const bucket = createMemoryStore();
    const runs = Array.from({ length: 5 }, (_, run) => createTurns(bucket, `r-${run}`, `r-${run}/e`, time.clock()));
    const taken = await Promise.all(runs.map((turns) => turns.take()));
    expect(taken.filter((one) => one)).toHaveLength(1);
  });
});
