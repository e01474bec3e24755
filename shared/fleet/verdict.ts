import type { FleetCounts } from "./counts.ts";
import { counted } from "./words.ts";

/** How many devices of a run may fail. */
export interface Tolerance {
  /** Share of all devices of the run. */
  readonly toleratedFailurePercentage: number;
  /** The run stops at so many; absent: the share alone counts. */
  readonly maxFailures?: number | undefined;
}

/** Why a run stops, in the name of an error and in words. */
export interface Reason {
  readonly error: string;
  readonly cause: string;
}

/** Why a run with so many failed devices must not go on, or has failed as a whole; undefined where it is well. */
export function tooManyFailed(failed: number, total: number, tolerance: Tolerance): Reason | undefined {
  const { toleratedFailurePercentage: share, maxFailures = Number.POSITIVE_INFINITY } = tolerance;
  if (failed < maxFailures && failed * 100 <= share * total) return undefined;
  const limit =
    failed < maxFailures
      ? `more than the tolerated ${share} % (toleratedFailurePercentage, --tolerated)`
      : `and the run stops at ${maxFailures} (maxFailures, --max-failures)`;
  return {
    error: "TooManyDevicesFailed",
    cause: `${failed} of ${counted(total, "device")} failed, ${limit}. Correct their lines in the input and start the run again, with a higher limit if the others are to be tried all the same: what is done stays done.`,
  };
}

/** Why a run stops after its first devices; they are well when some are done and none failed. */
export function canaryFailed({ done, failed, waiting }: FleetCounts): Reason | undefined {
  if (failed === 0 && done > 0) return undefined;
  return {
    error: "CanaryFailed",
    cause: `Of the first ${counted(done + failed + waiting, "device")}: ${done} done, ${failed} failed, ${waiting} waiting. Look into the result; resume goes on with the others.`,
  };
}
