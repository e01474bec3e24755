import { parseArgs } from "node:util";
import type * as z from "zod/mini";
import { rekeyFleetInput } from "../functions/planFleet.ts";
import { runName } from "../shared/fleet/run-store.ts";
import type { ImeiForm } from "../shared/imei.ts";
import { faultsOf } from "../shared/input-faults.ts";

export const help = `npm run fleet -- devices.csv [options]      re-key a fleet, or go on with its run, and follow it
npm run fleet -- status RUN                 how far it is, what it waits for
npm run fleet -- pause RUN | stop RUN       ten calls begin after that at most; the result so far is written
npm run fleet -- resume RUN                 go on where it is
npm run fleet -- pace RUN 50                so many calls a minute from now on

Where (default: npm start on this machine; both are outputs of the stack)
  --bucket NAME --workflow ARN

What
  --include-code          the result holds the codes, also of what was done before; who reads the file has them
  --timeout SECONDS       until a code ends, where a line says none (604800: seven days; 0: never)
  --code nodeId           the code is the nodeId, for devices whose agent wants that
  --imei urn|bare         write each nodeId as urn:imei:<IMEI>, or as the bare IMEI; what is no IMEI is a fault
  --app-id ID             the application that owns the devices, where a line says none
  --run NAME | --new      the run's name (default: the run that has these devices, or a new one) | always a new run

How
  --dry-run               only look: faults, what the lines are to the run, how long it takes, what it costs
  --calls-per-minute N    95 of the platform's 100; the rest is for tickets
  --canary N              so many devices first; the run stops unless they are well, resume goes on
  --max-failures N        stop at so many failures (0: the share alone counts)
  --tolerated PERCENT     share of the devices that may fail (20)
  --limit SECONDS         how long after its first try a device that is online is tried again (86400)
  --out FILE              where the result goes (default: beside the input, .result.jsonl; what failed: .failed.csv)
  --patience SECONDS      how long to look for a run that nothing is heard of, before it is left alone (600)

Exit code: 0 done; 1 it ended badly, or the input has faults; 2 wrong use; 3 it could be followed no more and goes on;
4 it was paused or stopped.`;

/** Wrong use, in words for whoever typed it. */
export class UsageError extends Error {}

const options = {
  run: { type: "string" },
  new: { type: "boolean", default: false },
  bucket: { type: "string" },
  /** ARN of the state machine rekeyFleet. */
  workflow: { type: "string" },
  "calls-per-minute": { type: "string" },
  timeout: { type: "string" },
  "app-id": { type: "string" },
  limit: { type: "string" },
  tolerated: { type: "string" },
  "max-failures": { type: "string" },
  canary: { type: "string" },
  code: { type: "string" },
  imei: { type: "string" },
  "include-code": { type: "boolean", default: false },
  "dry-run": { type: "boolean", default: false },
  out: { type: "string" },
  patience: { type: "string", default: "600" },
} as const;

/** The workflow's fields by the flags that say them. */
const fields = {
  "calls-per-minute": "callsPerMinute",
  timeout: "timeout",
  "app-id": "appId",
  limit: "limitSeconds",
  tolerated: "toleratedFailurePercentage",
  "max-failures": "maxFailures",
  canary: "canary",
  code: "code",
} as const;

const texts = new Set(["app-id", "code"]);
const where = ["bucket", "workflow"];
/** The flags of each verb: another one would be passed over in silence, and `resume --dry-run` begin calls. */
const verbs = {
  status: where,
  pause: where,
  stop: where,
  pace: where,
  resume: [
    ...where,
    ...["include-code", "timeout", "calls-per-minute", "canary", "max-failures", "tolerated", "limit"],
    ...["out", "patience"],
  ],
} as const;

/** What was typed, checked: nothing was sent yet. */
export interface Command {
  readonly verb: "help" | "start" | keyof typeof verbs;
  /** The input's file, or the run of a verb. */
  readonly subject: string;
  readonly bucket: string | undefined;
  readonly workflow: string | undefined;
  /** What the workflow is started with, but for run and key. */
  readonly input: Readonly<Record<string, unknown>>;
  /** The same with the workflow's own defaults. */
  readonly options: z.infer<typeof rekeyFleetInput>;
  readonly run: string | undefined;
  readonly isNew: boolean;
  readonly imei: ImeiForm | undefined;
  readonly dryRun: boolean;
  readonly out: string | undefined;
  readonly patienceSeconds: number;
  /** The pace of the verb `pace`. */
  readonly callsPerMinute: number | undefined;
}

