import { RekeyError } from "../errors.ts";
import type { Clock } from "../runtime/clock.ts";
import { countLines, type FleetCounts, sumOf } from "./counts.ts";
import type { FleetLine } from "./lines.ts";
import type { Pacer } from "./pacer.ts";
import { type BatchEntry, type RunControl, type RunProgress, type RunStore, takenOver } from "./run-store.ts";
import { type End, type RekeyOne, reasonOf, Shift } from "./shift.ts";
import type { Turns } from "./turns.ts";
import { canaryFailed, type Reason, type Tolerance, tooManyFailed } from "./verdict.ts";

/** Which batch, and how. */
export interface Batch extends BatchEntry, Tolerance {
  readonly execution: string;
  readonly callsPerMinute: number;
  /** Some devices go first; batches need not come in their order. */
  readonly hasCanary: boolean;
  /** So long it is not to be tried yet: whoever pauses a run that waits need not wait for it. */
  readonly leftSeconds: number;
}

/** What working off a batch needs from outside. */
export interface BatchDependencies {
  readonly store: RunStore;
  /** Open while devices are worked on, and only then. */
  readonly pacer: Pacer;
  readonly turns: Turns;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  readonly rekey: RekeyOne;
}

/** What a batch came to: it is over; it is to be tried again after a while; the run stops, and progress says why. */
export interface BatchOutcome {
  readonly done: number;
  readonly failed: number;
  readonly waiting: number;
  readonly next: "over" | "again" | "stop";
  /** Until it is to be invoked again; a minute at most, since nobody looks at what is wanted meanwhile. */
  readonly waitSeconds: number;
  /** How long it is to wait after that. */
  readonly leftSeconds: number;
}

// A function ends after 10 minutes at the latest; what is left by then waits for the next round.
const longestBatchMs = 8 * 60_000;
const keepMs = 5_000;
const turnSeconds = 15;
const firstPauseSeconds = 15;
const longestPauseSeconds = 600;
const longestWaitSeconds = 60;
/**
 * A batch's execution holds 25,000 events, and a wait of a minute takes nine of them: two to wait, five to look, two to
 * branch. A try after 600 s, drawn a quarter longer, takes thirteen waits: a hundred of them 11,700 events, and the
 * longest wait before a round (75 minutes) 675. More than half is left for what Step Functions repeats. The next batch
 * goes on waiting.
 */
const mostTriesInOutage = 100;
const mostDoubtfulTries = 12;
/** Calls that may begin between two looks at what the operator wants. */
const callsPerLook = 8;

/**
 * Brings every device of a batch to its line, at the pacer's pace; what an earlier invocation brought to an end stays
 * as it is. An outage ends no run: the batch says when it is to be tried again.
 *
 * @throws RunTakenOverError; StoreUnavailableError the bucket fails, and holds what was known some seconds before
 */
export async function workOff(batch: Batch, dependencies: BatchDependencies): Promise<BatchOutcome> {
  const { store, turns } = dependencies;
  const [given, known, progress, owner, control] = await Promise.all([
    store.readLines(batch.inKey),
    store.readLines(batch.outKey),
    store.readProgress(),
    store.readOwner(),
    store.readControl(),
  ]);
  if (progress === undefined) throw new RekeyError("ConfigurationError", "The fleet run has no progress to add to");
  if (owner !== batch.execution) throw takenOver();
  const work = new BatchWork(batch, { given, known, progress, control }, dependencies);
  const unwanted = reasonOfControl(control);
  if (unwanted !== undefined) return work.conclude({ kind: "stop", reason: unwanted });
  if (batch.hasCanary && batch.batch > 0 && progress.round === 1 && progress.batches[0] === null) {
    return work.conclude({ kind: "over" });
  }
  if (batch.leftSeconds > 0) return work.wait(batch.leftSeconds);
  if (!(await turns.take())) return work.conclude({ kind: "turn" });
  try {
    return await work.conclude(await work.shift());
  } finally {
    // Should this fail, the turn runs out by itself.
    await turns.release().catch(() => undefined);
  }
}

interface Found {
  readonly given: readonly FleetLine[];
  readonly known: readonly FleetLine[];
  readonly progress: RunProgress;
  readonly control: RunControl;
}

/** One invocation's work on a batch, and its part of the run's progress. */
class BatchWork {
  readonly #batch: Batch;
  readonly #given: readonly FleetLine[];
  readonly #progress: RunProgress;
  readonly #dependencies: BatchDependencies;
  /** What became known in this round, by line. */
  readonly #lines: Map<number, FleetLine>;
  #callsPerMinute: number;
  #keptAtMs: number;
  #shift: Shift | undefined;

  constructor(batch: Batch, { given, known, progress, control }: Found, dependencies: BatchDependencies) {
    this.#batch = batch;
    this.#given = given;
    this.#progress = progress;
    this.#dependencies = dependencies;
    this.#lines = new Map(known.map((line) => [line.line, line]));
    this.#callsPerMinute = control.callsPerMinute ?? batch.callsPerMinute;
    this.#keptAtMs = dependencies.clock.elapsed();
  }

