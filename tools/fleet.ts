import { createHash } from "node:crypto";
import { basename } from "node:path";
import { endsWithItsReader } from "../local/command-line.ts";
import { openRun, type RunControl } from "../shared/fleet/run-store.ts";
import { counted, lasting, neverTried, notInInput } from "../shared/fleet/words.ts";
import { type Cloud, openCloud } from "./fleet-cloud.ts";
import { type Command, help, readCommand, UsageError } from "./fleet-command.ts";
import { checkInputFile, checkResultFiles } from "./fleet-files.ts";
import { follow } from "./fleet-follow.ts";
import { type Judged, judge, type LocalInput, upload } from "./fleet-input.ts";
import { compare, costOf, type FoundRun, findRun } from "./fleet-plan.ts";
import { createFleetView } from "./fleet-view.ts";
import { dollarsOf, wordsOf } from "./fleet-words.ts";

// `npm run fleet -- devices.csv`: re-keys a fleet and shows how far it is. Works against `npm start`; with --bucket and
// --workflow (both are outputs of the stack) against AWS, with the credentials that the SDK finds.

type Lines = Awaited<ReturnType<typeof compare>>;

const shownWarnings = 50;
let isFollowing = false;
// Whoever read along has seen enough; what was begun goes on.
endsWithItsReader(() => process.exit(isFollowing ? 3 : 1));
try {
  const command = readCommand(process.argv.slice(2));
  process.exitCode = await main(command, openCloud(command.bucket, command.workflow));
} catch (error) {
  const isUsage = error instanceof UsageError;
  console.error(isUsage ? `${error.message}\n\nnpm run fleet -- --help says more` : wordsOf(error));
  process.exitCode = isUsage ? 2 : 1;
}

async function main(command: Command, cloud: Cloud): Promise<number> {
  switch (command.verb) {
    case "help":
      console.log(help);
      return 0;
    case "start":
      return start(command, cloud);
    case "status":
      return status(command.subject, cloud);
    case "resume":
      return resume(command, cloud);
    case "pace":
      return control(command.subject, cloud, { callsPerMinute: command.callsPerMinute });
    default:
      return control(command.subject, cloud, { want: command.verb });
  }
}

async function start(command: Command, cloud: Cloud): Promise<number> {
  const file = command.subject;
  const out = command.out ?? `${file}.result.jsonl`;
  checkInputFile(file);
  checkResultFiles(out, file);
  const input: LocalInput = { file, imei: command.imei, code: command.options.code };
  const judged = await judge(input, tellerOf(file));
  if (judged.faults > 0) {
    console.error(`${counted(judged.faults, "fault")}; nothing was sent`);
    return 1;
  }
  const warned = judged.warnings > 0 ? `, ${counted(judged.warnings, "warning")}` : "";
  console.log(`${counted(judged.size, "device")}, no faults${warned}`);
  const found = await runOf(command, judged, cloud);
  if (command.dryRun) return preview(command, input, found, cloud);
  const run = found?.run ?? command.run ?? nameOf(file);
  const lines = found === undefined ? undefined : await compare(cloud.objects, found, input, command.options);
  console.log(`Run ${run}${found === undefined ? " begins" : ` goes on, begun ${dayOf(found.plan.startedAtMs)}`}`);
  if (lines !== undefined) tellLines(lines);
  console.log("Ctrl-C leaves it running, the same command shows it again");
  let executionArn = await cloud.running(run);
  if (executionArn === undefined) {
    const key = `input/${run}`;
    await upload(input, cloud.objects, key);
    executionArn = await cloud.start(run, { run, key, ...command.input });
  } else if (lines !== undefined && lines.added + lines.changed + lines.leftOut > 0) {
    console.log(
      `It is under way with the input it was started with: pause it (pause ${run}), then send this one again`,
    );
  }
  isFollowing = true;
  const { patienceSeconds } = command;
  return follow({ run, executionArn, input, out, patienceSeconds, leftOut: lines?.leftOut ?? 0 }, cloud);
}

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

/** Tells what the lines of an input are to the run. */
function tellLines({ done, added, changed, tried, untried, leftOut }: Lines): void {
  const left = untried === 0 ? "" : `, ${untried} not tried yet`;
  console.log(`Its lines: ${done} done, ${added} new, ${changed} changed, ${tried} tried before${left}`);
  if (leftOut > 0) console.log(notInInput(leftOut));
}

/** Tells every fault with its place; of warnings, which a fleet of odd modules has one a line of, the first. */
function tellerOf(file: string): Parameters<typeof judge>[1] {
  let warnings = 0;
  return ({ line, column, message }, kind) => {
    if (kind === "warning") warnings += 1;
    if (kind === "warning" && warnings > shownWarnings) return;
    const place = column === undefined ? `${file}:${line}` : `${file}:${line} (${column})`;
    console.error(`${place}: ${message}${kind === "warning" ? " (a warning)" : ""}`);
    if (kind === "warning" && warnings === shownWarnings) console.error("Further warnings are counted only");
  };
}

