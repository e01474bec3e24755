import { describe, expect, test } from "vitest";
import { type ErrorName, RekeyError } from "../../shared/errors.ts";
import { type Batch, workOff } from "../../shared/fleet/batch.ts";
import { createPacer } from "../../shared/fleet/pacer.ts";
import { openRun, type ResultLine, type RunProgress } from "../../shared/fleet/run.ts";
import { SimulatedTime } from "../simulation/time.ts";

const [inKey, outKey] = ["runs/june/rounds/1/1.in.jsonl", "runs/june/rounds/1/1.out.jsonl"];
/** A clock that has been running for a while, as a machine's has. */
const startMs = 1_000_000;
const startedAtMs = Date.UTC(2026, 0, 1) + startMs;
const isoAfter = (milliseconds: number) => new Date(startedAtMs + milliseconds).toISOString();

interface Options {
  readonly devices?: number;
  readonly lines?: readonly ResultLine[];
  readonly progress?: Partial<RunProgress>;
  readonly callsPerMinute?: number;
  /** How long a call takes. */
  readonly callMs?: number;
  /** What the calls for a line fail with. */
  readonly fail?: (line: number) => unknown;
}

/** A run with one batch at a call a second: its bucket in memory, and each call of the platform. */
async function begin({ devices = 3, lines, progress, callsPerMinute = 60, callMs = 0, fail }: Options = {}) {
  const time = new SimulatedTime();
  await time.sleep(startMs);
  const clock = time.clock();
  const texts = new Map<string, string>();
  const calls: { readonly line: number; readonly atMs: number }[] = [];
  const kept: { readonly atMs: number; readonly progress: RunProgress }[] = [];
  const store = {
    get: async (key: string) => texts.get(key),
    put: async (key: string, text: string) => {
      texts.set(key, text);
      if (key.endsWith("progress.json")) kept.push({ atMs: time.elapsedMs - startMs, progress: JSON.parse(text) });
    },
  };
  const run = openRun("june", store);
  const fleet = Array.from({ length: devices }, (_, at) => ({ line: at + 1, deviceId: `d-${at + 1}` }));
  await run.writeRound(1, fleet, 1_000);
  if (lines !== undefined) await run.writeLines(outKey, lines);
  await run.writeOwner("execution-1");
  await run.writeProgress({
    ...{ run: "june", total: devices, done: 0, failed: 0, waiting: 0, round: 1, finished: false },
    ...{ startedAtMs, updatedAtMs: startedAtMs, ...progress },
  });
  kept.length = 0;
  let [underWay, mostUnderWay] = [0, 0];
  const rekey = async ({ line }: { readonly line: number }) => {
    calls.push({ line, atMs: time.elapsedMs - startMs });
    underWay += 1;
    mostUnderWay = Math.max(mostUnderWay, underWay);
    if (callMs > 0) await time.sleep(callMs);
    underWay -= 1;
    const error = fail?.(line);
    if (error !== undefined) throw error;
    return { verifyCode: `code-${line}`, expiresAtMs: line === 1 ? startedAtMs + 600_000 : null, replayed: line === 2 };
  };
  const work = (changes: Partial<Batch> = {}) =>
    workOff(
      { execution: "execution-1", inKey, outKey, includeCode: false, toleratedFailurePercentage: 100, ...changes },
      { run, pacer: createPacer(callsPerMinute, clock), clock, rekey },
    );
  const byLine = async () => new Map((await run.readLines(outKey)).map((one) => [one.line, one]));
  const lastKept = () => kept.at(-1)?.progress;
  return { time, store, run, texts, calls, kept, work, byLine, lastKept, mostAtOnce: () => mostUnderWay };
}

const lineOf = (line: number, status: ResultLine["status"]): ResultLine => ({
  ...{ line, deviceId: `d-${line}`, status, at: "2025-12-31T00:00:00.000Z" },
});
const failure = (name: ErrorName) => new RekeyError(name, name);

