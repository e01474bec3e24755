import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { FaultPlan } from "../../local/secrets-endpoint/faults.ts";
import { operations } from "../../local/secrets-endpoint/operations.ts";
import { ServiceError } from "../../local/secrets-endpoint/service-error.ts";
import { SecretStore, type StoreOptions } from "../../local/secrets-endpoint/store.ts";
import { SimulatedTime } from "./time.ts";

/** What is simulated of the way between one sandbox and the store. */
export interface Way {
  /** Milliseconds that a message takes; asked once each way. Default 5. */
  readonly latencyMs?: () => number;
  /** Is waited for before an answer is taken up: resolves at once while the sandbox runs, never once it is dead. */
  readonly awake?: () => Promise<void>;
}

interface Message {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** The secrets endpoint without its sockets: the same store, operations and faults, in simulated time. */
export class SimulatedStore {
  readonly store: SecretStore;
  readonly faults = new FaultPlan();
  /** Operations in the order in which they arrived. */
  readonly calls: string[] = [];
  readonly #time: SimulatedTime;

  constructor(
    time: SimulatedTime,
    secrets: Readonly<Record<string, string | null>>,
    options: Pick<StoreOptions, "versionLimit" | "mood"> = {},
  ) {
    this.#time = time;
    const clock = time.clock();
    this.store = new SecretStore({ now: () => clock.now(), ...options });
    for (const [name, text] of Object.entries(secrets)) {
      this.store.create(name, text === null ? undefined : { text });
    }
  }

  /** Versions of a secret, as they are counted against its quota. */
  versions(secretId: string): number {
    return this.store.find(secretId).versions.size;
  }

  /** The real SDK client, whose requests take this way instead of a socket; it repeats nothing. */
  client({ latencyMs = () => 5, awake = () => Promise.resolve() }: Way = {}): SecretsManagerClient {
    const handle = async (
      request: { readonly headers: Readonly<Record<string, string>>; readonly body?: unknown },
      { abortSignal }: { readonly abortSignal?: AbortSignal } = {},
    ) => {
      const aborted = new Promise<never>((_, reject) => {
        const fail = () => reject(abortSignal?.reason);
        if (abortSignal?.aborted === true) fail();
        abortSignal?.addEventListener("abort", fail);
      });
      const answered = (async () => {
        await this.#time.sleep(latencyMs());
        const response = await this.#answer(request);
        await this.#time.sleep(latencyMs());
        return response;
      })();
      try {
        return { response: await Promise.race([answered, aborted]) };
      } finally {
        await awake();
      }
    };
    return new SecretsManagerClient({
      region: "eu-central-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
      maxAttempts: 1,
      requestHandler: { handle },
    });
  }

  async #answer(request: { readonly headers: Readonly<Record<string, string>>; readonly body?: unknown }) {
    const operation = (request.headers["x-amz-target"] ?? "").replace("secretsmanager.", "");
    const input = JSON.parse(textOf(request.body));
    this.calls.push(operation);
    const hits = this.faults.hit(operation, [input.SecretId ?? input.Name]);
    for (const { milliseconds } of hits.filter(({ kind }) => kind === "latency")) {
      await this.#time.sleep(milliseconds ?? 0);
    }
    const before = hits.find(({ kind }) => kind !== "latency" && !kind.endsWith("-after"));
    if (before !== undefined) return this.#faulty(before);
    const message = this.#operate(operation, input);
    const after = hits.find(({ kind }) => kind.endsWith("-after"));
    return after === undefined ? message : this.#faulty(after);
  }

  #operate(operation: string, input: Record<string, unknown>): Message {
    try {
      const operate = operations.get(operation) ?? failUnknown(operation);
      return messageOf(
        200,
        operate(
          this.store,
          input,
          () => undefined,
          () => undefined,
        ),
      );
    } catch (error) {
      if (error instanceof ServiceError) return errorOf(error.type, error.message, error.status);
      throw error;
    }
  }

  async #faulty(fault: { readonly kind: string; readonly type?: string; readonly message?: string }): Promise<Message> {
    if (fault.kind.startsWith("hang")) return new Promise(() => undefined);
    if (fault.kind.startsWith("cut")) throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
    if (fault.kind === "throttle") return errorOf("ThrottlingException", "Rate exceeded", 400);
    if (fault.kind === "refuse") return errorOf(fault.type ?? "InternalServiceError", fault.message ?? "Refused", 400);
    return errorOf("InternalServiceError", "An error occurred on the server side.", 500);
  }
}

function textOf(body: unknown): string {
  return body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body);
}

function failUnknown(operation: string): never {
  throw new ServiceError("UnknownOperationException", `There is no operation ${operation}`);
}

function errorOf(type: string, message: string, statusCode: number): Message {
  return messageOf(statusCode, { __type: type, Message: message });
}

function messageOf(statusCode: number, body: object): Message {
  const headers = { "content-type": "application/x-amz-json-1.1" };
  return { statusCode, headers, body: new TextEncoder().encode(JSON.stringify(body)) };
}

// At its first call in a process the SDK reads its configuration files, and no simulated time may pass meanwhile.
const warmUp = new SimulatedStore(new SimulatedTime(), { secret: "text" }).client({ latencyMs: () => 0 });
await warmUp.send(new GetSecretValueCommand({ SecretId: "secret" }));