/** The run that goes on with this input; a run that has a part of its devices is not passed by silently. */
async function runOf(command: Command, judged: Judged, cloud: Cloud): Promise<FoundRun | undefined> {
  if (command.run !== undefined) {
    const plan = await openRun(command.run, cloud.objects).readPlan();
    return plan && { run: command.run, plan, share: 1 };
  }
  if (command.isNew) return undefined;
  const found =
    command.dryRun && cloud.isLocal
      ? await findRun(cloud.objects, judged).catch(() => undefined)
      : await findRun(cloud.objects, judged);
  if (found === undefined || found.share >= 0.5) return found;
  throw new UsageError(
    `Run ${found.run} has some ${Math.ceil(found.share * 100)} % of these devices: go on with it by --run ${found.run}, or begin another one by --new, which gives them other codes`,
  );
}

async function preview(
  { options }: Command,
  input: LocalInput,
  found: FoundRun | undefined,
  cloud: Cloud,
): Promise<number> {
  const lines = await compare(cloud.objects, found, input, options);
  const todo = lines.added + lines.changed + lines.tried + lines.untried;
  const minutes = todo / options.callsPerMinute;
  if (found !== undefined) {
    console.log(`Run ${found.run} would go on, begun ${dayOf(found.plan.startedAtMs)}`);
    tellLines(lines);
  }
  const takes = `${lasting(minutes)}, ${dollarsOf(costOf(minutes))}`;
  console.log(`${todo === 0 ? "Nothing is left to be done" : `${todo} to be done: ${takes}`}; nothing was sent`);
  if (options.timeout > 0 && minutes * 60 > options.timeout)
    console.log("The run lasts longer than its codes: give a longer --timeout");
  return 0;
}

/** A name of the file's and the day's; the run is found by its devices, whatever the file is called then. */
function nameOf(file: string): string {
  const name = basename(file)
    .replace(/\.[^.]*$/, "")
    .replace(/[^A-Za-z0-9_-]/g, "-")
    .slice(0, 40);
  const now = new Date();
  const tail = createHash("sha256").update(now.toISOString()).digest("hex").slice(0, 6);
  return `${name}-${now.toISOString().slice(0, 10)}-${tail}`;
}

async function status(run: string, cloud: Cloud): Promise<number> {
  const progress = await openRun(run, cloud.objects).readProgress();
  if (progress === undefined) throw new UsageError(`There is no run ${run}`);
  console.log(createFleetView().line(progress, Date.now()));
  const { want } = await openRun(run, cloud.objects).readControl();
  const state = progress.finished
    ? "It is over"
    : want === "run"
      ? `${progress.callsPerMinute} calls a minute`
      : `To ${want}`;
  console.log(`${state}; last heard of ${new Date(progress.updatedAtMs).toISOString()}`);
  if (progress.stopped === undefined) return 0;
  const { error, cause, untried } = progress.stopped;
  console.log(`${error}: ${cause}`);
  if (untried !== undefined) console.log(neverTried(untried));
  return 0;
}

async function control(run: string, cloud: Cloud, wanted: Partial<RunControl>): Promise<number> {
  const store = openRun(run, cloud.objects);
  const [progress, before] = await Promise.all([store.readProgress(), store.readControl()]);
  if (progress === undefined) throw new UsageError(`There is no run ${run}`);
  if (progress.finished) throw new UsageError(`Run ${run} is not under way`);
  await store.writeControl({ ...before, ...wanted });
  const told = wanted.want ?? `go at ${wanted.callsPerMinute} calls a minute`;
  console.log(
    `Run ${run} is told to ${told}; a batch hears of it within five seconds, a run that waits within a minute`,
  );
  return 0;
}

/** Starts the run again with what it was started with; the first devices have been tried. */
async function resume({ subject: run, out, input: changes, patienceSeconds }: Command, cloud: Cloud): Promise<number> {
  const store = openRun(run, cloud.objects);
  const result = out ?? `${run}.result.jsonl`;
  checkResultFiles(result, undefined);
  const [plan, { callsPerMinute, want }] = await Promise.all([store.readPlan(), store.readControl()]);
  if (plan === undefined) throw new UsageError(`There is no run ${run}`);
  let executionArn = await cloud.running(run);
  if (executionArn !== undefined && want !== "run")
    await store.writeControl({ want: "run", ...(callsPerMinute && { callsPerMinute }) });
  const includeCode = changes["includeCode"] === true || plan.input["includeCode"] === true;
  const again = { ...plan.input, canary: 0, ...(callsPerMinute && { callsPerMinute }), ...changes, includeCode };
  executionArn ??= await cloud.start(run, again);
  console.log(`Run ${run} goes on; Ctrl-C leaves it running`);
  isFollowing = true;
  return follow({ run, executionArn, input: undefined, out: result, patienceSeconds, leftOut: 0 }, cloud);
}