describe("a batch in which nothing goes wrong", () => {
  test("ends with a line for each device, at the pace, and with its numbers in the run's progress", async () => {
    const progress = { total: 50, done: 40, failed: 2, waiting: 5, batches: {} };
    const { calls, work, run, lastKept } = await begin({ progress });
    const nodeIds = [
      { line: 1, deviceId: "d-1", nodeId: "n-1" },
      { line: 2, deviceId: "d-2" },
      { line: 3, deviceId: "d-3" },
    ];
    await run.writeRound(1, nodeIds, 3);
    expect(await work()).toEqual({ done: 3, failed: 0, waiting: 0, tooManyFailures: false });
    expect(calls.map(({ atMs }) => atMs)).toEqual([1_000, 2_000, 3_000]);
    expect(await run.readLines(outKey)).toEqual([
      {
        line: 1,
        deviceId: "d-1",
        nodeId: "n-1",
        status: "done",
        expiresAt: isoAfter(600_000),
        replayed: false,
        at: isoAfter(1_000),
      },
      { line: 2, deviceId: "d-2", status: "done", expiresAt: null, replayed: true, at: isoAfter(2_000) },
      { line: 3, deviceId: "d-3", status: "done", expiresAt: null, replayed: false, at: isoAfter(3_000) },
    ]);
    expect(lastKept()).toEqual({
      ...{ run: "june", total: 50, done: 43, failed: 2, waiting: 5, round: 1, finished: false },
      ...{ startedAtMs, updatedAtMs: startedAtMs + 3_000 },
      batches: { [outKey]: { done: 3, failed: 0, waiting: 0 } },
    });
  });

  test("has the codes in its lines where they were asked for", async () => {
    const { work, run } = await begin();
    await work({ includeCode: true });
    expect((await run.readLines(outKey)).map(({ verifyCode }) => verifyCode)).toEqual(["code-1", "code-2", "code-3"]);
  });

  test("of no devices calls nobody", async () => {
    const { work, calls } = await begin({ devices: 0 });
    expect(await work()).toEqual({ done: 0, failed: 0, waiting: 0, tooManyFailures: false });
    expect(calls).toEqual([]);
  });

  test("waits for the calls that take longest, sixty of them at a time", async () => {
    const { work, calls, mostAtOnce } = await begin({ devices: 130, callsPerMinute: 6_000, callMs: 2_000 });
    expect(await work()).toMatchObject({ done: 130 });
    expect(mostAtOnce()).toBe(60);
    expect(calls).toHaveLength(130);
  });
});

describe("a batch that was begun before", () => {
  const lines = [lineOf(1, "done"), lineOf(2, "failed"), lineOf(3, "waiting")];

  test("has only those called that are not at their end, and nothing is counted twice", async () => {
    const batches = { [outKey]: { done: 1, failed: 1, waiting: 1 } };
    const progress = { total: 50, done: 11, failed: 3, waiting: 6, batches };
    const { work, calls, byLine, lastKept } = await begin({ devices: 4, lines, progress });
    expect(await work()).toEqual({ done: 3, failed: 1, waiting: 0, tooManyFailures: false });
    expect(calls.map(({ line }) => line)).toEqual([3, 4]);
    const after = await byLine();
    expect([after.get(1), after.get(2)]).toEqual(lines.slice(0, 2));
    expect(lastKept()).toMatchObject({ done: 13, failed: 3, waiting: 5 });
  });

  test("in a run of an older release, which keeps no account, is counted by its lines", async () => {
    const progress = { total: 50, done: 11, failed: 3, waiting: 6 };
    const { work, lastKept } = await begin({ devices: 4, lines, progress });
    await work();
    expect(lastKept()).toMatchObject({ done: 13, failed: 3, waiting: 5 });
    expect(lastKept()).not.toHaveProperty("batches");
  });

  test.each([
    ["for the first time", [], {}, { done: 5, failed: 1, waiting: 9 }, { done: 7, failed: 2, waiting: 6 }],
    [
      "again",
      lines,
      { "runs/june/rounds/2/1.out.jsonl": { done: 1, failed: 1, waiting: 2 } },
      { done: 6, failed: 2, waiting: 7 },
      { done: 6, failed: 3, waiting: 6 },
    ],
  ])(
    "in a later round, %s, takes from those that wait what it brings to an end",
    async (_, known, batches, before, after) => {
      const progress = { total: 50, round: 2, ...before, batches };
      const fail = (line: number) =>
        line === 3 ? failure("DeviceOnlineError") : line === 4 ? failure("DeviceNotFoundError") : undefined;
      const { work, calls, lastKept, run } = await begin({ devices: 4, progress, fail });
      const ofRound = { inKey: "runs/june/rounds/1/1.in.jsonl", outKey: "runs/june/rounds/2/1.out.jsonl" };
      await run.writeLines(ofRound.outKey, known);
      await work(ofRound);
      expect(calls.map(({ line }) => line)).toEqual(known.length === 0 ? [1, 2, 3, 4] : [3, 4]);
      expect(lastKept()).toMatchObject(after);
    },
  );

  test("whose round has been concluded before, though nobody wrote so into the plan, is counted by its lines", async () => {
    const progress = { total: 50, round: 2, done: 11, failed: 3, waiting: 6, batches: {} };
    const { work, lastKept } = await begin({ devices: 3, lines, progress });
    await work();
    expect(lastKept()).toMatchObject({ done: 12, failed: 3, waiting: 5, batches: {} });
  });

  test("by one that died after it kept its lines and before it kept its numbers is counted as its lines say", async () => {
    const progress = { total: 50, done: 10, failed: 2, batches: {} };
    const { work, lastKept } = await begin({ devices: 4, lines, progress });
    await work();
    expect(lastKept()).toMatchObject({ done: 13, failed: 3, waiting: 0 });
  });

  test("loses the reason why it broke off once it goes well", async () => {
    const { work, lastKept } = await begin({
      progress: { stopped: { error: "PlatformUnavailableError", cause: "Down" } },
    });
    await work();
    expect(lastKept()).not.toHaveProperty("stopped");
  });

  test("of a run without progress is refused before anybody is called", async () => {
    const { work, texts, calls } = await begin();
    texts.delete("runs/june/progress.json");
    await expect(work()).rejects.toMatchObject({
      name: "ConfigurationError",
      message: "The fleet run has no progress to add to",
    });
    expect(calls).toEqual([]);
  });
});

