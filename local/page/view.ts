import { type ErrorName, isErrorName, traitsOf } from "../../shared/errors.ts";
import { runProgress } from "../../shared/fleet/run-store.ts";
import { jsonOf } from "../../shared/json.ts";
import { slotVersion } from "../../shared/platform/lease.ts";
import { parseSession } from "../../shared/platform/session-document.ts";
import type { PartContext } from "../local-system.ts";
import type { PlatformSimulator } from "../platform-simulator/simulator.ts";
import type { Execution } from "../step-functions/endpoint.ts";
import type { TicketDesk } from "../ticket-desk/desk.ts";
import { senderOf } from "../ticket-desk/senders.ts";

/** What the page looks at and works on. */
export interface Watched {
  readonly simulator: PlatformSimulator;
  readonly desk: TicketDesk;
  readonly system: Pick<PartContext, "lambda" | "secrets" | "secretIds">;
  /** What the workflows do and did. */
  readonly executions: () => Iterable<Pick<Execution, "name" | "stateMachineArn" | "input" | "ending" | "events">>;
  /** What stands in the buckets, by `bucket/key`. */
  readonly objects: () => ReadonlyMap<string, Buffer>;
}

/** Whether the platform works, refuses every call as one too many, or takes no connection. */
export type PlatformState = "works" | "throttled" | "cut";

/** The local system as the page shows it; times are ISO strings, newest first. */
export interface View {
  readonly platform: PlatformState;
  readonly devices: readonly { deviceId: string; nodeId: string; status: string; verifyCode: string | undefined }[];
  readonly session: Readonly<Record<"holder" | "until" | "lease" | "logins", string>>;
  readonly notes: readonly { at: string; system: string; ticketId: string; text: string }[];
  /** Re-keys that the workflow goes on trying: what keeps each, and what would end the waiting. */
  readonly waiting: readonly { operation: string; deviceId: string; since: string; why: string; ends: string }[];
  /** Fleet runs, and in words why one does nothing at present. */
  readonly fleets: readonly { run: string; total: number; ended: number; failed: number; state: string }[];
  readonly senders: readonly { preset: string; ticketId: string }[];
  /** The webhook sources that a payload can be sent to. */
  readonly sources: readonly string[];
  /** What the functions measured of their invocations. */
  readonly requests: readonly { at: string; operation: string; outcome: string; ms: number }[];
  readonly calls: readonly {
    at: string;
    operation: string;
    deviceId: string | undefined;
    answer: string;
    ms: number;
  }[];
}

/** Senders whose deliveries have an id of their own, so that each event sent here is a new one. */
export const offeredPresets = ["zendesk", "jira", "pagerduty", "github"] as const;

const shown = 8;

/** Looks without touching: no counter, quota or access time changes by it. */
export function viewOf(watched: Watched, platform: PlatformState): View {
  const { simulator, desk } = watched;
  return {
    platform,
    devices: simulator.devices
      .all()
      .map(({ deviceId, nodeId, status, verifyCode }) => ({ deviceId, nodeId, status, verifyCode })),
    session: sessionOf(watched),
    notes: newest(desk.notes).map(({ atMs, system, ticketId, text }) => ({ at: iso(atMs), system, ticketId, text })),
    waiting: waitingOf(watched),
    fleets: fleetsOf(watched),
    senders: offeredPresets.map((preset) => ({ preset, ticketId: senderOf(preset).ticketId })),
    sources: Object.keys(sourcesIn(watched)),
    requests: requestsOf(watched),
    calls: newest(simulator.log).map(({ at, operation, deviceId, status, code, ms }) => ({
      ...{ at, operation, deviceId, ms },
      answer: `${status === 0 ? "" : status} ${code ?? ""}`.trim(),
    })),
  };
}

/** The configurations of the webhook sources, by their names; none while the secret is empty. */
export function sourcesIn({ system: { secrets, secretIds } }: Pick<Watched, "system">): Record<string, unknown> {
  const versions = [...secrets.store.find(secretIds.webhooksSecret).versions.values()];
  const text = versions.find(({ labels }) => labels.has("AWSCURRENT"))?.content.text;
  return text === undefined ? {} : { ...Object(JSON.parse(text)) };
}

