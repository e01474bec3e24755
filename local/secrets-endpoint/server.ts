import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { listen } from "../listener.ts";
import { control, type Denial } from "./control.ts";
import { Counters } from "./counters.ts";
import { type Fault, FaultPlan } from "./faults.ts";
import { type Input, operations } from "./operations.ts";
import { internalFailure, ServiceError } from "./service-error.ts";
import { type Credentials, signerOf } from "./signature.ts";
import { SecretStore, type StoreOptions } from "./store.ts";

/** Settings of the endpoint; all have defaults. */
export interface SecretsEndpointOptions extends StoreOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** Port of the control face; default 0: any free one. */
  readonly controlPort?: number;
  /** Secret access keys by access key id; signatures are verified when given, else only their form is checked. */
  readonly credentials?: Credentials;
  /** Secrets to begin with: name to text, or to null for one that is still empty. */
  readonly secrets?: Readonly<Record<string, string | null>>;
  readonly deny?: readonly Denial[];
  /** How long every call takes at least. Default 0. */
  readonly latencyMilliseconds?: number;
}

/** A running endpoint. */
export interface SecretsEndpoint {
  /** For `AWS_ENDPOINT_URL_SECRETS_MANAGER`. */
  readonly url: string;
  /** The control face, for other processes; it stays up while the endpoint is down. */
  readonly controlUrl: string;
  readonly store: SecretStore;
  readonly counters: Counters;
  readonly faults: FaultPlan;
  /** What is denied; change it at will. */
  readonly deny: Denial[];
  /** Refuses connections until {@link SecretsEndpoint.up}. */
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

interface State {
  readonly store: SecretStore;
  readonly counters: Counters;
  readonly faults: FaultPlan;
  readonly deny: Denial[];
  readonly options: SecretsEndpointOptions;
}

interface Incoming {
  readonly operation: string;
  readonly input: Input;
  readonly accessKeyId: string;
}

/** Starts a Secrets Manager endpoint on loopback: AWS JSON 1.1 over plain HTTP, as the AWS SDK speaks it. */
export async function startSecretsEndpoint(options: SecretsEndpointOptions = {}): Promise<SecretsEndpoint> {
  const state: State = {
    store: new SecretStore(options),
    counters: new Counters(),
    faults: new FaultPlan(),
    deny: [...(options.deny ?? [])],
    options,
  };
  for (const [name, text] of Object.entries(options.secrets ?? {})) {
    state.store.create(name, text === null ? undefined : { text });
  }
  const service = await listen((request, response) => serve(state, request, response), options.port);
  const face = control({ ...state, down: service.down, up: service.up });
  const controlService = await listen(face, options.controlPort);
  return {
    url: service.url,
    controlUrl: controlService.url,
    store: state.store,
    counters: state.counters,
    faults: state.faults,
    deny: state.deny,
    down: service.down,
    up: service.up,
    close: async () => {
      await Promise.all([service.down(), controlService.down()]);
    },
  };
}

async function serve(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = String(request.headers["x-amz-target"] ?? "");
  const operation = target.slice(target.indexOf(".") + 1) || "none";
  let incoming: Incoming | undefined;
  try {
    const body = await buffer(request);
    incoming = accept(state, request, operation, body);
    const faults = state.faults.hit(operation, idsOf(state.store, incoming.input));
    await delayFor(state, faults);
    const lost = failBefore(faults);
    const answer = lost?.applies === false ? {} : run(state, incoming);
    if (lost === undefined) {
      note(state, operation, incoming, "ok");
      send(response, 200, answer);
      return;
    }
    note(state, operation, incoming, lost.outcome);
    if (lost.outcome === "cut") request.socket.destroy();
    if (lost.outcome === "InternalServiceError") sendError(response, internalFailure());
  } catch (error) {
    // The sender went away while its body was read: there is nobody to answer.
    if (request.destroyed && !request.complete) return;
    const known = error instanceof ServiceError ? error : internalFailure();
    if (!(error instanceof ServiceError)) console.error(error);
    note(state, operation, incoming, known.type);
    sendError(response, known);
  }
}

function accept(state: State, request: IncomingMessage, operation: string, body: Buffer): Incoming {
  const { method = "", url: target = "/", headers } = request;
  if (method !== "POST" || target !== "/") {
    throw new ServiceError("UnknownOperationException", "Send POST / with an X-Amz-Target header", 404);
  }
  const accessKeyId = signerOf({ method, target, headers, body }, "secretsmanager", state.options.credentials);
  if (!String(headers["x-amz-target"]).startsWith("secretsmanager.") || !operations.has(operation)) {
    throw new ServiceError("UnknownOperationException", "The action or operation requested is invalid.");
  }
  if (headers["content-type"] !== "application/x-amz-json-1.1") {
    throw new ServiceError("UnknownOperationException", "The content type must be application/x-amz-json-1.1.", 404);
  }
  return { operation, input: parse(body), accessKeyId };
}

function run(state: State, { operation, input, accessKeyId }: Incoming): object {
  const perform = operations.get(operation);
  if (perform === undefined) throw internalFailure();
  const guard = (id: string) => {
    const names = namesOf(state.store, id);
    const denied = state.deny.some(
      (one) =>
        (one.accessKeyId ?? accessKeyId) === accessKeyId &&
        (one.operation ?? operation) === operation &&
        (one.secretId === undefined || names.includes(one.secretId)),
    );
    if (!denied) return;
    throw new ServiceError(
      "AccessDeniedException",
      `User: arn:aws:iam::123456789012:user/${accessKeyId} is not authorized to perform: secretsmanager:${operation} on resource: ${id} because no identity-based policy allows the secretsmanager:${operation} action`,
    );
  };
  return perform(state.store, input, guard, (secret) => state.counters.noteVersion(secret.name));
}

async function delayFor(state: State, faults: readonly Fault[]): Promise<void> {
  const asked = faults.reduce((sum, one) => sum + (one.kind === "latency" ? (one.milliseconds ?? 0) : 0), 0);
  const milliseconds = asked + (state.options.latencyMilliseconds ?? 0);
  if (milliseconds > 0) await delay(milliseconds);
}

/** What the first fault that is not mere latency does: answered as an error, or lost with or without being applied. */
function failBefore(faults: readonly Fault[]): { applies: boolean; outcome: string } | undefined {
  const fault = faults.find((one) => one.kind !== "latency");
  switch (fault?.kind) {
    case undefined:
    case "latency":
      return undefined;
    case "throttle":
      throw new ServiceError("ThrottlingException", "Rate exceeded");
    case "refuse":
      throw new ServiceError(fault.type ?? "InvalidRequestException", fault.message ?? "Refused on demand");
    case "error":
    case "error-after":
      return { applies: fault.kind === "error-after", outcome: "InternalServiceError" };
    case "cut":
    case "cut-after":
      return { applies: fault.kind === "cut-after", outcome: "cut" };
    case "hang":
    case "hang-after":
      return { applies: fault.kind === "hang-after", outcome: "hang" };
  }
}

function note(state: State, operation: string, incoming: Incoming | undefined, outcome: string): void {
  const id = incoming === undefined ? undefined : (idOf(incoming.input, "SecretId") ?? idOf(incoming.input, "Name"));
  const secret = id === undefined ? undefined : (namesOf(state.store, id)[0] ?? id);
  const accessKeyId = incoming?.accessKeyId;
  state.counters.note({ atMs: state.store.now(), operation, secret, accessKeyId, outcome });
}

/** Every way to call the secret, its name first; only the id itself when there is no such secret. */
function namesOf(store: SecretStore, id: string): string[] {
  const secret = store.all().find((one) => one.name === id || one.arn === id || one.arn.slice(0, -7) === id);
  return secret === undefined ? [id] : [secret.name, secret.arn];
}

function idsOf(store: SecretStore, input: Input): string[] {
  const list = Array.isArray(input["SecretIdList"]) ? input["SecretIdList"].map(String) : [];
  const one = idOf(input, "SecretId") ?? idOf(input, "Name");
  return [...list, ...(one === undefined ? [] : [one])].flatMap((id) => namesOf(store, id));
}

function idOf(input: Input, field: string): string | undefined {
  const value = input[field];
  return typeof value === "string" ? value : undefined;
}

function parse(body: Buffer): Input {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString("utf8"));
  } catch {
    throw new ServiceError("SerializationException", "The body is not JSON");
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  throw new ServiceError("SerializationException", "Start of structure or map found where not expected.");
}

function sendError(response: ServerResponse, error: ServiceError): void {
  response.setHeader("x-amzn-errortype", error.type);
  send(response, error.status, { __type: error.type, Message: error.message, message: error.message });
}

function send(response: ServerResponse, status: number, answer: object): void {
  const text = JSON.stringify(answer);
  response.writeHead(status, {
    "content-type": "application/x-amz-json-1.1",
    "content-length": Buffer.byteLength(text),
    "x-amzn-requestid": randomUUID(),
  });
  response.end(text);
}
