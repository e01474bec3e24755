import type { KnownLines } from "../shared/fleet/known-lines.ts";
import { batchMinutes, knownLines, withDefaults } from "../shared/fleet/planning.ts";
import { openRun, type RunPlan } from "../shared/fleet/run-store.ts";
import { commonShare } from "../shared/fleet/sketch.ts";
import { ahead } from "../shared/fleet/streams.ts";
import type { ObjectStore } from "../shared/runtime/objects.ts";
import { entriesOf, type Judged, type LocalInput } from "./fleet-input.ts";

/** A run that has an input's devices. */
export interface FoundRun {
  readonly run: string;
  readonly plan: RunPlan;
  /** Of the smaller of both, 0 to 1. */
  readonly share: number;
}

/** The run that has most of these devices in common with an input; the newest of several. */
export async function findRun(objects: ObjectStore, input: Judged): Promise<FoundRun | undefined> {
  let found: FoundRun | undefined;
  const runs = await objects.folders("runs/");
  const plans = ahead(runs, async (run) => ({ run, plan: await openRun(run, objects).readPlan() }));
  for await (const { run, plan } of plans) {
    if (plan === undefined) continue;
    const share = commonShare(input, { size: plan.total, hashes: plan.sketch });
    if (share === 0) continue;
    const isBetter =
      share > (found?.share ?? 0) || (share === found?.share && plan.startedAtMs > found.plan.startedAtMs);
    if (isBetter) found = { run, plan, share };
  }
  return found;
}

/**
 * What the lines of a file are to a run; no run: all are new. Removed is what the input before had and this one leaves
 * out.
 */
export async function compare(
  objects: ObjectStore,
  run: FoundRun | undefined,
  input: LocalInput,
  options: { readonly timeout: number; readonly appId?: string | undefined },
) {
  const known: KnownLines = await knownLines(openRun(run?.run ?? "none", objects), run?.plan);
  const counts = { done: 0, added: 0, changed: 0, tried: 0, untried: 0 };
  for await (const entries of entriesOf(input)) {
    for (const entry of entries) {
      if (entry.kind === "device")
        counts[known.meet(withDefaults(entry.device, { ...options, code: input.code })).kind] += 1;
    }
  }
  return { ...counts, leftOut: known.unmet - (await leftOutBefore(objects, run, known)) };
}

/** How many of the lines that an input does not have an earlier one left out already: they are no news. */
async function leftOutBefore(objects: ObjectStore, run: FoundRun | undefined, known: KnownLines): Promise<number> {
  if (run === undefined || known.unmet === 0) return 0;
  const store = openRun(run.run, objects);
  let count = 0;
  for (const { key } of run.plan.removed) {
    for await (const lines of store.streamLines(key)) count += lines.filter((line) => !known.wasMet(line)).length;
  }
  return count;
}

// Dollars, list prices of eu-central-1 in 2026, rounded up; no free tier.
const lambdaSecond = 0.0000134;
const stepTransition = 0.000025;
const putRequest = 0.0000054;
const getRequest = 0.00000043;

/** What so many minutes of a run cost, in dollars: a gigabyte of Lambda all the while, batches, what they keep and look at. */
export function costOf(minutes: number): number {
  const looks = minutes * 12;
  const perBatch = (minutes / batchMinutes) * 4 * stepTransition;
  return minutes * 60 * lambdaSecond + perBatch + looks * (3 * putRequest + 5 * getRequest);
}
