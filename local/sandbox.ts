import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as z from "zod/mini";

/** A function as Lambda is told of it. */
export interface FunctionSettings {
  /** Path of the `.mjs` file. */
  readonly bundle: string;
  /** The export that is called. Default `handler`. */
  readonly handler?: string;
  /** All that the function sees of the environment, besides what Lambda itself sets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Default 20. */
  readonly timeoutSeconds?: number;
  /** What the context says; not enforced. Default 1024. */
  readonly memoryMegabytes?: number;
}

/** Settings of one sandbox. */
export interface SandboxOptions extends FunctionSettings {
  readonly functionName: string;
  readonly region?: string;
  readonly account?: string;
  /** Is given every line of standard output and error. */
  readonly onLine?: (line: string) => void;
  /** Further arguments of Node, such as `--cpu-prof`. */
  readonly nodeArguments?: readonly string[];
}

/** How Lambda reports what was thrown, or why the sandbox died. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

/** What an invocation came to. */
export type Outcome =
  | { readonly ok: true; readonly result: unknown; readonly requestId: string }
  | { readonly ok: false; readonly error: FunctionError; readonly requestId: string };

/** One running copy of a function: a process of its own, one invocation at a time. */
export interface Sandbox {
  readonly pid: number;
  /** From the process's start until the bundle was loaded. */
  readonly initMilliseconds: number;
  readonly invocations: number;
  /** Whether it can take another invocation; false after a time-out, a crash or a kill. */
  readonly alive: boolean;
  /** @throws {TypeError} while another invocation is under way */
  invoke(event: unknown, requestId?: string): Promise<Outcome>;
  /** Stops it where it is (SIGSTOP), as Lambda does between invocations. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL; an invocation under way ends with `Runtime.ExitError`. */
  kill(): void;
  /** Kills it and waits for its end. */
  close(): Promise<void>;
}

const childMessage = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ready") }),
  z.object({ kind: z.literal("result"), result: z.string() }),
  z.object({
    kind: z.enum(["error", "fatal"]),
    error: z.looseObject({
      errorType: z.string(),
      errorMessage: z.string(),
      trace: z.exactOptional(z.array(z.string())),
    }),
  }),
]);
type Message = z.infer<typeof childMessage>;

/** A result that JSON cannot say, in the words of Lambda's runtime. */
const unreadable: Message = {
  kind: "error",
  error: { errorType: "Runtime.MarshalError", errorMessage: "Unable to stringify response body" },
};

