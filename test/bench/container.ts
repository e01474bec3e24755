import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { startRuntimeApi } from "./runtime-api.ts";

/** What runs in a container. */
export interface ContainerOptions {
  /** Folder of the function, as `LAMBDA_TASK_ROOT`. */
  readonly taskRoot: string;
  /** `<file>.<export>`. */
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** A function under a runtime client, one invocation at a time. */
export interface Container {
  /** From the process's start to the first answer, in milliseconds. */
  readonly coldMs: number;
  readonly firstAnswer: unknown;
  invoke(event: object): Promise<unknown>;
  /** Memory that it has in use (VmRSS), in bytes. */
  residentBytes(): Promise<number>;
  /** Stops it where it is, as Lambda does between invocations. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

const clientFolder = join(import.meta.dirname, "runtime-client");
const awsClient = join(clientFolder, "node_modules/aws-lambda-ric");

/** Which runtime client the containers run: AWS's own where it is installed and compiled. */
export const runtimeClient: { readonly name: string; readonly file: string } = existsSync(
  join(awsClient, "rapid-client.node"),
)
  ? { name: "aws-lambda-ric", file: join(awsClient, "index.mjs") }
  : { name: "a plain loop (aws-lambda-ric is not installed)", file: join(clientFolder, "loop.mjs") };

/** Starts a process with its first event waiting for it, and returns with its first answer. */
export async function startContainer(options: ContainerOptions, firstEvent: object): Promise<Container> {
  const api = await startRuntimeApi();
  const startedAt = performance.now();
  const child = spawn(process.execPath, [runtimeClient.file, options.handler], {
    cwd: options.taskRoot,
    env: {
      AWS_LAMBDA_RUNTIME_API: api.address,
      LAMBDA_TASK_ROOT: options.taskRoot,
      _HANDLER: options.handler,
      AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
      AWS_LAMBDA_FUNCTION_NAME: "contender",
      AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "1024",
      AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/contender",
      AWS_LAMBDA_LOG_STREAM_NAME: "local",
      TZ: ":UTC",
      ...options.environment,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => {
    said = `${said}${bytes}`.slice(-2_000);
  });
  const ended = once(child, "exit");
  const close = async () => {
    child.kill("SIGKILL");
    await ended;
    await api.close();
  };
  const died = ended.then(([code, signal]) => {
    throw new Error(`The container ended with ${code ?? signal}: ${said}`);
  });
  died.catch(() => undefined);
  const invoke = (event: object) => Promise.race([api.invoke(event), died]);
  try {
    const firstAnswer = await invoke(firstEvent);
    const coldMs = performance.now() - startedAt;
    return {
      coldMs,
      firstAnswer,
      invoke,
      residentBytes: async () => {
        const status = await readFile(`/proc/${child.pid}/status`, "utf8");
        return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
      },
      freeze: () => void child.kill("SIGSTOP"),
      thaw: () => void child.kill("SIGCONT"),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
