import type { IncomingMessage, ServerResponse } from "node:http";
import type { Counters } from "./counters.ts";
import type { Fault, FaultPlan } from "./faults.ts";
import type { Answering } from "./listener.ts";
import { moodOf } from "./moods.ts";
import type { Denial } from "./server.ts";
import { ServiceError } from "./service-error.ts";
import type { SecretStore } from "./store.ts";

/** What the control face acts on. */
export interface Controlled {
  readonly store: SecretStore;
  readonly counters: Counters;
  readonly faults: FaultPlan;
  readonly deny: Denial[];
  down(): Promise<void>;
  up(): Promise<void>;
}

type Action = (on: Controlled, body: Record<string, unknown>) => unknown;

const actions: Readonly<Record<string, Action>> = {
  "GET /counters": (on) => on.counters.snapshot(),
  "GET /log": (on) => on.counters.log,
  "POST /reset": (on) => {
    on.counters.reset();
    on.faults.clear();
    on.deny.length = 0;
  },
  "GET /faults": (on) => on.faults.list(),
  "POST /faults": (on, body) => on.faults.add(body as unknown as Fault),
  "DELETE /faults": (on) => on.faults.clear(),
  "POST /deny": (on, body) => on.deny.push(body as Denial),
  "DELETE /deny": (on) => {
    on.deny.length = 0;
  },
  "POST /down": (on) => on.down(),
  "POST /up": (on) => on.up(),
  "GET /mood": (on) => ({ mood: on.store.mood }),
  "POST /mood": (on, body) => {
    on.store.mood = moodOf(String(body["mood"]));
  },
  "POST /advance": (on, body) => on.store.advance(Number(body["milliseconds"] ?? 0)),
  "GET /secrets": (on) =>
    on.store.all().map((secret) => ({
      ...secret,
      versions: [...secret.versions.values()].map((one) => ({ ...one, labels: [...one.labels] })),
    })),
  "POST /secrets": (on, body) => replaceSecret(on.store, String(body["name"]), body["text"]),
};

/**
 * The control face: JSON over HTTP, for processes that cannot reach the endpoint's objects.
 *
 * `GET /counters`, `GET /log`, `POST /reset`; `GET|POST|DELETE /faults` (one fault as body); `POST|DELETE /deny`; `POST /down`, `POST /up`;
 * `GET /mood`, `POST /mood {mood}`; `POST /advance {milliseconds}`; `GET /secrets`, `POST /secrets {name, text}` (text null empties the secret).
 */
export function control(on: Controlled): Answering {
  return (request, response) => answer(on, request, response);
}

async function answer(on: Controlled, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const action = actions[`${request.method} ${request.url}`];
  try {
    if (action === undefined) throw new ServiceError("NotFound", `Known: ${Object.keys(actions).join(", ")}`, 404);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    const result = await action(on, text === "" ? {} : JSON.parse(text));
    send(response, 200, result ?? { ok: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    send(response, error instanceof ServiceError ? error.status : 400, { error: message });
  }
}

/** The secret as it would be after somebody set it by hand: a new version, or no version at all. */
function replaceSecret(store: SecretStore, name: string, text: unknown): void {
  const known = store.all().some((one) => one.name === name);
  if (typeof text === "string" && known) {
    store.put(name, { text }, crypto.randomUUID());
    return;
  }
  if (known) store.delete(name, 0);
  store.create(name, typeof text === "string" ? { text } : undefined);
}

function send(response: ServerResponse, status: number, result: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(result)}\n`);
}