  async shift(): Promise<End> {
    const { clock, pacer, rekey } = this.#dependencies;
    const todo = this.#current().filter(({ status }) => status === undefined || status === "waiting");
    this.#shift = new Shift({
      ...{ clock, pacer, rekey, longestMs: longestBatchMs, isProbe: this.#progress.stopped?.tries !== undefined },
      enter: (line) => this.#enter(line),
      look: () => this.#look(),
      lookMs: () => Math.min(keepMs, (callsPerLook * 60_000) / this.#callsPerMinute),
    });
    // Those that failed may have it for themselves; whether the platform is there, others show sooner.
    const untried = todo.filter(({ status }) => status === undefined);
    pacer.open(this.#callsPerMinute);
    try {
      return await this.#shift.work([...untried, ...todo.filter(({ status }) => status !== undefined)]);
    } finally {
      pacer.close();
    }
  }

  /** Writes down how the work ended. */
  async conclude(end: End): Promise<BatchOutcome> {
    const { random } = this.#dependencies;
    switch (end.kind) {
      case "over": {
        const reason = this.#canaryFailed();
        if (this.#shift !== undefined) await this.#keep(reason);
        return this.#outcome(reason === undefined ? "over" : "stop");
      }
      case "stop":
        await this.#keep(end.reason);
        return this.#outcome("stop");
      case "turn":
        return this.wait(turnSeconds);
      case "outage": {
        const tries = this.#shift?.served === true ? 0 : (this.#progress.stopped?.tries ?? 0);
        // It looked like an outage and does not end: then these devices have something in common, and wait for theirs.
        if (end.error.passing !== "outage" && tries >= mostDoubtfulTries) return this.conclude({ kind: "over" });
        const seconds = Math.min(longestPauseSeconds, firstPauseSeconds * 2 ** tries) * (0.75 + random() / 2);
        await this.#keepPause(reasonOf(end.error), Math.ceil(seconds), tries + 1);
        if ((tries + 1) % mostTriesInOutage !== 0) return this.wait(Math.ceil(seconds));
        // What the pause says stays for the next batch to go on with; where the first devices are not well there is none.
        return this.#canaryFailed() === undefined ? this.#outcome("over") : this.conclude({ kind: "over" });
      }
      case "fault": {
        const { error } = end;
        const isTakenOver = error instanceof RekeyError && error.name === "RunTakenOverError";
        // Kept where it can be: the function's failure is told either way.
        if (!isTakenOver) await this.#keep(reasonOf(error)).catch(() => undefined);
        throw error;
      }
    }
  }

  /** Comes back so much later, and looks each minute at what is wanted. */
  wait(seconds: number): BatchOutcome {
    const waitSeconds = Math.min(longestWaitSeconds, seconds);
    return { ...this.#outcome("again"), waitSeconds, leftSeconds: seconds - waitSeconds };
  }

  /** Why nothing may come after this batch. */
  #canaryFailed(): Reason | undefined {
    return this.#batch.canary ? canaryFailed(countLines(this.#current())) : undefined;
  }

  async #keepPause(reason: Reason, seconds: number, tries: number): Promise<void> {
    await this.#keep({ ...reason, tries, nextTryAtMs: this.#dependencies.clock.now() + seconds * 1_000 });
  }

  #outcome(next: BatchOutcome["next"]): BatchOutcome {
    const { done, failed, waiting } = countLines(this.#current());
    return { done, failed, waiting, next, waitSeconds: 0, leftSeconds: 0 };
  }

  /** The batch's devices as they stand now. */
  #current(): FleetLine[] {
    return this.#given.map((line) => this.#lines.get(line.line) ?? line);
  }

  /** What this batch adds to what the round began with. */
  #counts(): FleetCounts {
    const own = countLines(this.#current());
    return { ...own, waiting: own.waiting - countLines(this.#given).waiting };
  }

  #progressNow(): RunProgress {
    const { before, batches } = this.#progress;
    const own = batches.with(this.#batch.batch, this.#counts());
    return { ...this.#progress, ...sumOf([before, ...own]), batches: own };
  }

  #enter(line: FleetLine): End | undefined {
    this.#lines.set(line.line, line);
    if (line.status !== "failed") return undefined;
    const { failed, total } = this.#progressNow();
    const reason = tooManyFailed(failed, total, this.#batch);
    return reason && { kind: "stop", reason };
  }

  async #look(): Promise<End | undefined> {
    const { store, pacer, turns, clock } = this.#dependencies;
    const [owner, control] = await Promise.all([store.readOwner(), store.readControl()]);
    if (owner !== this.#batch.execution) throw takenOver();
    const unwanted = reasonOfControl(control);
    if (unwanted !== undefined) return { kind: "stop", reason: unwanted };
    this.#callsPerMinute = control.callsPerMinute ?? this.#callsPerMinute;
    pacer.setPace(this.#callsPerMinute);
    if (clock.elapsed() - this.#keptAtMs < keepMs) return undefined;
    // After an outage it is told until a device was served again.
    await this.#keep(this.#shift?.served === true ? undefined : this.#progress.stopped);
    return (await turns.take()) ? undefined : { kind: "turn" };
  }

  async #keep(stopped: RunProgress["stopped"]): Promise<void> {
    const { store, clock } = this.#dependencies;
    this.#keptAtMs = clock.elapsed();
    if ((await store.readOwner()) !== this.#batch.execution) throw takenOver();
    await store.writeLines(this.#batch.outKey, [...this.#lines.values()]);
    const { stopped: _, ...now } = this.#progressNow();
    await store.writeProgress({
      ...{ ...now, updatedAtMs: clock.now(), callsPerMinute: this.#callsPerMinute },
      ...(stopped === undefined ? {} : { stopped }),
    });
  }
}

function reasonOfControl({ want }: RunControl): Reason | undefined {
  if (want === "run") return undefined;
  return want === "pause"
    ? { error: "RunPaused", cause: "Somebody paused the run; resume goes on where it is." }
    : {
        error: "RunStopped",
        cause: "Somebody stopped the run. Started again, it does the rest: what is done stays done.",
      };
}
