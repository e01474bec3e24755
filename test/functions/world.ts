import type { Invocation } from "../../shared/http/operation.ts";
import { type Clock, deadlineIn } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import type { CounterName, Metrics } from "../../shared/runtime/metrics.ts";
import type { ObjectStore } from "../../shared/runtime/objects.ts";
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

/** A bucket in memory. */
export function bucketOf(given: Readonly<Record<string, string>> = {}) {
  const texts = new Map(Object.entries(given));
  const etagOf = (text: string | undefined) => (text === undefined ? null : `"${text.length}-${text.slice(-40)}"`);
  const objects: ObjectStore = {
    get: async (key) => texts.get(key),
    async getTagged(key) {
      const text = texts.get(key);
      const etag = etagOf(text);
      return text === undefined || etag === null ? undefined : { text, etag };
    },
    put: async (key, text) => void texts.set(key, text),
    async replace(key, text, etag) {
      if (etagOf(texts.get(key)) !== etag) return false;
      texts.set(key, text);
      return true;
    },
    async read(key) {
      const text = texts.get(key);
      if (text === undefined) return undefined;
      return (async function* () {
        yield Buffer.from(text);
      })();
    },
    writer(key) {
      const written: string[] = [];
      return {
        write: async (text) => void written.push(text),
        end: async () => void texts.set(key, written.join("")),
      };
    },
    async folders(prefix) {
      const names = [...texts.keys()].filter((key) => key.startsWith(prefix) && key.slice(prefix.length).includes("/"));
      return [...new Set(names.map((key) => key.slice(prefix.length).split("/")[0] ?? ""))].sort();
    },
  };
  return { texts, objects };
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
