import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import * as z from "zod/mini";
import type { Answering } from "../listener.ts";
import type { Counters } from "./counters.ts";
import { type FaultPlan, faultSchema } from "./faults.ts";
import { moods } from "./moods.ts";
import { ServiceError } from "./service-error.ts";
import type { SecretStore } from "./store.ts";

/** Who may not do what; an absent field matches everything. */
export const denialSchema = z.strictObject({
  accessKeyId: z.exactOptional(z.string()),
  /** The secret's name or ARN. */
  secretId: z.exactOptional(z.string()),
  operation: z.exactOptional(z.string()),
});

/** See {@link denialSchema}. */
export type Denial = Readonly<z.infer<typeof denialSchema>>;

const moodChange = z.strictObject({ mood: z.enum(moods) });
const advance = z.strictObject({ milliseconds: z.number() });
const secretChange = z.strictObject({ name: z.string(), text: z.nullable(z.string()) });

/** What the control face acts on. */
export interface Controlled {
  readonly store: SecretStore;
  readonly counters: Counters;
  readonly faults: FaultPlan;
  readonly deny: Denial[];
  down(): Promise<void>;
  up(): Promise<void>;
}

type Action = (on: Controlled, body: unknown) => unknown;

const actions: Readonly<Record<string, Action>> = {
  "GET /counters": (on) => on.counters.snapshot(),
  "GET /log": (on) => on.counters.log,
  "POST /reset": (on) => {
    on.counters.reset();
    on.faults.clear();
    on.deny.length = 0;
  },
  "GET /faults": (on) => on.faults.list(),
  "POST /faults": (on, body) => on.faults.add(faultSchema.parse(body)),
  "DELETE /faults": (on) => on.faults.clear(),
  "POST /deny": (on, body) => on.deny.push(denialSchema.parse(body)),
  "DELETE /deny": (on) => {
    on.deny.length = 0;
  },
  "POST /down": (on) => on.down(),
  "POST /up": (on) => on.up(),
  "GET /mood": (on) => ({ mood: on.store.mood }),
  "POST /mood": (on, body) => {
    on.store.mood = moodChange.parse(body).mood;
  },
  "POST /advance": (on, body) => on.store.advance(advance.parse(body).milliseconds),
  "GET /secrets": (on) =>
    on.store.all().map((secret) => ({
      ...secret,
      versions: [...secret.versions.values()].map((one) => ({ ...one, labels: [...one.labels] })),
    })),
  "POST /secrets": (on, body) => replaceSecret(on.store, secretChange.parse(body)),
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
    const body = await text(request);
    const result = await action(on, body === "" ? {} : JSON.parse(body));
    send(response, 200, result ?? { ok: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    send(response, error instanceof ServiceError ? error.status : 400, { error: message });
  }
}

/** The secret as it would be after somebody set it by hand: a new version, or no version at all. */
function replaceSecret(store: SecretStore, { name, text: content }: z.infer<typeof secretChange>): void {
  const known = store.all().some((one) => one.name === name);
  if (content !== null && known) {
    store.put(name, { text: content }, crypto.randomUUID());
    return;
  }
  if (known) store.delete(name, 0);
  store.create(name, content === null ? undefined : { text: content });
}

function send(response: ServerResponse, status: number, result: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(result)}\n`);
}
