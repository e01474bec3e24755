import { type ErrorName, RekeyError } from "../../shared/errors.ts";
import { type Batch, type BatchOutcome, workOff } from "../../shared/fleet/batch.ts";
import { noCounts } from "../../shared/fleet/counts.ts";
import type { FleetLine } from "../../shared/fleet/lines.ts";
import { Pacer } from "../../shared/fleet/pacer.ts";
import { openRun, type RunProgress } from "../../shared/fleet/run-store.ts";
import { createTurns } from "../../shared/fleet/turns.ts";
import { SimulatedTime } from "../simulation/time.ts";
import { createMemoryStore } from "./memory-store.ts";

export const keys = { inKey: "runs/june/1/round-1/fresh/1.in.jsonl", outKey: "runs/june/1/round-1/fresh/1.out.jsonl" };
/** A clock that has been running for a while, as a machine's has. */
export const startMs = 1_000_000;
export const startedAtMs = Date.UTC(2026, 0, 1) + startMs;
export const isoAfter = (milliseconds: number) => new Date(startedAtMs + milliseconds).toISOString();
/** As the platform's table has them: the one that is about the quota comes from the platform. */
export const failure = (name: ErrorName, message = "It failed") =>
  new RekeyError(name, message, name === "PlatformThrottledError" ? { platformCode: "1010009" } : {});

export interface Options {
  readonly devices?: number;
  /** All that the batch was given, in place of so many devices. */
  readonly given?: readonly FleetLine[];
  /** What became known in an earlier invocation. */
  readonly known?: readonly FleetLine[];
  readonly progress?: Partial<RunProgress>;
  readonly callsPerMinute?: number;
  /** How long a call takes. */
  readonly callMs?: number;
  /** What a call fails with: by line, and which of the line's calls it is, from 1. */
  readonly fail?: (line: number, attempt: number) => unknown;
}

/** A run with one batch at a call a second: its bucket in memory, and each call of the platform. */
export async function begin(options: Options = {}) {
  const { devices = 3, known, callsPerMinute = 60, callMs = 0, fail } = options;
  const some = Array.from({ length: devices }, (_, at): FleetLine => ({ line: at + 1, deviceId: `d-${at + 1}` }));
  const given = options.given ?? some;
  const time = new SimulatedTime();
  await time.sleep(startMs);
  const clock = time.clock();
  const bucket = createMemoryStore();
  const store = openRun("june", bucket);
  const calls: { readonly line: number; readonly atMs: number }[] = [];
  const kept: { readonly atMs: number; readonly progress: RunProgress }[] = [];
  await store.writeLines(keys.inKey, given);
  if (known !== undefined) await store.writeLines(keys.outKey, known);
  await store.writeOwner("execution-1");
  const counts = { ...noCounts, waiting: given.filter(({ status }) => status === "waiting").length };
  await store.writeProgress({
    ...{ run: "june", generation: 1, total: given.length, ...counts, before: counts, batches: [null, null] },
    ...{ round: 1, startedAtMs, updatedAtMs: startedAtMs, finished: false, callsPerMinute, ...options.progress },
  });
  bucket.beforeWrite = async (key, text) => {
    if (key.endsWith("progress.json")) kept.push({ atMs: time.elapsedMs - startMs, progress: JSON.parse(text) });
  };
  let [underWay, mostUnderWay] = [0, 0];
  const pacer = new Pacer(clock);
  const rekey = async ({ line }: FleetLine) => {
    if (!(await pacer.permit(5_000))) throw new RekeyError("PlatformThrottledError", "No call is free");
    calls.push({ line, atMs: time.elapsedMs - startMs });
    const attempt = calls.filter((call) => call.line === line).length;
    underWay += 1;
    mostUnderWay = Math.max(mostUnderWay, underWay);
    if (callMs > 0) await time.sleep(callMs);
    underWay -= 1;
    const error = fail?.(line, attempt);
    if (error !== undefined) throw error;
    return { codeKeyId: "0a0b0c0d", expiresAtMs: line === 1 ? startedAtMs + 600_000 : null, replayed: line === 2 };
  };
  const turns = createTurns(bucket, "june", "june/execution-1", clock);
  const work = (changes: Partial<Batch> = {}): Promise<BatchOutcome> =>
    workOff(
      {
        ...{ ...keys, batch: 0, devices: given.length, firstLine: 1, canary: false, hasCanary: false, afterSeconds: 0 },
        ...{ execution: "execution-1", callsPerMinute, toleratedFailurePercentage: 100, leftSeconds: 0, ...changes },
      },
      { store, pacer, turns, clock, random: () => 0.5, rekey },
    );
  return {
    ...{ time, clock, bucket, store, calls, kept, work, turns },
    lines: () => store.readLines(keys.outKey),
    statuses: async () => (await store.readLines(keys.outKey)).map(({ line, status }) => `${line} ${status}`),
    called: () => calls.map(({ line }) => line),
    begunAtMs: () => calls.map(({ atMs }) => atMs),
    lastKept: () => kept.at(-1)?.progress,
    mostAtOnce: () => mostUnderWay,
  };
}
