import { parseArgs } from "node:util";
import { rekeyFleetInput } from "../functions/planFleet.ts";
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
  help: { type: "boolean", default: false },
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
  run: "run",
} as const;

const texts = new Set(["app-id", "code", "run"]);
const verbs = ["status", "pause", "resume", "stop", "pace"] as const;

/** What was typed, checked: nothing was sent yet. */
export interface Command {
  readonly verb: "help" | "start" | (typeof verbs)[number];
  /** The input's file, or the run of a verb. */
  readonly subject: string;
  readonly bucket: string | undefined;
  readonly workflow: string | undefined;
  /** What the workflow is started with, but for run and key. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly run: string | undefined;
  readonly isNew: boolean;
  readonly imei: "urn" | "bare" | undefined;
  readonly dryRun: boolean;
  readonly out: string | undefined;
  readonly callsPerMinute: number | undefined;
}

/** Reads the arguments. @throws UsageError */
export function readCommand(args: readonly string[]): Command {
  const { values, positionals } = parsed(args);
  const [first = "", second, third] = positionals;
  const verb = verbs.find((one) => one === first && second !== undefined) ?? "start";
  const most = verb === "pace" ? 3 : verb === "start" ? 1 : 2;
  if (!values.help && (first === "" || positionals.length > most || (verb === "pace" && third === undefined))) {
    throw new UsageError("Name an input, or a verb and a run");
  }
  if ((values.bucket === undefined) !== (values.workflow === undefined)) {
    throw new UsageError("Against AWS both --bucket and --workflow are needed");
  }
  const input: Record<string, unknown> = { includeCode: values["include-code"] };
  for (const [flag, field] of Object.entries(fields)) {
    const said = Object.entries(values).find(([name]) => name === flag)?.[1];
    if (typeof said === "string") input[field] = texts.has(flag) ? said : numberOf(`--${flag}`, said);
  }
  check(input);
  const { imei } = values;
  if (imei !== undefined && imei !== "urn" && imei !== "bare") throw new UsageError("--imei must be urn or bare");
  const { run: _, ...rest } = input;
  return {
    ...{
      verb: values.help ? "help" : verb,
      subject: second ?? first,
      bucket: values.bucket,
      workflow: values.workflow,
    },
    ...{ input: rest, run: values.run, isNew: values.new, imei, dryRun: values["dry-run"], out: values.out },
    callsPerMinute: third === undefined ? undefined : numberOf("The pace", third),
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function numberOf(what: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new UsageError(`${what} must be a number, not "${text}"`);
}

function check(input: Readonly<Record<string, unknown>>): void {
  const { error } = rekeyFleetInput.safeParse({ key: "input", ...input }, { reportInput: true });
  const said = (error?.issues ?? []).flatMap(faultsOf).map(({ path, message }) => {
    const [flag = path] = Object.entries(fields).find(([, field]) => field === path) ?? [];
    return `--${flag} ${message}`;
  });
  if (said.length > 0) throw new UsageError(said.join("\n"));
}
