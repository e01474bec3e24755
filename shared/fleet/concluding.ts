import { RekeyError } from "../errors.ts";
import type { Clock } from "../runtime/clock.ts";
import { type FleetCounts, LineCounter, sumOf } from "./counts.ts";
import { type CodeOf, type FleetLine, resultOf } from "./lines.ts";
import { type RunPlan, type RunProgress, type RunStore, takenOver } from "./run-store.ts";
import { BatchesWriter, batchLines, compacted, inOrder, PartsWriter } from "./streams.ts";
import { type Tolerance, tooManyFailed } from "./verdict.ts";
import { neverTried } from "./words.ts";

/** How a run is to be concluded. */
export interface Conclusion extends Tolerance {
  readonly execution: string;
  /** Of the round that has ended: what was concluded before is not concluded again. */
  readonly manifestKey: string;
  /** How long after its first try a device is tried again. */
  readonly limitSeconds: number;
  /** The round was broken off: write down what is known, begin no other. */
  readonly stopped: boolean;
}

interface Dependencies {
  readonly store: RunStore;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  /** Codes for the result; absent: it holds none. */
  readonly codeOf: CodeOf | undefined;
}

/** How the run stands. */
export interface Concluded extends FleetCounts {
  readonly state: RunPlan["state"];
  readonly total: number;
  readonly round: number;
  readonly manifestKey: string;
  /** For how long the next round waits. */
  readonly waitSeconds: number;
  /** Lines that are done and not in this input; absent: none. */
  readonly removed?: number;
  /** Lines whose turn did not come before the run stopped; absent: none. */
  readonly untried?: number;
  readonly error?: string;
  readonly cause?: string;
}

const firstWaitSeconds = 60;
const longestWaitSeconds = 3_600;
const silentEnd = {
  error: "BatchEndedSilently",
  cause: "A batch ended without saying why; the log of rekeyBatch does. Start the run again: what is done stays done.",
};

/**
 * Makes a round of the devices that wait, or the result where none does.
 *
 * @throws InvalidInputError there is no such run; RunTakenOverError
 */
export async function conclude(conclusion: Conclusion, dependencies: Dependencies): Promise<Concluded> {
  const { store } = dependencies;
  const [plan, owner, progress] = await Promise.all([store.readPlan(), store.readOwner(), store.readProgress()]);
  if (plan === undefined || progress === undefined) {
    throw new RekeyError("InvalidInputError", "There is no run of this name");
  }
  if (owner !== conclusion.execution) throw takenOver();
  // Step Functions repeats what it got no answer to.
  if (plan.state === "finished" || plan.manifestKey !== conclusion.manifestKey) return concludedOf(plan, progress, 0);
  return conclusion.stopped ? stop(plan, progress, dependencies) : next(plan, progress, conclusion, dependencies);
}

async function stop(plan: RunPlan, progress: RunProgress, dependencies: Dependencies): Promise<Concluded> {
  const { store, clock } = dependencies;
  const untried = await writeResult(plan, dependencies);
  const reason = progress.stopped ?? silentEnd;
  const stopped = { error: reason.error, cause: reason.cause, ...(untried > 0 && { untried }) };
  await store.writeProgress({ ...progress, finished: true, stopped, updatedAtMs: clock.now() });
  await store.writePlan({ ...plan, state: "stopped" });
  const cause = untried > 0 ? `${reason.cause} ${neverTried(untried)}.` : reason.cause;
  return { ...concludedOf({ ...plan, state: "stopped" }, progress, 0), ...stopped, cause };
}

