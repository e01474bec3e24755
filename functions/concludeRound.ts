import * as z from "zod/mini";
import { RekeyError } from "../shared/errors.ts";
import type { FleetDevice } from "../shared/fleet/lines.ts";
import { countByStatus, openRun, type ResultLine, type Run, runName, takenOver, toLines } from "../shared/fleet/run.ts";
import { defineOperation } from "../shared/http/operation.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import { createObjectStore, createS3Client, type ObjectStore } from "../shared/runtime/objects.ts";

/** A round that has ended. */
export const concludeRoundInput = z.strictObject({
  run: runName,
  execution: z.string(),
  /** How long after its start devices that wait are still taken up again. */
  limitSeconds: z.int().check(z.minimum(0)),
  /** The round was broken off: write down what is known, begin no other. */
  stopped: z.optional(z.boolean()),
});

/** How the run stands, and what comes next. */
export const concludeRoundOutput = z.object({
  finished: z.boolean(),
  total: z.int(),
  done: z.int(),
  failed: z.int(),
  waiting: z.int(),
  round: z.int(),
  manifestKey: z.string(),
  /** Before the next round. */
  waitSeconds: z.int(),
  /** JSON lines, one a device. */
  resultKey: z.string(),
  /** Why the round was broken off, by the name of the error and in its words. */
  error: z.optional(z.string()),
  cause: z.optional(z.string()),
});

type Input = z.infer<typeof concludeRoundInput>;
type Output = z.infer<typeof concludeRoundOutput>;
interface Dependencies {
  readonly objects: ObjectStore;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
}

const firstWaitSeconds = 60;
const longestWaitSeconds = 3_600;
const readAtOnce = 10;
const silentEnd = {
  error: "BatchEndedSilently",
  cause: "A batch ended without saying why; the log of rekeyBatch does. Start the run again: what is done stays done.",
};

/** Makes a round of the devices that wait, or the result file where none does or the time is over. */
async function run(input: Input, { objects, clock, random }: Dependencies): Promise<Output> {
  const opened = openRun(input.run, objects);
  const plan = await opened.readPlan();
  if (plan === undefined) throw new RekeyError("InvalidInputError", "There is no run of this name");
  if ((await opened.readOwner()) !== input.execution) throw new RekeyError("InvalidInputError", takenOver);
  const { devices, last } = await collect(opened, plan.round);
  const lines = [...last.values()].sort((one, other) => one.line - other.line);
  const { done, failed } = countByStatus(lines);
  const left = [...devices.values()].filter(({ line }) => (last.get(line)?.status ?? "waiting") === "waiting");
  const leftSeconds = Math.floor((plan.startedAtMs - clock.now()) / 1000) + input.limitSeconds;
  const stopped = input.stopped === true;
  const reason = stopped ? ((await opened.readProgress())?.stopped ?? silentEnd) : undefined;
  const finished = left.length === 0 || (leftSeconds <= 0 && !stopped);
  const ended = finished || stopped;
  const counts = finished ? { done, failed: failed + left.length, waiting: 0 } : { done, failed, waiting: left.length };
  if (ended) {
    const given = finished ? left.map((device) => givenUp(device, last.get(device.line), clock)) : [];
    const result = [...lines.filter(({ status }) => !finished || status !== "waiting"), ...given];
    await objects.put(opened.resultKey, toLines(result.sort((one, other) => one.line - other.line)));
  }
  const round = ended ? plan.round : plan.round + 1;
  if (!ended) await opened.writeRound(round, left, plan.batchDevices);
  await opened.writeProgress({
    ...{ run: input.run, total: plan.devices, ...counts, round, finished: ended },
    ...{ startedAtMs: plan.startedAtMs, updatedAtMs: clock.now(), batches: {} },
  });
  await opened.writePlan({ ...plan, round, finished: ended });
  return {
    ...{ finished, total: plan.devices, ...counts, round },
    manifestKey: opened.manifestKey(round),
    waitSeconds: ended ? 0 : Math.min(leftSeconds, waitBefore(round, random)),
    resultKey: opened.resultKey,
    ...reason,
  };
}

/** Every device and the last that is known of it, by line. */
async function collect(opened: Run, rounds: number) {
  const devices = new Map<number, FleetDevice>();
  const last = new Map<number, ResultLine>();
  for (let round = 1; round <= rounds; round += 1) {
    const entries = await opened.readManifest(round);
    for (let from = 0; from < entries.length; from += readAtOnce) {
      const batches = await Promise.all(
        entries.slice(from, from + readAtOnce).map(async ({ inKey, outKey }) => ({
          devices: await opened.readDevices(inKey),
          lines: await opened.readLines(outKey),
        })),
      );
      for (const batch of batches) {
        for (const device of batch.devices) devices.set(device.line, device);
        for (const line of batch.lines) last.set(line.line, line);
      }
    }
  }
  return { devices, last };
}

function givenUp({ line, deviceId, nodeId }: FleetDevice, known: ResultLine | undefined, clock: Clock): ResultLine {
  if (known !== undefined) return { ...known, status: "failed" };
  const id = nodeId === undefined ? {} : { nodeId };
  const advice = "Its turn did not come before the run's limit. Start the run again.";
  return { line, deviceId, ...id, status: "failed", advice, at: new Date(clock.now()).toISOString() };
}

/** A minute before the second round, then twice as long each time up to an hour, a quarter more or less. */
function waitBefore(round: number, random: () => number): number {
  const seconds = Math.min(longestWaitSeconds, firstWaitSeconds * 2 ** (round - 2));
  return Math.round(seconds * (0.75 + random() / 2));
}

/** Step of the workflow rekeyFleet after each round; invoked directly only. */
export const concludeRound = defineOperation({
  input: concludeRoundInput,
  output: concludeRoundOutput,
  usesBucket: true,
  dependencies: ({ config, clock }) => ({
    objects: createObjectStore(config.fleetBucket, createS3Client(config.objectsEndpoint)),
    clock,
    random: Math.random,
  }),
  run: (input, _, dependencies) => run(input, dependencies),
});