/** Reads the arguments. @throws UsageError */
export function readCommand(args: readonly string[]): Command {
  const asksForHelp = args[0] === "help" || args.some((one) => one === "--help" || one === "-h");
  const { values, positionals } = parsed(asksForHelp ? [] : args);
  const { verb, subject, pace } = asksForHelp
    ? { verb: "help" as const, subject: "", pace: undefined }
    : said(positionals);
  if (verb !== "start" && verb !== "help") checkVerb(verb, subject, args);
  if (values.run !== undefined) checkRun("--run", values.run);
  if (values.run !== undefined && values.new)
    throw new UsageError("--run goes on with a run, --new begins one: give one of them");
  checkWhere(values.bucket, values.workflow);
  const { imei } = values;
  if (imei !== undefined && imei !== "urn" && imei !== "bare") throw new UsageError("--imei must be urn or bare");
  const input = inputOf(values);
  return {
    ...{ verb, subject, bucket: values.bucket, workflow: values.workflow, input, options: optionsOf(input) },
    ...{ run: values.run, isNew: values.new, imei, dryRun: values["dry-run"], out: values.out },
    patienceSeconds: wholeNumber("--patience", values.patience, 1, 86_400),
    callsPerMinute: pace === undefined ? undefined : wholeNumber("The pace", pace, 1, 100_000),
  };
}

type Values = ReturnType<typeof parsed>["values"];

/** The workflow's input by its flags. */
function inputOf(values: Values): Readonly<Record<string, unknown>> {
  const input: Record<string, unknown> = { includeCode: values["include-code"] };
  for (const [flag, field] of Object.entries(fields)) {
    const typed = Object.entries(values).find(([name]) => name === flag)?.[1];
    if (typeof typed === "string") input[field] = texts.has(flag) ? typed : numberOf(`--${flag}`, typed);
  }
  return input;
}

function isVerb(word: string): word is keyof typeof verbs {
  return Object.hasOwn(verbs, word);
}

/** What the words without dashes say. */
function said(words: readonly string[]) {
  const [first, second, third, ...more] = words;
  if (first === undefined || first === "") {
    throw new UsageError("Name a file of devices, or a verb and a run, as in: npm run fleet -- devices.csv --dry-run");
  }
  if (!isVerb(first)) {
    if (second === undefined) return { verb: "start" as const, subject: first, pace: undefined };
    throw new UsageError(
      `${first} is no verb (${Object.keys(verbs).join(", ")} are), and no more than one file makes a run`,
    );
  }
  const form = `npm run fleet -- ${first} RUN${first === "pace" ? " 50" : ""}`;
  if (second === undefined) throw new UsageError(`Which run? ${form}; a file of that name is ./${first}`);
  if (more.length > 0 || (third === undefined) === (first === "pace")) throw new UsageError(`Say it so: ${form}`);
  return { verb: first, subject: second, pace: third };
}

function checkVerb(verb: keyof typeof verbs, run: string, args: readonly string[]): void {
  checkRun("A run's name", run);
  const { tokens } = parseArgs({ args: [...args], allowPositionals: true, options, tokens: true });
  const taken: readonly string[] = verbs[verb];
  for (const token of tokens) {
    if (token.kind !== "option" || taken.includes(token.name)) continue;
    throw new UsageError(`${verb} takes no --${token.name}`);
  }
}

function checkRun(what: string, name: string): void {
  const { error } = runName.safeParse(name);
  if (error !== undefined) throw new UsageError(`${what} ${error.issues[0]?.message}`);
}

function checkWhere(bucket: string | undefined, workflow: string | undefined): void {
  if ((bucket === undefined) !== (workflow === undefined)) {
    throw new UsageError("Against AWS both --bucket and --workflow are needed");
  }
  if (bucket === undefined || workflow === undefined) return;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw new UsageError("--bucket must be the name of a bucket");
  if (regionOf(workflow) === undefined) {
    throw new UsageError("--workflow must be the ARN of a state machine: arn:aws:states:...:stateMachine:...");
  }
}

/** The region that a state machine's ARN names; undefined where it is no such ARN. */
export function regionOf(workflow: string): string | undefined {
  return /^arn:aws[a-z-]*:states:([a-z0-9-]+):\d{12}:stateMachine:[^\s:]+$/.exec(workflow)?.[1];
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(wordsOf(error instanceof Error ? error.message : String(error)));
  }
}

/** What parseArgs says, without its advice to programmers. */
function wordsOf(message: string): string {
  const [, flag] = /^Option '[^']*?(--[a-z-]+)[^']*' argument (?:is ambiguous|missing)/.exec(message) ?? [];
  if (flag !== undefined) return `${flag} needs a value`;
  return message.replace(/\. To specify[\s\S]*/, "");
}

function numberOf(what: string, text: string): number {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new UsageError(`${what} must be a number, not "${text}"`);
}

function wholeNumber(what: string, text: string, least: number, most: number): number {
  const number = numberOf(what, text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new UsageError(`${what} must be a whole number, ${least} to ${most}`);
}

/** The workflow's view of its input. @throws UsageError a flag has a fault */
function optionsOf(input: Readonly<Record<string, unknown>>): z.infer<typeof rekeyFleetInput> {
  const { data, error } = rekeyFleetInput.safeParse({ key: "input", ...input }, { reportInput: true });
  if (data !== undefined) return data;
  // One fault a flag: what is beyond all whole numbers is beyond the field's own limit, too.
  const faults = new Map(error.issues.flatMap(faultsOf).map(({ path, message }) => [path, message]));
  const words = [...faults].map(([path, message]) => {
    const [flag = path] = Object.entries(fields).find(([, field]) => field === path) ?? [];
    return `--${flag} ${flag === "code" ? "must be derived or nodeId" : message}`;
  });
  throw new UsageError(words.join("\n"));
}
