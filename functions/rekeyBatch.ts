import * as z from "zod/mini";
import { RekeyError } from "../shared/errors.ts";
import { type BatchDependencies, workOff } from "../shared/fleet/batch.ts";
import { createPacer } from "../shared/fleet/pacer.ts";
import { openRun, runName } from "../shared/fleet/run.ts";
import { defineOperation, type Invocation } from "../shared/http/operation.ts";
import { auditedRekey } from "../shared/platform/audited-rekey.ts";
import { createPlatform, type Platform } from "../shared/platform/client.ts";
import { type Clock, deadlineIn } from "../shared/runtime/clock.ts";
import type { Metrics } from "../shared/runtime/metrics.ts";
import { createObjectStore, createS3Client, type ObjectStore } from "../shared/runtime/objects.ts";

/** One batch of a round. */
export const rekeyBatchInput = z.strictObject({
  run: runName,
  execution: z.string(),
  inKey: z.string(),
  outKey: z.string(),
  callsPerMinute: z.int().check(z.minimum(1), z.maximum(100_000)),
  /** Whether the result file is to hold the codes. */
  includeCode: z.boolean(),
  /** Share of all devices of the run that may fail. */
  toleratedFailurePercentage: z.number().check(z.minimum(0), z.maximum(100)),
});

/** What the batch came to. */
export const rekeyBatchOutput = z.object({
  done: z.int(),
  failed: z.int(),
  waiting: z.int(),
  tooManyFailures: z.boolean(),
});

interface Dependencies {
  readonly platform: Platform;
  readonly objects: ObjectStore;
  readonly clock: Clock;
  /** Whoever wants to know of requests that were sent to the platform: the run that is under way. */
  readonly sent: { tell(requests: number): void };
}

const deviceMs = 20_000;

/** Re-keys the devices of a batch at the run's pace. */
async function run(
  input: z.infer<typeof rekeyBatchInput>,
  { log }: Pick<Invocation, "log">,
  { platform, objects, clock, sent }: Dependencies,
): Promise<z.infer<typeof rekeyBatchOutput>> {
  const pacer = createPacer(input.callsPerMinute, clock);
  sent.tell = pacer.sent;
  const rekey: BatchDependencies["rekey"] = async ({ line: _, timeout, ...device }) => {
    const endMs = clock.elapsed() + deviceMs;
    let begun = false;
    // The first call of a device has its slot already; a repeat or a reading back takes one of its own.
    const paced =
      <Arguments extends unknown[], Result>(call: (...args: Arguments) => Promise<Result>) =>
      async (...args: Arguments): Promise<Result> => {
        if (begun && !(await pacer.slot(endMs)))
          throw new RekeyError("PlatformThrottledError", "The run's pace leaves no time for another call");
        begun = true;
        return call(...args);
      };
    const { calls } = platform;
    const state = await auditedRekey(
      { ...device, timeoutSeconds: timeout, idempotencyKey: input.run },
      {
        platform: {
          ...platform,
          calls: {
            ...calls,
            refreshDeviceKey: paced(calls.refreshDeviceKey),
            deviceInfo: paced(calls.deviceInfo),
          },
        },
        clock,
        deadline: deadlineIn(deviceMs, clock),
        log,
        caller: `fleet run ${input.run}`,
      },
    );
    return state;
  };
  return workOff(input, { run: openRun(input.run, objects), pacer, clock, rekey });
}

/** The step of the workflow rekeyFleet that works; invoked directly only. */
export const rekeyBatch = defineOperation({
  input: rekeyBatchInput,
  output: rekeyBatchOutput,
  usesBucket: true,
  secrets: ["secretId", "sessionSecretId"],
  readAhead: false,
  dependencies: (sandbox): Dependencies => {
    const { config, clock, metrics } = sandbox;
    const sent = { tell: (_: number): void => undefined };
    const counted: Metrics = {
      ...metrics,
      count: (name, by = 1) => {
        if (name === "PlatformCalls") sent.tell(by);
        metrics.count(name, by);
      },
    };
    return {
      platform: createPlatform({ ...sandbox, ...config, metrics: counted }),
      objects: createObjectStore(config.fleetBucket, createS3Client(config.objectsEndpoint)),
      clock,
      sent,
    };
  },
  run,
});
