import * as z from "zod/mini";
import { appId, codeOrigin, timeoutSeconds } from "../shared/device.ts";
import { RekeyError } from "../shared/errors.ts";
import { compareInput, judgeInput, type LineCounts, planGeneration } from "../shared/fleet/planning.ts";
import { openRun, runName } from "../shared/fleet/run-store.ts";
import { counted, lasting, notInInput } from "../shared/fleet/words.ts";
import { defineOperation } from "../shared/http/operation.ts";
import { parseInput } from "../shared/http/parse-input.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import { createObjectStore, createS3Client, type ObjectStore } from "../shared/runtime/objects.ts";

/**
 * The longest that a run tries: 30 days. A round takes 13 of the 25,000 events that an execution's history holds (its
 * waits are in its batches' executions), and a day has 32 rounds when each wait is drawn as short as it can be (45
 * minutes): 416 events a day, 12,480 in 30 days. The rest is for what Step Functions repeats.
 */
const longestLimitSeconds = 30 * 86_400;
/** Seven days: a run of a million devices lasts as long, and somebody has to drive to each device. */
const defaultTimeoutSeconds = 7 * 86_400;

/** What an execution of rekeyFleet is started with. */
export const rekeyFleetInput = z.strictObject({
  /** Default: the execution's name. */
  run: z.optional(runName),
  /** Key of the CSV or the JSON lines in the bucket. */
  key: z.string().check(z.minLength(1), z.maxLength(1024)),
  callsPerMinute: z._default(z.int().check(z.minimum(1), z.maximum(100_000)), 95),
  /** Share of all devices of the run that may fail; more stop it. */
  toleratedFailurePercentage: z._default(z.number().check(z.minimum(0), z.maximum(100)), 20),
  /** The run stops when so many devices have failed, whatever their share; 0: the share alone counts. */
  maxFailures: z._default(z.int().check(z.minimum(0)), 0),
  /** So many devices go first; the run stops unless some of them are done and none failed. 0: none. */
  canary: z._default(z.int().check(z.minimum(0), z.maximum(1_000)), 0),
  /** Whether the result is to hold the codes. */
  includeCode: z._default(z.boolean(), false),
  /** What a code is made of where a line says none; `nodeId`: it is the nodeId, for devices whose agent wants that. */
  code: z._default(codeOrigin, "derived"),
  /** For devices whose line says none: seconds until the code ends. */
  timeout: z._default(timeoutSeconds, defaultTimeoutSeconds),
  /** For devices whose line says none: the application that owns them. */
  appId: z.optional(appId),
  /** How long after its first try a device that waits is tried again. */
  limitSeconds: z._default(z.int().check(z.minimum(0), z.maximum(longestLimitSeconds)), 86_400),
  /** Only looks at the input. */
  dryRun: z._default(z.boolean(), false),
});

/** An execution and what it was started with, as it came: judged here, so that every fault is named. */
export const planFleetInput = z.strictObject({
  /** Name of the execution; the run is its own from now on. */
  execution: runName,
  input: z.unknown(),
});

const planned = z.object({
  /** The input with what it left out; the steps that follow take theirs from here. */
  input: z.object({
    run: z.string(),
    key: z.string(),
    callsPerMinute: z.int(),
    toleratedFailurePercentage: z.number(),
    maxFailures: z.int(),
    canary: z.int(),
    includeCode: z.boolean(),
    limitSeconds: z.int(),
    dryRun: z.boolean(),
  }),
  execution: z.string(),
  /** What a dry run answers. */
  plan: z.object({
    ok: z.boolean(),
    devices: z.int(),
    /** How many faults there are; all of them are in the object `faultsKey`, warnings among them. */
    faults: z.int(),
    firstFaults: z.array(z.object({ line: z.int(), column: z.optional(z.string()), message: z.string() })),
    faultsKey: z.string(),
    /** Whether a run of this name was begun before and goes on. */
    resumed: z.boolean(),
    round: z.int(),
    /** How many batches the round has; 0 when nothing is left to do. */
    batches: z.int(),
    /** What the lines are to the run: done before and unchanged, new, changed, tried before, known and left out. */
    lines: z.object({ done: z.int(), added: z.int(), changed: z.int(), again: z.int(), leftOut: z.int() }),
    /** How long the calls take at the pace. */
    minutes: z.number(),
    /** What the run's starter should know. */
    warnings: z.array(z.string()),
  }),
  /** Where the first round's batches stand; as `concludeRound` answers it for those that follow. */
  state: z.object({ manifestKey: z.string() }),
});

