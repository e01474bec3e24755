import { RekeyError } from "../errors.ts";
import { type Clock, isoTime } from "../runtime/clock.ts";
import type { FleetDevice } from "./lines.ts";
import type { Pacer } from "./pacer.ts";
import { countByStatus, type ResultLine, type Run, type RunProgress, takenOver } from "./run.ts";

/** Which batch, and how. */
export interface Batch {
  readonly execution: string;
  readonly inKey: string;
  readonly outKey: string;
  readonly includeCode: boolean;
  readonly toleratedFailurePercentage: number;
}

/** What working off a batch needs from outside. */
export interface BatchDependencies {
  readonly run: Run;
  readonly pacer: Pacer;
  readonly clock: Clock;
  /** Re-keys one device; its first call may be made at once. @throws the errors of the family */
  rekey(device: FleetDevice): Promise<{
    readonly verifyCode: string;
    readonly expiresAtMs: number | null;
    readonly replayed: boolean;
  }>;
}

/** What a batch came to. */
export interface BatchOutcome {
  readonly done: number;
  readonly failed: number;
  readonly waiting: number;
  /** More of the run's devices failed than are tolerated. */
  readonly tooManyFailures: boolean;
}

// A function ends after 10 minutes at the latest; what is left by then waits for the next round.
const longestBatchMs = 8 * 60_000;
const flushMs = 5_000;
const maxAttempts = 3;
const maxInFlight = 60;
/** So many in a row, and it is not the devices. */
const maxStreak = 5;

/**
 * Brings every device of a batch to its line, at the pacer's pace; what an earlier invocation brought to an end stays
 * as it is.
 *
 * @throws ConfigurationError; and the error of an outage when it does not end, after keeping what is known
 */
export async function workOff(batch: Batch, dependencies: BatchDependencies): Promise<BatchOutcome> {
  const { run, clock } = dependencies;
  const [devices, known, progress] = await Promise.all([
    run.readDevices(batch.inKey),
    run.readLines(batch.outKey),
    run.readProgress(),
  ]);
  if (progress === undefined) throw new RekeyError("ConfigurationError", "The fleet run has no progress to add to");
  const lines = new Map(known.map((line) => [line.line, line]));
  // In a later round every device of a batch counts as waiting until there is news of it.
  const counts = () => {
    const { done, failed, waiting } = countByStatus([...lines.values()]);
    return { done, failed, waiting: progress.round > 1 ? waiting + devices.length - lines.size : waiting };
  };
  const atFirst = { done: 0, failed: 0, waiting: progress.round > 1 ? devices.length : 0 };
  // Progress of an older release has no such account, and one of a later round has none of this batch's: then the lines
  // that are known have been counted.
  const account = batch.outKey.includes(`/rounds/${progress.round}/`) ? progress.batches : undefined;
  const counted = account === undefined ? counts() : (account[batch.outKey] ?? atFirst);
  const current = (): RunProgress => {
    const own = counts();
    return {
      ...progress,
      done: progress.done - counted.done + own.done,
      failed: progress.failed - counted.failed + own.failed,
      waiting: progress.waiting - counted.waiting + own.waiting,
      ...(account === undefined ? {} : { batches: { ...account, [batch.outKey]: own } }),
      updatedAtMs: clock.now(),
    };
  };
  const keep = async (reason?: RunProgress["stopped"]) => {
    const owner = await run.readOwner();
    if (owner !== batch.execution) throw new RekeyError("InvalidInputError", takenOver);
    await run.writeLines(batch.outKey, [...lines.values()]);
    await run.writeProgress({ ...current(), stopped: reason });
  };
  const todo = devices.filter(({ line }) => (lines.get(line)?.status ?? "waiting") === "waiting");
  const stopped = await new Shift(batch, dependencies, lines, keep).work(todo);
  const { failed, total } = current();
  const tooManyFailures = failed * 100 > batch.toleratedFailurePercentage * total;
  await keep(stopped === undefined ? (tooManyFailures ? tooMany : undefined) : reasonOf(stopped));
  if (stopped !== undefined) throw stopped;
  return { ...countByStatus([...lines.values()]), tooManyFailures };
}