async function next(
  plan: RunPlan,
  progress: RunProgress,
  conclusion: Conclusion,
  dependencies: Dependencies,
): Promise<Concluded> {
  const { store, clock, random } = dependencies;
  const round = plan.round + 1;
  const { settled, untried, waiting, counts, waitMs } = await sortRound(plan, conclusion, dependencies);
  const waitSeconds =
    untried.length > 0 ? 0 : Math.ceil(Math.max(0, Math.min(waitMs / 1_000, waitBefore(round, random))));
  const entries = [...untried, ...waiting].map((entry, batch) => ({
    ...{ ...entry, batch, canary: false, afterSeconds: batch === 0 ? waitSeconds : 0 },
  }));
  const manifestKey = `${store.folder(plan.generation)}/round-${round}/manifest.json`;
  const isLast = entries.length === 0;
  const atRest = await compacted(store, plan.settled, `${store.folder(plan.generation)}/merged-${plan.round}`);
  const all = { ...plan, settled: [...atRest, ...settled] };
  const begunWith = countsBefore(progress, conclusion);
  const before = sumOf([{ ...begunWith, waiting: 0 }, counts]);
  const after: RunPlan = isLast ? { ...withoutManifest(all), state: "finished" } : { ...all, round, manifestKey };
  if (isLast) await writeResult(after, dependencies);
  else await store.writeManifest(manifestKey, entries);
  const verdict = isLast ? tooManyFailed(before.failed, plan.total, conclusion) : undefined;
  const { stopped: _, ...going } = progress;
  const written: RunProgress = {
    ...{ ...going, ...before, before, round: after.round, finished: isLast, updatedAtMs: clock.now() },
    ...{ batches: entries.map(() => null), concluded: { manifestKey: conclusion.manifestKey, before: begunWith } },
    ...(verdict === undefined ? {} : { stopped: verdict }),
  };
  await store.writeProgress(written);
  await store.writePlan(after);
  return { ...concludedOf(after, written, isLast ? 0 : waitSeconds), ...verdict };
}

/** Counts of all rounds before this one. Where the plan could not be written, `before` has this one in it already. */
function countsBefore({ before, concluded }: RunProgress, { manifestKey }: Conclusion): FleetCounts {
  return concluded?.manifestKey === manifestKey ? concluded.before : before;
}

/** Lays to rest what is done or failed, and makes batches of the rest. */
async function sortRound(plan: RunPlan, { limitSeconds }: Conclusion, { store, clock }: Dependencies) {
  const folder = store.folder(plan.generation);
  const atRest = new PartsWriter(store, `${folder}/settled-${plan.round}`);
  const fresh = new BatchesWriter(store, `${folder}/round-${plan.round + 1}/fresh`, plan.batchDevices);
  const again = new BatchesWriter(store, `${folder}/round-${plan.round + 1}/again`, plan.batchDevices);
  const counter = new LineCounter();
  let waitMs = 0;
  const entries = plan.manifestKey === undefined ? [] : await store.readManifest(plan.manifestKey);
  for await (const lines of batchLines(store, entries)) {
    for (const one of lines) {
      const line = givenUp(one, limitSeconds, clock);
      counter.add(line);
      if (line.status === "done" || line.status === "failed") await atRest.write(line);
      else await (line.status === "waiting" ? again : fresh).write(line);
      // The last try is for when the limit is over, and not before.
      if (line.status !== "waiting") continue;
      waitMs = Math.max(waitMs, (line.triedAtMs ?? clock.now()) + limitSeconds * 1_000 - clock.now());
    }
  }
  const settled = await atRest.end();
  const [untried, waiting] = [await fresh.end(), await again.end()];
  return { settled, untried, waiting, counts: counter.counts, waitMs };
}

/** A device whose last try came after its limit, counted from its first, has failed; a round may last for days. */
function givenUp(line: FleetLine, limitSeconds: number, clock: Clock): FleetLine {
  if (line.status !== "waiting" || line.triedAtMs === undefined) return line;
  const lastTriedAtMs = line.at === undefined ? clock.now() : Date.parse(line.at);
  return lastTriedAtMs - line.triedAtMs >= limitSeconds * 1_000 ? { ...line, status: "failed" } : line;
}

/** @returns how many lines were never tried */
async function writeResult(plan: RunPlan, { store, codeOf }: Dependencies): Promise<number> {
  const result = store.lineWriter(store.resultKey);
  let untried = 0;
  for await (const lines of inOrder(store, plan)) {
    untried += lines.filter(({ status }) => status === undefined).length;
    await result.write(lines.map((line) => resultOf(line, codeOf)));
  }
  await result.end();
  return untried;
}

function withoutManifest({ manifestKey: _, ...plan }: RunPlan): RunPlan {
  return plan;
}

function concludedOf(plan: RunPlan, progress: RunProgress, waitSeconds: number): Concluded {
  const { done, failed, waiting, errors } = progress;
  const removed = plan.removed.reduce((sum, { lines }) => sum + lines, 0);
  return {
    ...{ state: plan.state, total: plan.total, done, failed, waiting, errors, round: plan.round, waitSeconds },
    manifestKey: plan.manifestKey ?? "",
    ...(removed > 0 && { removed }),
  };
}

/** A minute before the second round, then twice as long each time up to an hour, a quarter more or less. */
function waitBefore(round: number, random: () => number): number {
  const seconds = Math.min(longestWaitSeconds, firstWaitSeconds * 2 ** (round - 2));
  return Math.round(seconds * (0.75 + random() / 2));
}
