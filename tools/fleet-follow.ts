import { setTimeout as delay } from "node:timers/promises";
import { openRun, type RunProgress } from "../shared/fleet/run-store.ts";
import { counted, neverTried, notInInput } from "../shared/fleet/words.ts";
import type { Cloud, ExecutionState } from "./fleet-cloud.ts";
import { failedFileOf } from "./fleet-files.ts";
import type { LocalInput } from "./fleet-input.ts";
import { createLink, type Link, LostError } from "./fleet-link.ts";
import { failuresByError, fetchResult, writeFailed, writeSoFar } from "./fleet-result.ts";
import { createFleetView } from "./fleet-view.ts";
import { reasonOf, wordsOf } from "./fleet-words.ts";

/** A run that is under way, and where its result goes. */
export interface Followed {
  readonly run: string;
  readonly executionArn: string;
  /** Absent where a verb goes on with a run whose input is elsewhere. */
  readonly input: LocalInput | undefined;
  readonly out: string;
  /** How many lines of the run its input leaves out that the input before had. */
  readonly leftOut: number;
  /** How long the run is looked for where nothing is heard of it. */
  readonly patienceSeconds: number;
}

const quietMs = 60_000;
const firstKeepMs = 5_000;

/** Shows how far a run is until it is over, and fetches its result. @returns the exit code */
export async function follow(followed: Followed, cloud: Cloud): Promise<number> {
  const screen = createScreen();
  const pauseMs = cloud.isLocal ? 500 : 5_000;
  const link = createLink(followed.patienceSeconds, pauseMs, screen.say);
  let ended: ExecutionState | undefined;
  try {
    ended = await watch(followed, cloud, { link, screen, pauseMs });
    await tellResult(followed, cloud, link);
  } catch (error) {
    const isLost = error instanceof LostError;
    screen.say(isLost ? error.message : wordsOf(error));
    console.error(whatThen(ended, isLost && error.isGone));
    return isLost && !error.isGone ? 3 : 1;
  }
  if (ended.status === "SUCCEEDED") return 0;
  console.error(
    `The run ended with ${ended.status}${ended.error === undefined ? "" : `: ${ended.error}: ${ended.cause}`}`,
  );
  return ended.error === "RunPaused" || ended.error === "RunStopped" ? 4 : 1;
}

function whatThen(ended: ExecutionState | undefined, isGone: boolean): string {
  if (ended !== undefined) return "The run is over; its result could not be fetched. The same command fetches it";
  if (isGone) return "Where it ran nothing is known of it: npm start forgets its runs when it ends";
  return "It can be followed no more from here. The run goes on; the same command shows it again";
}

/** @returns how it ended */
async function watch(
  { run, executionArn, out }: Followed,
  cloud: Cloud,
  { link, screen, pauseMs }: { link: Link; screen: Screen; pauseMs: number },
): Promise<ExecutionState> {
  const store = openRun(run, cloud.objects);
  const keep = createKeeper(() => writeSoFar(cloud.objects, run, out), screen.say);
  for (;;) {
    const look = () => Promise.all([cloud.describe(executionArn), store.readProgress()]);
    const [execution, progress] = await link.hold(look);
    const isOver = execution.status !== "RUNNING";
    // While a run is begun again its last progress is still there.
    if (progress !== undefined && (isOver || !progress.finished)) screen.show(progress, isOver);
    if (isOver) return execution;
    if (progress?.finished === false) await keep();
    await delay(pauseMs);
  }
}

/** Where a person, or a log, reads how far a run is. */
interface Screen {
  show(progress: RunProgress, isOver: boolean): void;
  /** Says what is no progress, on a line of its own. */
  say(text: string): void;
}

/** Shows a line where it changed: over the one before on a terminal, once a minute elsewhere. */
function createScreen(): Screen {
  const isTerminal = process.stdout.isTTY === true;
  const view = createFleetView(isTerminal);
  let [shown, shownAtMs] = ["", 0];
  return {
    show(progress, isOver) {
      const nowMs = Date.now();
      const line = view.line(progress, nowMs);
      if (line !== shown && (isTerminal || isOver || nowMs - shownAtMs >= quietMs)) {
        process.stdout.write(isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
        [shown, shownAtMs] = [line, nowMs];
      }
      if (isOver && isTerminal) process.stdout.write("\n");
    },
    say: (text) => console.error(isTerminal ? `\r\u001b[K${text}` : text),
  };
}

/**
 * Writes the result so far after five seconds, then every minute at last; the longer it takes, the less often. What
 * fails is said once and tried again then: whether the connection is lost, the next look at the run tells.
 */
function createKeeper(write: () => Promise<void>, say: (text: string) => void): () => Promise<void> {
  let [wroteAtMs, waitMs, isFailing] = [Date.now(), firstKeepMs, false];
  return async () => {
    const fromMs = Date.now();
    if (fromMs - wroteAtMs < waitMs) return;
    try {
      await write();
      isFailing = false;
    } catch (error) {
      if (!isFailing) say(`The result so far cannot be written: ${reasonOf(error)}. The run goes on`);
      isFailing = true;
    }
    wroteAtMs = Date.now();
    waitMs = Math.max(Math.min(waitMs * 2, quietMs), (wroteAtMs - fromMs) * 20);
  };
}

async function tellResult({ run, input, out, leftOut }: Followed, cloud: Cloud, link: Link): Promise<void> {
  const result = await link.hold(() => fetchResult(cloud.objects, run, out));
  if (result === undefined) return;
  for (const { error, count, lines, advice } of failuresByError(result.failures)) {
    console.log(
      `${error || "other"}: ${count}, such as line${lines.length === 1 ? "" : "s"} ${lines.join(", ")}. ${advice}`,
    );
  }
  const { done, failed, waiting, untried } = result.counts;
  console.log(
    `Result: ${out}, ${counted(done + failed + waiting + untried, "line")}: ${done} done, ${failed} failed, ${waiting} waiting, ${untried} not tried`,
  );
  if (leftOut > 0) console.log(notInInput(leftOut));
  if (untried > 0) console.log(`${neverTried(untried)}: started again, the run begins with them`);
  if (failed === 0 || input === undefined) return;
  const file = failedFileOf(out);
  await writeFailed(input, result.failures, file);
  console.log(`Failed: ${file}, ${counted(failed, "line")}: correct what is wrong in the input, and send that again`);
}
