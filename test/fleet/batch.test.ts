import { describe, expect, test } from "vitest";
import type { FleetLine } from "../../shared/fleet/lines.ts";
import { createTurns } from "../../shared/fleet/turns.ts";
import { begin, failure, isoAfter, keys } from "./one-batch.ts";

const over = { next: "over", waitSeconds: 0, leftSeconds: 0 };
const none = { done: 0, failed: 0, waiting: 0, errors: {} };
const lineOf = (line: number, status: "done" | "failed" | "waiting", more: Partial<FleetLine> = {}): FleetLine => ({
  ...{ line, deviceId: `d-${line}`, status, at: "2025-12-31T00:00:00.000Z" },
  ...more,
});

describe("a batch in which nothing goes wrong", () => {
  test("ends with a line for each device, at the pace, and with its numbers in the run's progress", async () => {
    const before = { ...none, done: 40, failed: 2, errors: { DeviceNotFoundError: 2 } };
    const given = [
      { line: 1, deviceId: "d-1", nodeId: "n-1", timeout: 600 },
      { line: 2, deviceId: "d-2" },
      { line: 3, deviceId: "d-3" },
    ];
    const { begunAtMs, work, lines, lastKept } = await begin({ given, progress: { total: 50, before } });
    expect(await work()).toEqual({ done: 3, failed: 0, waiting: 0, ...over });
    expect(begunAtMs()).toEqual([1_000, 2_000, 3_000]);
    const done = { status: "done", codeKeyId: "0a0b0c0d", replayed: false };
    expect(await lines()).toEqual([
      { ...given[0], ...done, expiresAt: isoAfter(600_000), at: isoAfter(1_000) },
      { ...given[1], ...done, expiresAt: null, replayed: true, at: isoAfter(2_000) },
      { ...given[2], ...done, expiresAt: null, at: isoAfter(3_000) },
    ]);
    expect(lastKept()).toMatchObject({
      ...{ done: 43, failed: 2, waiting: 0, errors: { DeviceNotFoundError: 2 }, round: 1, finished: false, before },
      ...{ updatedAtMs: Date.parse(isoAfter(3_000)), batches: [{ ...none, done: 3 }, null] },
    });
  });

  test("of no devices calls nobody", async () => {
    const { work, calls } = await begin({ devices: 0 });
    expect(await work()).toEqual({ done: 0, failed: 0, waiting: 0, ...over });
    expect(calls).toEqual([]);
  });

  test("waits for the calls that take longest, sixty of them at a time", async () => {
    const { work, calls, mostAtOnce } = await begin({ devices: 130, callsPerMinute: 6_000, callMs: 2_000 });
    expect(await work()).toMatchObject({ done: 130 });
    expect([mostAtOnce(), calls.length]).toEqual([60, 130]);
  });
});

describe("a batch that was begun before", () => {
  const known = [lineOf(1, "done"), lineOf(2, "failed"), lineOf(3, "waiting")];

  test("has only those called that are not at their end, and nothing is counted twice", async () => {
    const batches = [
      { ...none, done: 1, failed: 1, waiting: 1 },
      { ...none, done: 9 },
    ];
    const { work, called, lines, lastKept } = await begin({ devices: 4, known, progress: { total: 50, batches } });
    expect(await work()).toMatchObject({ done: 3, failed: 1, waiting: 0 });
    // Those never tried before those that failed.
    expect(called()).toEqual([4, 3]);
    expect((await lines()).slice(0, 2)).toEqual(known.slice(0, 2));
    expect(lastKept()).toMatchObject({ done: 12, failed: 1, waiting: 0 });
  });

  test("in a later round takes from those that wait what it brings to an end", async () => {
    const given = [1, 2, 3, 4].map((line) => lineOf(line, "waiting", { triedAtMs: 1 }));
    const before = { ...none, done: 5, waiting: 4 };
    const fail = (line: number) =>
      line === 3 ? failure("DeviceOnlineError") : line === 4 ? failure("DeviceNotFoundError") : undefined;
    const { work, lines, lastKept } = await begin({ given, fail, progress: { total: 9, round: 2, ...before, before } });
    await work();
    expect(lastKept()).toMatchObject({ done: 7, failed: 1, waiting: 1, errors: { DeviceNotFoundError: 1 } });
    // The limit counts from the first try.
    expect((await lines()).find(({ line }) => line === 3)).toMatchObject({ status: "waiting", triedAtMs: 1 });
  });

  test("loses the reason why it broke off once a device is served", async () => {
    const stopped = { error: "PlatformUnavailableError", cause: "Down", tries: 3, nextTryAtMs: 1 };
    const { work, kept } = await begin({ devices: 9, callMs: 7_000, progress: { stopped } });
    await work();
    expect(kept.map(({ progress }) => progress.stopped)).toEqual([stopped, ...Array(kept.length - 1).fill(undefined)]);
  });

  test("of a run without progress is refused before anybody is called", async () => {
    const { work, bucket, calls } = await begin();
    bucket.texts.delete("runs/june/progress.json");
    await expect(work()).rejects.toMatchObject({ message: "The fleet run has no progress to add to" });
    expect(calls).toEqual([]);
  });
});

