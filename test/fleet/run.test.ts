import { describe, expect, test } from "vitest";
import {
  type BatchEntry,
  countByStatus,
  openRun,
  type ResultLine,
  type Run,
  type RunPlan,
  type RunProgress,
  runName,
  toLines,
} from "../../shared/fleet/run.ts";

/** A bucket in memory; `keys` are in the order in which they were written. */
function createBucket() {
  const texts = new Map<string, string>();
  const keys: string[] = [];
  return {
    texts,
    keys,
    get: async (key: string) => texts.get(key),
    put: async (key: string, text: string) => {
      keys.push(key);
      texts.set(key, text);
    },
  };
}

const plan: RunPlan = {
  inputKey: "devices.csv",
  inputHash: "a1",
  devices: 5,
  batchDevices: 2,
  round: 1,
  startedAtMs: 1_767_225_600_000,
  finished: false,
};
const progress: RunProgress = {
  run: "june",
  total: 5,
  done: 1,
  failed: 1,
  waiting: 3,
  round: 1,
  startedAtMs: 1_767_225_600_000,
  updatedAtMs: 1_767_225_601_000,
  finished: false,
  stopped: { error: "PlatformUnavailableError", cause: "Down" },
};
const line: ResultLine = { line: 7, deviceId: "d-7", status: "done", expiresAt: null, at: "2026-01-01T00:00:00.000Z" };
const devicesOf = (count: number) => Array.from({ length: count }, (_, at) => ({ line: at + 1, deviceId: `d-${at}` }));

describe("a run's name", () => {
  test.each(["june", "2026-06_north", "A", "x".repeat(80)])("may be %s", (name) => {
    expect(runName.safeParse(name).success).toBe(true);
  });

  test.each(["", "june/2", "june 2", "../june", "jüne", "x".repeat(81), "june\n"])("is never %j", (name) => {
    expect(runName.safeParse(name).error?.issues).toMatchObject([
      { message: "must be letters, digits, - and _, 80 at most" },
    ]);
  });
});

describe("what a run keeps", () => {
  test.each<
    [what: string, key: string, write: (run: Run) => Promise<void>, read: (run: Run) => unknown, value: unknown]
  >([
    ["plan", "plan.json", (run) => run.writePlan(plan), (run) => run.readPlan(), plan],
    ["progress", "progress.json", (run) => run.writeProgress(progress), (run) => run.readProgress(), progress],
    ["owner", "owner.json", (run) => run.writeOwner("execution-1"), (run) => run.readOwner(), "execution-1"],
  ])("its %s comes back as it was written, from this run alone", async (_, key, write, read, value) => {
    const bucket = createBucket();
    expect(await read(openRun("june", bucket))).toBeUndefined();
    await write(openRun("june", bucket));
    expect(await read(openRun("june", bucket))).toEqual(value);
    expect(bucket.keys).toEqual([`runs/june/${key}`]);
    expect(await read(openRun("july", bucket))).toBeUndefined();
  });

  test("its lines come back as they were written, and are none before that", async () => {
    const run = openRun("june", createBucket());
    expect(await run.readLines("out.jsonl")).toEqual([]);
    const lines: ResultLine[] = [line, { ...line, line: 8, status: "failed", error: "DeviceNotFoundError" }];
    await run.writeLines("out.jsonl", lines);
    expect(await run.readLines("out.jsonl")).toEqual(lines);
  });

  test("its result and the faults of its input have keys of their own", () => {
    const { resultKey, faultsKey, manifestKey } = openRun("june", createBucket());
    expect([resultKey, faultsKey]).toEqual(["runs/june/result.jsonl", "runs/june/faults.jsonl"]);
    expect([manifestKey(1), manifestKey(12)]).toEqual([
      "runs/june/rounds/1/manifest.json",
      "runs/june/rounds/12/manifest.json",
    ]);
  });
});