const tooMany = {
  error: "TooManyDevicesFailed",
  cause:
    "More devices failed than are tolerated. Look into the result, correct the input or the tolerated share, and start the run again.",
};

function reasonOf(error: unknown): { error: string; cause: string } {
  if (error instanceof RekeyError) return { error: error.name, cause: `${error.message}. ${error.advice}` };
  return { error: "UnexpectedError", cause: "The log of rekeyBatch names the cause." };
}

/** One invocation's work on a batch. */
class Shift {
  readonly #batch: Batch;
  readonly #dependencies: BatchDependencies;
  readonly #lines: Map<number, ResultLine>;
  readonly #keep: () => Promise<void>;
  readonly #attempts = new Map<number, number>();
  readonly #inFlight = new Set<Promise<void>>();
  #queue: FleetDevice[] = [];
  #streak = 0;
  #stopped: unknown;

  constructor(
    batch: Batch,
    dependencies: BatchDependencies,
    lines: Map<number, ResultLine>,
    keep: () => Promise<void>,
  ) {
    this.#batch = batch;
    this.#dependencies = dependencies;
    this.#lines = lines;
    this.#keep = keep;
  }

  /** @returns what ended the work before its time, if anything did */
  async work(devices: readonly FleetDevice[]): Promise<unknown> {
    const { clock, pacer } = this.#dependencies;
    this.#queue = [...devices];
    const endMs = clock.elapsed() + longestBatchMs;
    let keptAtMs = clock.elapsed();
    while (this.#stopped === undefined) {
      const device = this.#queue.shift();
      if (device === undefined) {
        if (this.#inFlight.size === 0) break;
        await Promise.race(this.#inFlight);
        continue;
      }
      while (this.#inFlight.size >= maxInFlight) await Promise.race(this.#inFlight);
      if (!(await pacer.slot(endMs)) || this.#stopped !== undefined) break;
      const work = this.#one(device).finally(() => this.#inFlight.delete(work));
      this.#inFlight.add(work);
      if (clock.elapsed() - keptAtMs > flushMs) {
        keptAtMs = clock.elapsed();
        const keeping = this.#keep()
          .catch((error: unknown) => {
            this.#stopped = error;
          })
          .finally(() => this.#inFlight.delete(keeping));
        this.#inFlight.add(keeping);
      }
    }
    await Promise.all(this.#inFlight);
    return this.#stopped;
  }

  async #one(device: FleetDevice): Promise<void> {
    const { rekey, pacer, clock } = this.#dependencies;
    try {
      const { verifyCode, expiresAtMs, replayed } = await rekey(device);
      pacer.served();
      this.#streak = 0;
      this.#enter(device, {
        status: "done",
        ...(this.#batch.includeCode ? { verifyCode } : {}),
        expiresAt: expiresAtMs === null ? null : isoTime(expiresAtMs),
        replayed,
        at: isoTime(clock.now()),
      });
    } catch (error) {
      if (error instanceof RekeyError && error.name !== "ConfigurationError") this.#refused(device, error);
      else this.#stopped ??= error;
    }
  }

  #refused(device: FleetDevice, error: RekeyError): void {
    const { pacer, clock } = this.#dependencies;
    if (error.name === "PlatformThrottledError") pacer.refused();
    this.#streak = error.passing === "outage" ? this.#streak + 1 : 0;
    if (this.#streak >= maxStreak) this.#stopped ??= error;
    const attempts = (this.#attempts.get(device.line) ?? 0) + 1;
    this.#attempts.set(device.line, attempts);
    if (error.retryable && error.passing !== "device" && attempts < maxAttempts) this.#queue.push(device);
    this.#enter(device, {
      status: error.retryable ? "waiting" : "failed",
      error: error.name,
      detail: error.message,
      advice: error.advice,
      at: isoTime(clock.now()),
    });
  }

  #enter({ line, deviceId, nodeId }: FleetDevice, rest: Omit<ResultLine, "line" | "deviceId" | "nodeId">): void {
    this.#lines.set(line, { line, deviceId, ...(nodeId === undefined ? {} : { nodeId }), ...rest });
  }
}