// `npm run runtime-client` runs the same tests with the bundles under AWS's own runtime client.
const inside = process.env["REKEY_RUNTIME_CLIENT"] === "aws" ? "./sandbox-child-aws.mjs" : "./sandbox-child.mjs";
const childFile = fileURLToPath(new URL(inside, import.meta.url));
const initSeconds = 10;
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Starts a process of this Node that loads the bundle, and waits until it has.
 *
 * A bundle that cannot be loaded gives a sandbox that is not alive and whose invocations report why, as Lambda's do.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { bundle, functionName, memoryMegabytes = 1024, timeoutSeconds = 20, region = "eu-central-1" } = options;
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    [...(options.nodeArguments ?? []), childFile, pathToFileURL(bundle).href, options.handler ?? "handler"],
    { env: environmentOf(options), stdio: ["ignore", "pipe", "pipe", "ipc"] },
  );
  const ended = watch(child);
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => options.onLine?.(line));
  }
  let broken = await init(child);
  const initMilliseconds = performance.now() - startedAt;
  if (broken !== undefined) child.kill("SIGKILL");
  child.once("exit", () => {
    broken ??= { errorType: "Runtime.ExitError", errorMessage: "Error: Runtime exited without providing a reason" };
  });
  let invocations = 0;
  let busy = false;

  async function invoke(event: unknown, requestId: string = randomUUID()): Promise<Outcome> {
    if (busy) throw new TypeError("A sandbox takes one invocation at a time");
    if (broken !== undefined) return { ok: false, error: broken, requestId };
    busy = true;
    invocations += 1;
    const context = {
      callbackWaitsForEmptyEventLoop: true,
      functionName,
      functionVersion: "$LATEST",
      invokedFunctionArn: `arn:aws:lambda:${region}:${options.account ?? "123456789012"}:function:${functionName}`,
      memoryLimitInMB: String(memoryMegabytes),
      awsRequestId: requestId,
      logGroupName: `/aws/lambda/${functionName}`,
      logStreamName: `local/[$LATEST]${child.pid}`,
    };
    const answer = next(child, timeoutSeconds * 1000);
    const deadlineMs = Date.now() + timeoutSeconds * 1000;
    child.send({ event: JSON.stringify(event ?? null), context, deadlineMs });
    const message = await answer;
    busy = false;
    if (message === "timeout") {
      const errorMessage = `RequestId: ${requestId} Error: Task timed out after ${timeoutSeconds.toFixed(2)} seconds`;
      broken = { errorType: "Sandbox.Timedout", errorMessage };
      child.kill("SIGKILL");
      return { ok: false, error: broken, requestId };
    }
    if (typeof message === "string") {
      broken = { errorType: "Runtime.ExitError", errorMessage: `RequestId: ${requestId} Error: ${message}` };
      return { ok: false, error: broken, requestId };
    }
    if (message.kind === "result") return { ok: true, result: JSON.parse(message.result), requestId };
    if (message.kind === "fatal") broken = message.error;
    const error = "error" in message ? message.error : { errorType: "Runtime.Unknown", errorMessage: message.kind };
    return { ok: false, error, requestId };
  }

  return {
    pid: child.pid ?? 0,
    initMilliseconds,
    get invocations() {
      return invocations;
    },
    get alive() {
      return broken === undefined;
    },
    invoke,
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    kill: () => void child.kill("SIGKILL"),
    close: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Remembers the process while it lives, so that it never outlives this one; resolves when it has ended. */
function watch(child: ChildProcess): Promise<void> {
  running.add(child);
  return new Promise((resolve) => {
    const gone = () => {
      running.delete(child);
      resolve();
    };
    child.once("exit", gone);
    child.once("error", gone);
  });
}

/** The error that loading the bundle ended with, or undefined. */
async function init(child: ChildProcess): Promise<FunctionError | undefined> {
  const message = await next(child, initSeconds * 1000);
  if (message === "timeout") {
    return { errorType: "Sandbox.Timedout", errorMessage: `Init timed out after ${initSeconds}.00 seconds` };
  }
  if (typeof message === "string") return { errorType: "Runtime.ExitError", errorMessage: `Error: ${message}` };
  return "error" in message ? message.error : undefined;
}

/** The child's next message, or how it ended, or `timeout`. */
async function next(child: ChildProcess, milliseconds: number): Promise<Message | string> {
  const over = new AbortController();
  const heard = new Promise<Message | string>((resolve) => {
    const settle = (value: Message | string) => {
      child.off("message", onMessage);
      child.off("exit", onExit);
      child.off("error", onError);
      resolve(value);
    };
    const onMessage = (message: unknown) => {
      const read = childMessage.safeParse(message);
      settle(read.success ? read.data : unreadable);
    };
    const onExit = (code: number | null, signal: string | null) =>
      settle(`Runtime exited with error: ${signal === null ? `exit status ${code}` : `signal: ${signal}`}`);
    const onError = (error: Error) => settle(error.message);
    child.once("message", onMessage);
    child.once("exit", onExit);
    child.once("error", onError);
    over.signal.addEventListener("abort", () => settle("timeout"));
  });
  const limit = delay(milliseconds, "timeout", { signal: over.signal }).catch(() => "timeout");
  const first = await Promise.race([heard, limit]);
  over.abort();
  return first;
}

function environmentOf(options: SandboxOptions): Record<string, string> {
  return {
    TZ: ":UTC",
    LANG: "en_US.UTF-8",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_LAMBDA_FUNCTION_NAME: options.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(options.memoryMegabytes ?? 1024),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${options.functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: "local",
    ...options.environment,
  };
}