const refused = z.object({
  /** How the execution fails: the name of the error, and what is wrong in our words. */
  refused: z.object({ error: z.string(), cause: z.string() }),
});

/** Where the first round's batches stand, or why there is none. */
export const planFleetOutput = z.union([planned, refused]);

type Input = z.infer<typeof rekeyFleetInput> & { readonly run: string };
type Plan = z.infer<typeof planned>["plan"];
interface Dependencies {
  readonly objects: ObjectStore;
  readonly clock: Clock;
}

const nothing: LineCounts = { done: 0, added: 0, changed: 0, again: 0, leftOut: 0 };

/**
 * Checks the whole input before the first call, and prepares the rounds; calls the platform never. What is wrong with
 * the input is an answer: thrown, the execution would fail with Lambda's JSON and a stack in place of our words.
 */
async function run(
  { execution, input }: z.infer<typeof planFleetInput>,
  dependencies: Dependencies,
): Promise<z.infer<typeof planFleetOutput>> {
  try {
    const wanted = parseInput(rekeyFleetInput, input);
    const named = { ...wanted, run: wanted.run ?? execution };
    const { plan, manifestKey } = await planOf(named, execution, dependencies);
    if (!plan.ok && !named.dryRun) throw new RekeyError("InvalidInputError", faulty(plan));
    return { input: named, execution, plan, state: { manifestKey } };
  } catch (error) {
    if (!(error instanceof RekeyError) || error.retryable) throw error;
    return { refused: { error: error.name, cause: `${error.message}. What helps: ${error.advice}` } };
  }
}

async function planOf(
  input: Input,
  execution: string,
  { objects, clock }: Dependencies,
): Promise<{ readonly plan: Plan; readonly manifestKey: string }> {
  const store = openRun(input.run, objects);
  const dependencies = { objects, store, clock };
  const judged = await judgeInput(input, dependencies);
  const before = await store.readPlan();
  const ok = judged.faults === 0;
  const made = ok && !input.dryRun ? await planGeneration(input, judged, execution, dependencies) : undefined;
  const lines = made?.counts ?? (ok ? await compareInput(input, dependencies) : nothing);
  const minutes = (lines.added + lines.changed + lines.again) / input.callsPerMinute;
  const plan: Plan = {
    ...{ ok, devices: judged.devices, faults: judged.faults, firstFaults: [...judged.first] },
    ...{ faultsKey: store.faultsKey, resumed: before !== undefined, round: made?.plan.round ?? 0 },
    ...{
      batches: made?.batches ?? 0,
      lines,
      minutes,
      warnings: warningsOf(input, before?.input["timeout"], lines, minutes),
    },
  };
  if (judged.warnings > 0)
    plan.warnings.push(`${counted(judged.warnings, "value")} may be wrong: see ${store.faultsKey}`);
  return { plan, manifestKey: made?.plan.manifestKey ?? "" };
}

function warningsOf(input: Input, timeoutBefore: unknown, lines: LineCounts, minutes: number): string[] {
  const warnings: string[] = [];
  if (input.timeout > 0 && minutes * 60 > input.timeout) {
    warnings.push(
      `The run lasts longer than its codes: ${lasting(minutes)} at ${counted(input.callsPerMinute, "call")} a minute, and a code ends after ${lasting(input.timeout / 60)}. Give a longer timeout, or split the input`,
    );
  }
  if (lines.done > 0 && typeof timeoutBefore === "number" && timeoutBefore !== input.timeout) {
    warnings.push(
      `The timeout changed: the codes of what is done, ${counted(lines.done, "line")}, end when they did before`,
    );
  }
  if (lines.leftOut > 0) {
    warnings.push(notInInput(lines.leftOut));
  }
  return warnings;
}

function faulty({ faults, faultsKey, firstFaults }: Plan): string {
  return `The input has ${counted(faults, "fault")}, ${faults === 1 ? "told" : "all of them"} in ${faultsKey}; the first: ${JSON.stringify(firstFaults)}`;
}

/** First step of the workflow rekeyFleet; invoked directly only. */
export const planFleet = defineOperation({
  input: planFleetInput,
  output: planFleetOutput,
  usesBucket: true,
  dependencies: ({ config, clock }) => ({
    objects: createObjectStore(config.fleetBucket, createS3Client(config.objectsEndpoint)),
    clock,
  }),
  run: (input, _, dependencies) => run(input, dependencies),
});