describe("while a batch is under way", () => {
  test("what is known is kept every five seconds", async () => {
    const { work, kept } = await begin({ devices: 20, callMs: 300 });
    await work();
    expect(kept.map(({ atMs }) => atMs)).toEqual([5_000, 10_000, 15_000, 20_000, 20_300]);
    expect(kept.map(({ progress }) => progress.done)).toEqual([4, 9, 14, 19, 20]);
  });

  test.each([
    ["pause", 60, "RunPaused"],
    ["stop", 60, "RunStopped"],
    ["stop", 6_000, "RunStopped"],
  ] as const)(
    "%s at %d calls a minute begins at most ten calls more, and those under way end",
    async (want, pace, error) => {
      const { time, work, store, calls, lines, lastKept } = await begin({
        devices: 2_000,
        callsPerMinute: pace,
        callMs: 900,
      });
      let begun = 0;
      void time.sleep(8_500).then(async () => {
        await store.writeControl({ want });
        begun = calls.length;
      });
      expect(await work()).toMatchObject({ next: "stop" });
      expect(begun).toBeGreaterThan(5);
      expect(calls.length - begun).toBeLessThanOrEqual(10);
      expect(await lines()).toHaveLength(calls.length);
      expect(lastKept()).toMatchObject({ done: calls.length, stopped: { error } });
    },
  );

  test("a new pace holds from the next look on", async () => {
    const { time, work, store, begunAtMs, lastKept } = await begin({ devices: 40 });
    void time.sleep(10_500).then(() => store.writeControl({ want: "run", callsPerMinute: 120 }));
    await work();
    const gaps = begunAtMs().map((at, index) => at - (begunAtMs()[index - 1] ?? 0));
    expect(gaps.slice(0, 14)).toEqual(Array(14).fill(1_000));
    expect(gaps.slice(20)).toEqual(Array(20).fill(500));
    expect(lastKept()?.callsPerMinute).toBe(120);
  });

  test("what a refusal taught at another pace than the run began with holds for the next batch", async () => {
    const { work, store, begunAtMs, bucket } = await begin({
      fail: (_, attempt) => (begunAtMs().length === 1 && attempt === 1 ? failure("PlatformThrottledError") : undefined),
    });
    await store.writeControl({ want: "run", callsPerMinute: 30 });
    await work();
    bucket.texts.delete(keys.outKey);
    const before = begunAtMs().length;
    await work();
    const [first = 0, second = 0] = begunAtMs().slice(before);
    expect([begunAtMs().length - before, second - first]).toEqual([3, expect.toSatisfy((gap) => gap > 2_050)]);
  });

  test.each<[string, number, boolean]>([
    ["between calls that are 60 s apart", 1, false],
    ["in a rest of a minute and more", 5, true],
  ])("%s it keeps its turn and hears of a pause within seconds", async (_, callsPerMinute, isRefused) => {
    const fail = () => (isRefused ? failure("PlatformThrottledError") : undefined);
    const { time, work, store, bucket, clock, calls, kept } = await begin({ devices: 20, callsPerMinute, fail });
    const july = createTurns(bucket, "july", "july/execution-7", clock);
    const taken: boolean[] = [];
    void time.sleep(100_000).then(async () => {
      for (let look = 0; look < 10; look += 1) {
        taken.push(await july.take());
        await time.sleep(10_000);
      }
      await store.writeControl({ want: "pause" });
    });
    const fromMs = time.elapsedMs;
    expect(await work()).toMatchObject({ next: "stop" });
    expect(time.elapsedMs - fromMs).toBeLessThanOrEqual(205_000);
    expect(taken).toEqual(Array(10).fill(false));
    const silences = kept.map(({ atMs }, index) => atMs - (kept[index - 1]?.atMs ?? 0));
    expect(Math.max(...silences)).toBeLessThanOrEqual(6_000);
    expect(calls.length).toBeGreaterThan(1);
  });

  test("a run that was told to stop before calls nobody", async () => {
    const { work, store, calls, lastKept } = await begin();
    await store.writeControl({ want: "stop" });
    expect(await work()).toMatchObject({ next: "stop" });
    expect([calls, lastKept()?.stopped?.error]).toEqual([[], "RunStopped"]);
  });

  test("a wait of any length is taken a minute at a time, and nobody is called meanwhile", async () => {
    const { work, calls, kept } = await begin();
    const waits: number[] = [];
    for (let leftSeconds = 135; ; ) {
      const outcome = await work({ leftSeconds });
      if (outcome.next === "over") break;
      expect([calls, kept]).toEqual([[], []]);
      waits.push(outcome.waitSeconds);
      leftSeconds = outcome.leftSeconds;
    }
    expect(waits).toEqual([60, 60, 15]);
    expect(calls).toHaveLength(3);
  });

  test.each([
    ["pause", "RunPaused"],
    ["stop", "RunStopped"],
  ] as const)("%s ends a wait at its next minute", async (want, error) => {
    const { work, store, calls, lastKept } = await begin();
    expect(await work({ leftSeconds: 3_600 })).toMatchObject({ next: "again", leftSeconds: 3_540 });
    await store.writeControl({ want });
    expect(await work({ leftSeconds: 3_540 })).toMatchObject({ next: "stop" });
    expect([calls, lastKept()?.stopped?.error]).toEqual([[], error]);
  });

  test("an execution that takes over ends a wait, too", async () => {
    const { work } = await begin();
    await expect(work({ leftSeconds: 3_600, execution: "execution-0" })).rejects.toMatchObject({
      name: "RunTakenOverError",
    });
  });

  test("an execution that takes over ends it, and nothing of it is kept from then on", async () => {
    const { time, work, store, bucket, calls, kept } = await begin({ devices: 40 });
    void time.sleep(8_500).then(() => store.writeOwner("execution-2"));
    await expect(work()).rejects.toMatchObject({
      ...{ name: "RunTakenOverError", message: "Another execution has taken over this run" },
    });
    expect(calls.length).toBeLessThanOrEqual(13);
    expect(kept.map(({ atMs }) => atMs)).toEqual([5_000]);
    expect(bucket.written.at(-1)).toBe("runs/turn.json");
  });

  test("an execution that took over before has all of it refused", async () => {
    const { work, kept, calls } = await begin();
    await expect(work({ execution: "execution-0" })).rejects.toMatchObject({ name: "RunTakenOverError" });
    expect([kept, calls]).toEqual([[], []]);
  });

  test("a bucket that is down ends it within a look, and what it holds is true", async () => {
    const { time, work, bucket, calls, lines } = await begin({ devices: 40 });
    void time.sleep(12_500).then(() => {
      bucket.isDown = true;
    });
    await expect(work()).rejects.toMatchObject({ name: "StoreUnavailableError", passing: "outage" });
    expect(calls.length).toBeLessThanOrEqual(15);
    bucket.isDown = false;
    expect(await lines()).toHaveLength(10);
    // Asked for again, it does the rest; what nobody wrote down is asked for once more, and has the same code.
    expect(await work()).toMatchObject({ done: 40, next: "over" });
  });

  test("no call begins after eight minutes, those that have begun end, and the others stay for the next round", async () => {
    const { work, calls, lines } = await begin({ devices: 600, callMs: 2_500 });
    expect(await work()).toEqual({ done: 476, failed: 0, waiting: 0, ...over });
    // Half a second of each minute is nobody's.
    expect(calls.at(-1)).toEqual({ line: 476, atMs: 479_500 });
    expect(await lines()).toHaveLength(476);
  });

  test.each([1, 5, 60])(
    "a platform that throttles at %d calls a minute does not hold it beyond eight",
    async (pace) => {
      const { work, time } = await begin({
        devices: 600,
        callsPerMinute: pace,
        fail: () => failure("PlatformThrottledError"),
      });
      const fromMs = time.elapsedMs;
      expect(await work()).toMatchObject({ next: "over" });
      expect(time.elapsedMs - fromMs).toBeLessThanOrEqual(480_000);
    },
  );
});

describe("two runs", () => {
  test("have one batch at work between them, and take turns", async () => {
    const { work, bucket, clock, calls, kept, time } = await begin({ devices: 20 });
    const july = createTurns(bucket, "july", "july/execution-7", clock);
    expect(await july.take()).toBe(true);
    expect(await work()).toEqual({ done: 0, failed: 0, waiting: 0, next: "again", waitSeconds: 15, leftSeconds: 0 });
    expect([calls, kept]).toEqual([[], []]);
    await july.release();
    // June asked, so it is June's turn.
    expect(await july.take()).toBe(false);
    const working = work();
    await time.sleep(3_000);
    expect(await july.take()).toBe(false);
    expect(await working).toMatchObject({ done: 20 });
    expect(await july.take()).toBe(true);
  });

  test("that lost its turn while the bucket did not answer stops calling", async () => {
    const { time, work, bucket, clock, calls } = await begin({ devices: 40 });
    void time.sleep(8_500).then(async () => {
      bucket.texts.delete("runs/turn.json");
      await createTurns(bucket, "july", "july/execution-7", clock).take();
    });
    expect(await work()).toMatchObject({ next: "again", waitSeconds: 15 });
    expect(calls.length).toBeLessThanOrEqual(12);
  });
});