function sessionOf({ simulator, system: { lambda, secrets, secretIds } }: Watched): View["session"] {
  const { login, refreshToken } = simulator.counters.requests;
  const logins = `${login}, and ${refreshToken} renewals by refresh token`;
  const versions = [...secrets.store.find(secretIds.sessionSecret).versions.values()];
  const current = versions.find(({ labels }) => labels.has("AWSCURRENT"));
  const { token, ledger } = parseSession(current?.id ?? "", current?.content.text ?? "", Date.now());
  if (token === undefined) {
    return { holder: "nobody: no login was needed yet", until: "", lease: "free", logins };
  }
  const writes = secrets.counters.log.filter(
    ({ operation, secret, outcome }) =>
      operation === "PutSecretValue" && secret === secretIds.sessionSecret && outcome === "ok",
  );
  const key = writes.at(-1)?.accessKeyId ?? "";
  const by = lambda.functionNames.find((name) => key.endsWith(name.toUpperCase())) ?? "somebody";
  const leased = versions.find(({ labels }) => labels.has("REKEY_LEASE"))?.id;
  const free = leased === undefined || leased === slotVersion(ledger?.turn ?? 0);
  return {
    holder: simulator.honours(token.accessToken)
      ? `all functions; ${by} logged in last`
      : "another system: the platform takes its token only; the next call here renews ours",
    until: iso(token.expiresAtMs),
    lease: free ? "free" : "taken: somebody renews",
    logins,
  };
}

function fleetsOf({ objects }: Watched): View["fleets"] {
  return [...objects()].flatMap(([key, bytes]) => {
    if (!/\/runs\/[^/]+\/progress\.json$/.test(key)) return [];
    const progress = runProgress.safeParse(jsonOf(bytes.toString("utf8")));
    if (!progress.success) return [];
    const { run, total, done, failed, waiting, finished, stopped } = progress.data;
    const why = stopped === undefined ? "" : `: ${stopped.error}, ${stopped.cause}`;
    const state = `${finished ? "over" : stopped === undefined ? "runs" : "waits"}${why}; ${done} done, ${failed} failed, ${waiting} wait`;
    return [{ run, total, ended: done + failed, failed, state }];
  });
}

function waitingOf({ executions }: Watched): View["waiting"] {
  return [...executions()]
    .filter(({ stateMachineArn, ending }) => ending === undefined && stateMachineArn.endsWith("rekeyDevice"))
    .flatMap(({ name, input, events }) => {
      const error = lastErrorIn(events);
      if (error === undefined) return [];
      const { title, advice } = traitsOf(error);
      const { deviceId } = JSON.parse(input);
      const [first] = events;
      return [
        { operation: name, deviceId: String(deviceId), since: iso(first?.timestamp ?? 0), why: title, ends: advice },
      ];
    });
}

/** The name of the last error of the family that a step of an execution ended with or carries. */
function lastErrorIn(events: Execution["events"]): ErrorName | undefined {
  for (const { error, input, output } of events.toReversed()) {
    if (error !== undefined && isErrorName(error)) return error;
    const named = [...JSON.stringify([input, output]).matchAll(/"(\w+Error)"/g)].map(([, name = ""]) => name);
    const known = named.findLast(isErrorName);
    if (known !== undefined) return known;
  }
  return undefined;
}

function requestsOf({ system: { lambda } }: Watched): View["requests"] {
  const measured = lambda.lines.slice(-200).flatMap(({ line }) => {
    if (!line.includes('"Invocation measured"')) return [];
    const { operation, outcome, DurationMs, _aws } = JSON.parse(line);
    return [{ at: iso(_aws.Timestamp), operation: String(operation), outcome: String(outcome), ms: DurationMs }];
  });
  return newest(measured);
}

function newest<Item>(items: readonly Item[]): Item[] {
  return items.slice(-shown).reverse();
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
