import * as z from "zod/mini";
import { RekeyError } from "../shared/errors.ts";
import { type BatchDependencies, workOff } from "../shared/fleet/batch.ts";
import { createPacer } from "../shared/fleet/pacer.ts";
import { openRun, runName } from "../shared/fleet/run.ts";
import { createHandler, type Invocation } from "../shared/http/handler.ts";
import { auditedRefresh } from "../shared/platform/audit.ts";
import { createPlatform } from "../shared/platform/platform.ts";
import { deadlineIn } from "../shared/runtime/clock.ts";
import { readAwsAccess } from "../shared/runtime/config.ts";
import { createObjectStore } from "../shared/runtime/objects.ts";
import { createRuntime } from "../shared/runtime/runtime.ts";

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

const runtime = createRuntime();
const { config, clock, metrics } = runtime;
const objects = createObjectStore({ bucket: config.fleetBucket, access: readAwsAccess(), clock });
let onSent: (requests: number) => void = () => undefined;
const platform = createPlatform({
  ...runtime,
  ...config,
  metrics: {
    ...metrics,
    count: (name, by = 1) => {
      if (name === "PlatformCalls") onSent(by);
      metrics.count(name, by);
    },
  },
});

const deviceMs = 20_000;

/** Re-keys the devices of a batch at the run's pace. */
export async function run(
  input: z.infer<typeof rekeyBatchInput>,
  { log }: Pick<Invocation, "log">,
): Promise<z.infer<typeof rekeyBatchOutput>> {
  const pacer = createPacer(input.callsPerMinute, clock);
  onSent = pacer.sent;
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
    const state = await auditedRefresh(
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
export const handler = createHandler(
  { name: "rekeyBatch", input: rekeyBatchInput, output: rekeyBatchOutput, fromHttp: () => ({}), run },
  runtime,
);
