import type { Invocation } from "../../shared/http/operation.ts";
import { type Clock, deadlineIn } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import type { CounterName, Metrics } from "../../shared/runtime/metrics.ts";
import { createSecrets, type Secrets } from "../../shared/runtime/secrets.ts";
import { SimulatedStore } from "../simulation/store.ts";
import { SimulatedTime } from "../simulation/time.ts";

// What an operation is given from outside, made here without an environment, a file or a socket.

/** An invocation, and the lines that are written during it. */
export function invocationBy(clock: Clock, changes: Partial<Invocation> = {}) {
  const lines: Record<string, unknown>[] = [];
  const invocation: Invocation = {
    deadline: deadlineIn(15_000, clock),
    log: createLog("DEBUG", (line) => void lines.push(JSON.parse(line) as Record<string, unknown>)),
    requestId: "request-1",
    caller: "arn:caller",
    ...changes,
  };
  return { invocation, lines };
}

/** Metrics that keep what was counted. */
export function countersOf(): Metrics & { readonly counted: CounterName[] } {
  const counted: CounterName[] = [];
  return { counted, count: (name) => void counted.push(name), flush: () => undefined };
}

/** The lines of an object of JSON lines. */
export function linesIn<Line = Record<string, unknown>>(text: string | undefined): Line[] {
  return (text ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

/** A store of secrets whose texts are these values as JSON: the SDK's own client, without sockets. */
export function secretsOf(values: Readonly<Record<string, unknown>>): Secrets {
  const texts = Object.entries(values).map(([id, value]) => [id, JSON.stringify(value)]);
  return createSecrets(new SimulatedStore(new SimulatedTime(), Object.fromEntries(texts)).client());
}
