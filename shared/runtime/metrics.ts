import type { ErrorName } from "../errors.ts";
import type { Clock } from "./clock.ts";

/** Where all metrics stand in CloudWatch. */
export const metricsNamespace = "Rekey";

/**
 * What can be counted, each a sum over the stage:
 * `PlatformCalls` requests sent to the platform, repeats and logins included; `Logins` login and refreshToken calls;
 * `LeaseWaits` times a sandbox waited for another one's renewal; `LeaseUnguarded` renewals over a store that was seen not
 * to refuse what a lease needs refused; `TokensRefused` tokens that the platform refused before their end; `Throttles`
 * answers 1010009; `NotesFailed` notes that could not be written to a ticket.
 */
export const counterNames = [
  "PlatformCalls",
  "Logins",
  "LeaseWaits",
  "LeaseUnguarded",
  "TokensRefused",
  "Throttles",
  "NotesFailed",
] as const;

/** The name of a counter. */
export type CounterName = (typeof counterNames)[number];

/** How an invocation ended: well, by an error of the family, or by a fault of our own. */
export type InvocationOutcome = "ok" | ErrorName | "UnexpectedError";

/** One invocation, as the line that ends it tells it. */
export interface MeasuredInvocation {
  /** The function's name: `authenticate`, `refreshDeviceKey`, `statusCheck`, `ticketWebhook`, ... */
  readonly operation: string;
  readonly outcome: InvocationOutcome;
  /** From the event's arrival to the answer, in milliseconds. */
  readonly durationMs: number;
  /** Kept in the line as a field, never as a dimension: it joins the metrics to the other log lines. */
  readonly requestId?: string;
}

/** Counts what happens during an invocation and tells CloudWatch in one line at its end. */
export interface Metrics {
  /** Adds one to a counter. Costs no I/O. */
  count(name: CounterName): void;
  /** Writes the one line of this invocation and starts again from zero. */
  flush(invocation: MeasuredInvocation): void;
}

/** What the metrics need from outside. */
export interface MetricsOptions {
  /** Takes one line of JSON without its end; the log's own writer, whatever the log's level is. */
  readonly write: (line: string) => void;
  readonly clock: Pick<Clock, "now">;
  /** The stage that the alarms look at (`REKEY_STAGE`). */
  readonly stage: string;
}

/**
 * Metrics in CloudWatch's embedded metric format: a line of JSON in the log from which CloudWatch makes metrics by
 * itself, so that a metric costs neither a call nor a right nor a library.
 *
 * `Outcomes` is kept by stage, operation and outcome, and by stage and outcome (what alarms watch); `DurationMs` by
 * stage and operation; the counters by stage. Counters that stand at zero are left out.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function createMetrics({ write, clock, stage }: MetricsOptions): Metrics {
  let counters = new Map<CounterName, number>();
  return {
    count(name) {
      counters.set(name, (counters.get(name) ?? 0) + 1);
    },
    flush({ operation, outcome, durationMs, requestId }) {
      const counted = counters;
      counters = new Map();
      const line = {
        level: "INFO",
        message: "Invocation measured",
        requestId,
        stage,
        operation,
        outcome,
        Outcomes: 1,
        DurationMs: durationMs,
        ...Object.fromEntries(counted),
        _aws: { Timestamp: clock.now(), CloudWatchMetrics: directives([...counted.keys()]) },
      };
      write(JSON.stringify(line));
    },
  };
}

function directives(counted: readonly CounterName[]) {
  const outcomes = {
    Namespace: metricsNamespace,
    Dimensions: [
      ["stage", "operation", "outcome"],
      ["stage", "outcome"],
    ],
    Metrics: [{ Name: "Outcomes", Unit: "Count" }],
  };
  const duration = {
    Namespace: metricsNamespace,
    Dimensions: [["stage", "operation"]],
    Metrics: [{ Name: "DurationMs", Unit: "Milliseconds" }],
  };
  // CloudWatch refuses a directive without a metric, so there is none when nothing was counted.
  if (counted.length === 0) return [outcomes, duration];
  const sums = {
    Namespace: metricsNamespace,
    Dimensions: [["stage"]],
    Metrics: counted.map((name) => ({ Name: name, Unit: "Count" })),
  };
  return [outcomes, duration, sums];
}
