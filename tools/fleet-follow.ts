import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { openRun, type RunProgress } from "../shared/fleet/run-store.ts";
import type { Cloud, ExecutionState } from "./fleet-cloud.ts";
import type { LocalInput } from "./fleet-input.ts";
import { failuresByError, fetchResult, writeFailed, writeSoFar } from "./fleet-result.ts";
import { createFleetView } from "./fleet-view.ts";

/** A run that is under way, and where its result goes. */
export interface Followed {
  readonly run: string;
  readonly executionArn: string;
  readonly input: LocalInput;
  readonly out: string;
}

const quietMs = 60_000;
const longestSilenceMs = 10 * 60_000;
const expired = /ExpiredToken|CredentialsProviderError|UnrecognizedClient|InvalidClientTokenId|InvalidSignature/;

/** Shows how far a run is until it is over, and fetches its result. @returns the exit code */
export async function follow(followed: Followed, cloud: Cloud): Promise<number> {
  const ended = await watch(followed, cloud);
  if (ended === undefined) {
    console.error("It can be followed no more from here. The run goes on; the same command shows it again");
    return 3;
  }
  await tellResult(followed, cloud);
  if (ended.status === "SUCCEEDED") return 0;
  console.error(
    `The run ended with ${ended.status}${ended.error === undefined ? "" : `: ${ended.error}: ${ended.cause}`}`,
  );
  return ended.error === "RunPaused" || ended.error === "RunStopped" ? 4 : 1;
}

/** @returns how it ended; undefined where nothing can be heard of it any more */
async function watch({ run, executionArn, out }: Followed, cloud: Cloud): Promise<ExecutionState | undefined> {
  const store = openRun(run, cloud.objects);
  const tell = createTeller();
  const keep = createKeeper(() => writeSoFar(cloud.objects, run, out));
  let heardAtMs = Date.now();
  for (;;) {
    try {
      const [execution, progress] = await Promise.all([cloud.describe(executionArn), store.readProgress()]);
      heardAtMs = Date.now();
      const isOver = execution.status !== "RUNNING";
      if (progress !== undefined) tell(progress, isOver);
      if (isOver) return execution;
      await keep();
    } catch (error) {
      const text = textOf(error);
      if (expired.test(text) || Date.now() - heardAtMs > longestSilenceMs) {
        console.error(text);
        return undefined;
      }
    }
    await delay(cloud.isLocal ? 500 : 5_000);
  }
}

/** Writes a line where it changed: over the one before on a terminal, once a minute elsewhere. */
function createTeller(): (progress: RunProgress, isOver: boolean) => void {
  const isTerminal = process.stdout.isTTY === true;
  const view = createFleetView(isTerminal);
  let [shown, shownAtMs] = ["", 0];
  return (progress, isOver) => {
    const nowMs = Date.now();
    const line = view.line(progress, nowMs);
    if (line !== shown && (isTerminal || isOver || nowMs - shownAtMs >= quietMs)) {
      process.stdout.write(isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
      [shown, shownAtMs] = [line, nowMs];
    }
    if (isOver && isTerminal) process.stdout.write("\n");
  };
}

/** Writes the result so far every minute; the longer it takes, the less often. */
function createKeeper(write: () => Promise<void>): () => Promise<void> {
  let [wroteAtMs, tookMs] = [Date.now(), 0];
  return async () => {
    const fromMs = Date.now();
    if (fromMs - wroteAtMs < Math.max(quietMs, tookMs * 20)) return;
    await write();
    wroteAtMs = Date.now();
    tookMs = wroteAtMs - fromMs;
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name} ${String(error.cause ?? "")} ${error.message}` : String(error);
}

async function tellResult({ run, input, out }: Followed, cloud: Cloud): Promise<void> {
  const result = await fetchResult(cloud.objects, run, out);
  if (result === undefined) return;
  for (const { error, count, lines, advice } of failuresByError(result.failures)) {
    console.log(`${error || "not tried"}: ${count}, such as line ${lines.join(", ")}. ${advice}`);
  }
  console.log(`Result: ${out}, ${result.lines} lines`);
  if (result.failures.size === 0 || !existsSync(input.file)) return;
  const failed = `${out.replace(/\.result\.jsonl$/, "")}.failed.csv`;
  await writeFailed(input, result.failures, failed);
  console.log(`Failed: ${failed}, ${result.failures.size} lines: correct them and send the file again`);
}
