import * as z from "zod/mini";
import { workOff } from "../shared/fleet/batch.ts";
import type { FleetLine } from "../shared/fleet/lines.ts";
import { Pacer } from "../shared/fleet/pacer.ts";
import { batchEntry, openRun } from "../shared/fleet/run-store.ts";
import type { RekeyOne } from "../shared/fleet/shift.ts";
import { createTurns } from "../shared/fleet/turns.ts";
import { defineOperation, type Invocation } from "../shared/http/operation.ts";
import { auditedRekey } from "../shared/platform/audited-rekey.ts";
import { createPlatform, type Platform } from "../shared/platform/client.ts";
import { codeKeyIdOf } from "../shared/platform/verification-code.ts";
import { type Clock, deadlineIn } from "../shared/runtime/clock.ts";
import { createObjectStore, createS3Client, type ObjectStore } from "../shared/runtime/objects.ts";

/** One batch of a round. */
export const rekeyBatchInput = z.strictObject({
  execution: z.string(),
  item: batchEntry,
  /** What is left of a wait that was begun. */
  leftSeconds: z.int().check(z.minimum(0)),
  /** What planFleet answered as the run's input; only these are heeded. */
  input: z.object({
    run: z.string(),
    callsPerMinute: z.int().check(z.minimum(1), z.maximum(100_000)),
    toleratedFailurePercentage: z.number().check(z.minimum(0), z.maximum(100)),
    maxFailures: z.int(),
    canary: z.int(),
  }),
});

/** What the batch came to. */
export const rekeyBatchOutput = z.object({
  done: z.int(),
  failed: z.int(),
  waiting: z.int(),
  /** It is over, or to be tried again after a while, or the run stops. */
  next: z.enum(["over", "again", "stop"]),
  /** Before it is invoked again. */
  waitSeconds: z.int(),
  /** Of the wait, after that. */
  leftSeconds: z.int(),
});

interface Dependencies {
  readonly platform: Platform;
  readonly objects: ObjectStore;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  /** Whom the platform's client asks before it sends: open while a batch is worked on. */
  readonly pacer: Pacer;
}

const deviceMs = 20_000;

/** Re-keys the devices of a batch at the run's pace. */
async function run(
  { execution, item, leftSeconds, input }: z.infer<typeof rekeyBatchInput>,
  { log }: Pick<Invocation, "log">,
  { platform, objects, clock, random, pacer }: Dependencies,
): Promise<z.infer<typeof rekeyBatchOutput>> {
  const { run: name, maxFailures, toleratedFailurePercentage, callsPerMinute, canary } = input;
  const rekey: RekeyOne = async (line) => {
    const deadline = deadlineIn(deviceMs, clock);
    const caller = `fleet run ${name}`;
    const request = { ...requestOf(line), idempotencyKey: name };
    const { expiresAtMs, replayed } = await auditedRekey(request, { platform, clock, deadline, log, caller });
    if (line.verifyCode !== undefined) return { expiresAtMs, replayed };
    const { codeKey, appId } = await platform.authorize(deadline).credentials();
    return { expiresAtMs, replayed, codeKeyId: codeKey && codeKeyIdOf(codeKey, appId) };
  };
  const batch = {
    ...{ ...item, execution, leftSeconds, callsPerMinute, toleratedFailurePercentage, hasCanary: canary > 0 },
    maxFailures: maxFailures === 0 ? undefined : maxFailures,
  };
  const turns = createTurns(objects, name, `${name}/${execution}`, clock);
  return workOff(batch, { store: openRun(name, objects), pacer, turns, clock, random, rekey });
}

function requestOf({ deviceId, nodeId, expectedNodeId, verifyCode, timeout, appId }: FleetLine) {
  return { deviceId, nodeId, expectedNodeId, verifyCode, timeoutSeconds: timeout, appId };
}

/** The step of the workflow rekeyFleet that works; invoked directly only. */
export const rekeyBatch = defineOperation({
  input: rekeyBatchInput,
  output: rekeyBatchOutput,
  usesBucket: true,
  secrets: ["secretId", "sessionSecretId"],
  readAhead: [],
  dependencies: (sandbox): Dependencies => {
    const { config, clock } = sandbox;
    const pacer = new Pacer(clock);
    return {
      platform: createPlatform({ ...sandbox, ...config, permission: (withinMs) => pacer.permit(withinMs) }),
      objects: createObjectStore(config.fleetBucket, createS3Client(config.objectsEndpoint)),
      clock,
      random: Math.random,
      pacer,
    };
  },
  run,
});
