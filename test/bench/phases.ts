import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { startContainer } from "./container.ts";
import { type Contender, openStage, type Stage } from "./stage.ts";

/** The moments of a cold start, in the order in which they come. */
export const phases = [
  "first secret asked for",
  "bundle loaded, event asked for",
  "last secret told",
  "platform connected to",
  "platform asked",
  "answer given",
] as const;

/** Milliseconds from the process's start; absent where a contender has no such moment. */
export type Phases = Readonly<Partial<Record<(typeof phases)[number], number>>>;

const measured = ["bare", "floor", "ours"] as const satisfies readonly Contender[];

/** Cold starts in turns, each seen from the other ends of its connections: nothing is added to what is measured. */
export async function measurePhases(
  rounds: number,
  roundTripMs: number,
): Promise<Readonly<Record<(typeof measured)[number], readonly Phases[]>>> {
  const found = { bare: [] as Phases[], floor: [] as Phases[], ours: [] as Phases[] };
  const stage = await openStage(roundTripMs);
  try {
    for (let round = 0; round <= rounds; round += 1) {
      for (const contender of round % 2 === 0 ? measured : measured.toReversed()) {
        const seen = await coldStart(stage, contender);
        // The first round fills the machine's caches.
        if (round > 0) found[contender].push(seen);
      }
    }
  } finally {
    await stage.close();
  }
  return found;
}

async function coldStart(stage: Stage, contender: Contender): Promise<Phases> {
  const startedAtMs = performance.now();
  const seen: { -readonly [Phase in keyof Phases]: Phases[Phase] } = {};
  const first = (phase: keyof Phases) => {
    seen[phase] ??= performance.now() - startedAtMs;
  };
  const platformPort = Number(new URL(stage.simulators.get(contender)?.url ?? "").port);
  const onRequest = (message: unknown) => {
    const { request } = message as { request: IncomingMessage };
    if (request.headers["x-amz-target"] !== undefined) first("first secret asked for");
    else if (request.url?.endsWith("/invocation/next")) first("bundle loaded, event asked for");
    else if (request.url?.startsWith("/iocm/")) first("platform asked");
  };
  const onAnswer = (message: unknown) => {
    const { request } = message as { request: IncomingMessage };
    if (request.headers["x-amz-target"] !== undefined) seen["last secret told"] = performance.now() - startedAtMs;
  };
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    if (socket.localPort === platformPort) first("platform connected to");
  };
  subscribe("http.server.request.start", onRequest);
  subscribe("http.server.response.finish", onAnswer);
  subscribe("net.server.socket", onSocket);
  try {
    const container = await startContainer(stage.containerOf(contender), stage.event);
    first("answer given");
    await container.close();
  } finally {
    unsubscribe("http.server.request.start", onRequest);
    unsubscribe("http.server.response.finish", onAnswer);
    unsubscribe("net.server.socket", onSocket);
  }
  return seen;
}
