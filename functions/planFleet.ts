import { createHash } from "node:crypto";
import * as z from "zod/mini";
import { appId, timeoutSeconds } from "../shared/device.ts";
import { RekeyError } from "../shared/errors.ts";
import { readFleetInput } from "../shared/fleet/input.ts";
import type { FleetFault } from "../shared/fleet/input-lines.ts";
import type { FleetDevice } from "../shared/fleet/lines.ts";
import { openRun, type Run, runName, toLines } from "../shared/fleet/run.ts";
import { parseInput } from "../shared/http/faults.ts";
import { defineOperation } from "../shared/http/operation.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import { createObjectStore, createS3Client, type ObjectStore } from "../shared/runtime/objects.ts";

/**
 * The longest that a run tries: 30 days. A round takes 15 of the 25,000 events that an execution's history holds, and a
 * day has 32 rounds when each wait is drawn as short as it can be (45 minutes): 480 events a day, 14,400 in 30 days.
 * The rest is for what Step Functions repeats.
 */
const longestLimitSeconds = 30 * 86_400;

/** What an execution of rekeyFleet is started with. */
export const rekeyFleetInput = z.strictObject({
  /** Default: the execution's name. */
  run: z.optional(runName),
  /** Key of the CSV or the JSON lines in the bucket. */
  key: z.string().check(z.minLength(1), z.maxLength(1024)),
  callsPerMinute: z._default(z.int().check(z.minimum(1), z.maximum(100_000)), 95),
  /** Share of all devices of the run that may fail. */
  toleratedFailurePercentage: z._default(z.number().check(z.minimum(0), z.maximum(100)), 20),
  /** Whether the result file is to hold the codes. */
  includeCode: z._default(z.boolean(), false),
  /** For devices whose line says none: seconds until the code ends. */
  timeout: z.optional(timeoutSeconds),
  /** For devices whose line says none: the application that owns them. */
  appId: z.optional(appId),
  /** How long after its start devices that wait are still taken up again. */
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
    includeCode: z.boolean(),
    limitSeconds: z.int(),
    dryRun: z.boolean(),
  }),
  execution: z.string(),
  /** What a dry run answers. */
  plan: z.object({
    ok: z.boolean(),
    devices: z.int(),
    /** How many faults there are; all of them are in the object `faultsKey`. */
    faults: z.int(),
    firstFaults: z.array(z.object({ line: z.int(), column: z.optional(z.string()), message: z.string() })),
    faultsKey: z.string(),
    /** Whether a run of this name was begun before and is taken up where it stopped. */
    resumed: z.boolean(),
    round: z.int(),
    /** How many batches the round has; 0 when nothing is left to do. */
    batches: z.int(),
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

type Input = z.infer<typeof rekeyFleetInput>;
type Planned = z.infer<typeof planned>;
type Plan = Planned["plan"];
interface Dependencies {
  readonly objects: ObjectStore;
  readonly clock: Clock;
}

const shownFaults = 20;
const maxBatchDevices = 200;
const longestBatchMinutes = 4;
// A batch of the execution before looks after its owner every five seconds; two at once would exceed the quota.
const takeOverMs = 6_000;

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

async function planOf(input: Input & { readonly run: string }, execution: string, { objects, clock }: Dependencies) {
  const bytes = await objects.read(input.key);
  if (bytes === undefined) throw new RekeyError("InvalidInputError", "There is no object with this key in the bucket");
  const opened = openRun(input.run, objects);
  const devices: FleetDevice[] = [];
  const faults: FleetFault[] = [];
  for await (const entries of readFleetInput(bytes)) {
    for (const entry of entries) {
      if (entry.kind === "device") devices.push(entry.device);
      else if (entry.kind === "fault") faults.push(entry.fault);
    }
  }
  await objects.put(opened.faultsKey, toLines(faults));
  const checked = {
    ok: faults.length === 0,
    devices: devices.length,
    faults: faults.length,
    firstFaults: faults.slice(0, shownFaults),
    faultsKey: opened.faultsKey,
  };
  if (!checked.ok || input.dryRun)
    return { plan: { ...checked, resumed: false, round: 0, batches: 0 }, manifestKey: "" };
  const withDefaults = devices.map((device) => ({
    ...(input.timeout === undefined ? {} : { timeout: input.timeout }),
    ...(input.appId === undefined ? {} : { appId: input.appId }),
    ...device,
  }));
  await opened.writeOwner(execution);
  const { resumed, round } = await begin(opened, input, withDefaults, clock);
  const { length: batches } = await opened.readManifest(round);
  return { plan: { ...checked, resumed, round, batches }, manifestKey: opened.manifestKey(round) };
}

function faulty({ faults, faultsKey, firstFaults }: Plan): string {
  return `The input has ${faults} faults, all of them in ${faultsKey}; the first: ${JSON.stringify(firstFaults)}`;
}

async function begin(
  opened: Run,
  { key, callsPerMinute }: Input,
  devices: readonly FleetDevice[],
  clock: Clock,
): Promise<{ resumed: boolean; round: number }> {
  const inputHash = createHash("sha256").update(JSON.stringify(devices)).digest("hex");
  const before = await opened.readPlan();
  if (before === undefined) {
    const startedAtMs = clock.now();
    const batchDevices = Math.min(maxBatchDevices, callsPerMinute * longestBatchMinutes);
    const plan = { inputKey: key, inputHash, devices: devices.length, batchDevices, round: 1, startedAtMs };
    await opened.writeRound(1, devices, batchDevices);
    await opened.writeProgress({
      ...{ run: runOf(opened), total: devices.length, done: 0, failed: 0, waiting: 0, round: 1 },
      ...{ startedAtMs, updatedAtMs: startedAtMs, finished: false, batches: {} },
    });
    await opened.writePlan({ ...plan, finished: false });
    return { resumed: false, round: 1 };
  }
  if (before.inputHash !== inputHash) {
    throw new RekeyError("InvalidInputError", "A run of this name was begun with another input; give it another name");
  }
  if (!before.finished) {
    await clock.sleep(takeOverMs);
    return { resumed: true, round: before.round };
  }
  return { resumed: true, round: await again(opened, devices, clock) };
}

/** A round for what the finished run did not bring to its end; what is done stays done. */
async function again(opened: Run, devices: readonly FleetDevice[], clock: Clock): Promise<number> {
  const plan = await opened.readPlan();
  if (plan === undefined) throw new TypeError("A run that is taken up has a plan");
  const done = new Set<number>();
  for (let round = 1; round <= plan.round; round += 1) {
    for (const { outKey } of await opened.readManifest(round)) {
      for (const { line, status } of await opened.readLines(outKey)) if (status === "done") done.add(line);
    }
  }
  const left = devices.filter(({ line }) => !done.has(line));
  const round = plan.round + 1;
  const startedAtMs = clock.now();
  await opened.writeRound(round, left, plan.batchDevices);
  await opened.writeProgress({
    ...{ run: runOf(opened), total: devices.length, done: done.size, failed: 0, waiting: left.length, round },
    ...{ startedAtMs, updatedAtMs: startedAtMs, finished: false, batches: {} },
  });
  await opened.writePlan({ ...plan, round, startedAtMs, finished: false });
  return round;
}

function runOf({ resultKey }: Run): string {
  return resultKey.split("/")[1] ?? "";
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
