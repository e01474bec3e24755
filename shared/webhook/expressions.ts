import { once } from "node:events";
import { fileURLToPath } from "node:url";
import * as z from "zod/mini";
import { RekeyError } from "../errors.ts";
import { jsonOf } from "../json.ts";
import { bareEnvironment } from "../runtime/config.ts";
import { unworkable } from "./expression-exit.ts";

/** What is to be evaluated: over each event of a payload its condition, and where that is true the fields. */
export interface Task {
  readonly when: string | undefined;
  readonly fields: Readonly<Record<string, string>>;
}

const fault = z.object({ fault: z.string(), written: z.optional(z.string()) });
const eventValues = z.object({
  when: z.union([z.boolean(), fault]),
  values: z.record(z.string(), z.union([z.object({ text: z.string() }), fault])),
});
const outcome = z.object({
  /** Expressions that cannot be compiled; then nothing was evaluated. */
  faults: z.array(z.object({ path: z.string(), message: z.string() })),
  events: z.array(eventValues),
});

/** What the expressions found in one event. */
export type EventValues = z.infer<typeof eventValues>;

/** What became of a task. */
export type Outcome = z.infer<typeof outcome>;

/** What expressions may take of a sandbox, over whatever payload; of its time what they compute, not what they wait for. */
const limits = { cpuSeconds: 1, megabytes: 64, answerBytes: 2_000_000 };

/** Beside the bundle where that is what runs, beside this file where the sources do. */
const program = import.meta.url.endsWith(".ts") ? "./expression-process.ts" : "./parts/ticketWebhook-expressions.mjs";

/** The kernel ends it, also when nobody is left to do so; and it writes no core. */
const bounded = `ulimit -c 0; ulimit -S -t ${limits.cpuSeconds}; exec "$0" "$@"`;

/**
 * Evaluates expressions in a process that is started for them and ended when it has answered, or has taken a second of
 * computing or 64 MB: the one bound that holds whatever the engine does inside. (A worker thread's does not: one text
 * that outgrows its limit at once ends the whole process.) It has no environment, so that no credential can be read there.
 *
 * @param text of the payload; empty: the expressions are only compiled
 * @param leftMs what the delivery has left, in milliseconds
 * @returns why there is no outcome, where the process has come to its limits
 * @throws PlatformUnavailableError when the delivery's time is over before: a busy machine is not the payload's fault
 */
export async function evaluate(
  task: Task,
  text: string,
  leftMs: number,
): Promise<Outcome | { readonly ended: string }> {
  // Loaded here: a source without expressions starts none.
  const { spawn } = await import("node:child_process");
  const own = [`--max-old-space-size=${limits.megabytes}`, fileURLToPath(new URL(program, import.meta.url))];
  const child = spawn("/bin/sh", ["-c", bounded, process.execPath, ...own], {
    ...{ stdio: ["pipe", "pipe", "ignore"], env: bareEnvironment() },
    ...{ timeout: Math.max(1, Math.floor(leftMs)), killSignal: "SIGKILL" },
  });
  let answer = "";
  let isTooLong = false;
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    answer += part;
    if (answer.length <= limits.answerBytes) return;
    isTooLong = true;
    child.kill("SIGKILL");
  });
  // One that is ended does not read to the end, which its end tells better.
  child.stdin.on("error", () => undefined);
  child.stdin.end(`${JSON.stringify(task)}\n${text}`);
  const [code, signal] = await once(child, "close");
  if (isTooLong) return { ended: `it finds more than ${limits.answerBytes / 1_000_000} MB` };
  if (code === 0) return outcome.parse(jsonOf(answer));
  if (signal === "SIGXCPU") return { ended: "it takes too long" };
  // V8 aborts a process whose heap is full.
  if (signal === "SIGABRT") return { ended: `it takes more than ${limits.megabytes} MB of memory` };
  if (code === unworkable) return { ended: "it cannot be worked through" };
  if (!child.killed) throw new Error(`The process of the expressions ended with ${signal ?? code}`);
  throw new RekeyError("PlatformUnavailableError", "The expressions were not evaluated in time; nothing was changed");
}