describe("while a batch is under way", () => {
  test("what is known is kept at the first call after each five seconds", async () => {
    const stopped = { error: "PlatformUnavailableError", cause: "Down" };
    const { work, kept } = await begin({ devices: 20, callMs: 300, progress: { stopped } });
    await work();
    expect(kept.map(({ atMs, progress }) => [atMs, progress.done, progress.stopped])).toEqual([
      [6_000, 5, undefined],
      [12_000, 11, undefined],
      [18_000, 17, undefined],
      [20_300, 20, undefined],
    ]);
  });

  test("a bucket that is slow for once does not put what was known then over what is known in the end", async () => {
    const { time, work, store, byLine, lastKept } = await begin({ devices: 20 });
    const { put } = store;
    store.put = async (...written) => {
      store.put = put;
      await time.sleep(60_000);
      await put(...written);
    };
    expect(await work()).toMatchObject({ done: 20 });
    await time.sleep(60_000);
    expect([(await byLine()).size, lastKept()?.done]).toEqual([20, 20]);
  });

  test("an execution that takes over ends it, and nothing of it is kept from then on", async () => {
    const { time, work, run, calls, kept, texts } = await begin({ devices: 40 });
    void time.sleep(8_500).then(() => run.writeOwner("execution-2"));
    const working = work();
    await time.sleep(11_000);
    const before = new Map(texts);
    await expect(working).rejects.toMatchObject({
      name: "InvalidInputError",
      message: "Another execution has taken over this run",
    });
    expect(calls.length).toBeLessThanOrEqual(13);
    expect(kept.map(({ atMs }) => atMs)).toEqual([6_000]);
    expect(texts).toEqual(before);
  });

  test("an execution that took over before has all of it refused", async () => {
    const { work, kept, texts } = await begin();
    await expect(work({ execution: "execution-0" })).rejects.toThrow("Another execution has taken over this run");
    expect([kept, texts.has(outKey)]).toEqual([[], false]);
  });

  test("a bucket that does not work ends it, and the run says so as soon as it works again", async () => {
    const { work, store, calls, lastKept, byLine } = await begin({ devices: 40 });
    const { put } = store;
    store.put = async () => {
      store.put = put;
      throw new Error("The object store did not answer");
    };
    await expect(work()).rejects.toThrow("The object store did not answer");
    expect(calls.length).toBeLessThanOrEqual(7);
    expect((await byLine()).size).toBe(calls.length);
    const cause = "The log of rekeyBatch names the cause.";
    expect(lastKept()).toMatchObject({ done: calls.length, stopped: { error: "UnexpectedError", cause } });
  });

  test("no call begins after eight minutes, those that have begun end, and the others stay for the next round", async () => {
    const { work, calls, byLine, lastKept } = await begin({
      devices: 600,
      callMs: 2_500,
      progress: { round: 2, waiting: 600 },
    });
    expect(await work()).toEqual({ done: 480, failed: 0, waiting: 0, tooManyFailures: false });
    expect(calls.at(-1)).toEqual({ line: 480, atMs: 480_000 });
    expect((await byLine()).size).toBe(480);
    expect(lastKept()).toMatchObject({ done: 480, waiting: 120 });
  });

  test("nor after eight minutes of calls so slow that the pace is never what is waited for", async () => {
    const { work, calls } = await begin({ devices: 600, callsPerMinute: 6_000, callMs: 100_000 });
    expect(await work()).toMatchObject({ done: 300 });
    expect(Math.max(...calls.map(({ atMs }) => atMs))).toBeLessThanOrEqual(480_000);
  });

  test.each([1, 5, 60])(
    "a platform that throttles at %d calls a minute does not hold it up beyond eight",
    async (pace) => {
      const fail = () => failure("PlatformThrottledError");
      const { work, time } = await begin({ devices: 600, callsPerMinute: pace, fail });
      const fromMs = time.elapsedMs;
      await work();
      expect(time.elapsedMs - fromMs).toBeLessThanOrEqual(480_000);
    },
  );
});
