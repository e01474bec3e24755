import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { functionsOf } from "../../local/deployed.ts";
import { type LocalSystem, startLocalSystem } from "../../local/local-system.ts";
import {
  type PlatformSimulator,
  type SimulatorOptions,
  startPlatformSimulator,
} from "../../local/platform-simulator/simulator.ts";
import type { Outcome } from "../../local/sandbox.ts";
import type { Mood } from "../../local/secrets-endpoint/moods.ts";
import { mustBeDescribed } from "../openapi/description.ts";

/** The whole system on the built bundles, with hands on its parts. */
export interface Rekey extends LocalSystem {
  readonly simulator: PlatformSimulator;
  /** Invokes `refreshDeviceKey` directly. */
  refresh(input: object): Promise<Outcome>;
  /** An HTTP request to the gateway; a body that is not text is sent as JSON. */
  http(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<HttpAnswer>;
  /** Puts another application secret into the store. */
  changeSecret(changes: Record<string, unknown>): void;
  /** Calls to the secrets store so far. */
  secretCalls(): number;
}

/** An HTTP answer with its JSON. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is whatever it is until the test has looked at it
  readonly json: any;
}

const repository = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Starts it; every function may have 25 sandboxes, and the quota is out of the way unless a test sets one. */
export async function startRekey(
  options: SimulatorOptions = {},
  secret: Record<string, unknown> = {},
  environment: Record<string, string> = {},
  storeMood: Mood = "documented",
): Promise<Rekey> {
  const simulator = await startPlatformSimulator({ quota: { calls: 100_000, windowMs: 60_000 }, ...options });
  const deployed = await functionsOf(repository("serverless.yml"), repository("dist"));
  const functions = Object.fromEntries(
    Object.entries(deployed).map(([name, settings]) => [name, { ...settings, maxConcurrency: 25, environment }]),
  );
  const system = await startLocalSystem({
    platform: async () => ({ ...simulator, applicationSecret: () => simulator.applicationSecret(secret) }),
    functions,
    storeMood,
    logLevel: "INFO",
  });
  return {
    ...system,
    simulator,
    refresh: (input) => system.lambda.invoke("refreshDeviceKey", input),
    http: (method, path, body, headers = {}) => request(`${system.url}${path}`, method, body, headers),
    changeSecret: (changes) => {
      const text = JSON.stringify(simulator.applicationSecret({ ...secret, ...changes }));
      system.secrets.store.put(system.secretIds.applicationSecret, { text }, randomUUID());
    },
    secretCalls: () => system.secrets.counters.calls(),
  };
}

async function request(
  url: string,
  method: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<HttpAnswer> {
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(url, {
    method,
    headers: { ...(text === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(text === undefined ? {} : { body: text }),
  });
  const json: unknown = await response.json().catch(() => undefined);
  mustBeDescribed(method, new URL(url).pathname, { status: response.status, headers: response.headers, json });
  return { status: response.status, headers: response.headers, json };
}

/** The result of an invocation that went well. */
export function resultOf<Result = Record<string, unknown>>(outcome: Outcome): Result {
  if (!outcome.ok) throw new Error(`${outcome.error.errorType}: ${outcome.error.errorMessage}`);
  return outcome.result as Result;
}

/** The error's name of an invocation that failed; `ok` of one that did not. */
export function errorOf(outcome: Outcome): string {
  return outcome.ok ? "ok" : outcome.error.errorType;
}