describe("a round", () => {
  const entry = (round: number, batch: number): BatchEntry => ({
    batch,
    inKey: `runs/june/rounds/${round}/${batch}.in.jsonl`,
    outKey: `runs/june/rounds/${round}/${batch}.out.jsonl`,
  });

  test.each([
    ["no device", 0, []],
    ["fewer devices than a batch takes", 1, [1]],
    ["exactly one batch", 2, [2]],
    ["full batches only", 4, [2, 2]],
    ["a last batch that is not full", 5, [2, 2, 1]],
  ])("of %s has every device in one batch, in order", async (_, count, sizes) => {
    const run = openRun("june", createBucket());
    await run.writeRound(3, devicesOf(count), 2);
    const manifest = await run.readManifest(3);
    expect(manifest).toEqual(sizes.map((_, at) => entry(3, at + 1)));
    const batches = await Promise.all(manifest.map(({ inKey }) => run.readDevices(inKey)));
    expect(batches.map((batch) => batch.length)).toEqual(sizes);
    expect(batches.flat()).toEqual(devicesOf(count));
  });

  test("has its manifest written last, so that one who reads it finds every batch", async () => {
    const bucket = createBucket();
    const run = openRun("june", bucket);
    await run.writeRound(1, devicesOf(3), 2);
    expect(bucket.keys).toEqual([entry(1, 1).inKey, entry(1, 2).inKey, run.manifestKey(1)]);
  });

  test("that was never written has no batches", async () => {
    const run = openRun("june", createBucket());
    await run.writeRound(1, devicesOf(3), 2);
    expect(await run.readManifest(2)).toEqual([]);
    expect(await run.readDevices(entry(2, 1).inKey)).toEqual([]);
  });
});

describe("an object that somebody else changed", () => {
  test.each<[what: string, key: string, read: (run: Run) => Promise<unknown>, texts: readonly string[]]>([
    ["plan", "runs/june/plan.json", (run) => run.readPlan(), ["", "{", "{}", '{"inputKey":7}']],
    ["progress", "runs/june/progress.json", (run) => run.readProgress(), ["", "[]", '{"run":"june"}']],
    ["owner", "runs/june/owner.json", (run) => run.readOwner(), ["", "execution-1", "7"]],
    ["manifest", "runs/june/rounds/1/manifest.json", (run) => run.readManifest(1), ["", "{}", '[{"batch":"1"}]']],
    [
      "devices",
      "in.jsonl",
      (run) => run.readDevices("in.jsonl"),
      ["d-1", '{"line":1}\n', '{"line":1,"deviceId":"d","x":1}\n'],
    ],
    ["lines", "out.jsonl", (run) => run.readLines("out.jsonl"), ["{}", `${JSON.stringify(line)}\n{"line":8}\n`, " \n"]],
  ])("is no %s: whoever operates the service is told, with the cause", async (_, key, read, texts) => {
    for (const text of texts) {
      const bucket = createBucket();
      bucket.texts.set(key, text);
      await expect(read(openRun("june", bucket)), text).rejects.toMatchObject({
        name: "ConfigurationError",
        message: "An object of the fleet run was changed by somebody else",
        cause: expect.any(Error),
      });
    }
  });

  test("by nothing but empty lines is read as before", async () => {
    const bucket = createBucket();
    bucket.texts.set("out.jsonl", `\n${JSON.stringify(line)}\n\n`);
    expect(await openRun("june", bucket).readLines("out.jsonl")).toEqual([line]);
  });
});

test("values become one JSON line each, every one ended", () => {
  expect(toLines([])).toBe("");
  expect(toLines([{ line: 1, message: "a\nb" }, "c"])).toBe('{"line":1,"message":"a\\nb"}\n"c"\n');
});

test("lines are counted by their status, and a status that none has is counted as none", () => {
  const withStatus = (status: ResultLine["status"]) => ({ ...line, status });
  expect(countByStatus([])).toEqual({ done: 0, failed: 0, waiting: 0 });
  expect(countByStatus((["done", "waiting", "done", "done", "waiting"] as const).map(withStatus))).toEqual({
    done: 3,
    failed: 0,
    waiting: 2,
  });
  expect(countByStatus([withStatus("failed")])).toEqual({ done: 0, failed: 1, waiting: 0 });
});
