import { RekeyError } from "../errors.ts";
import type { Clock } from "../runtime/clock.ts";
import type { InvocationOutcome, Metrics } from "../runtime/metrics.ts";
import type { Middleware, Request } from "./chain.ts";

interface MeasuredLineOptions {
  /** The name under which it is measured. */
  readonly operation: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** One measured line at the end of each invocation: how it ended, how long it took, what was counted meanwhile. */
export function measuredLine({ operation, clock, metrics }: MeasuredLineOptions): Middleware {
  const end = ({ internal }: Request, outcome: InvocationOutcome): void => {
    const durationMs = Math.round(clock.elapsed() - internal.startedAtMs);
    metrics.flush({ operation, outcome, durationMs, requestId: internal.requestId });
  };
  const measuredLineBefore = ({ internal }: Request): void => {
    internal.startedAtMs = clock.elapsed();
  };
  const measuredLineAfter = (request: Request): void => end(request, "ok");
  const measuredLineOnError = (request: Request): void => {
    const { error } = request;
    end(request, error instanceof RekeyError ? error.name : "UnexpectedError");
  };
  return { before: measuredLineBefore, after: measuredLineAfter, onError: measuredLineOnError };
}
