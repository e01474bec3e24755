import * as z from "zod/mini";
import { conclude } from "../shared/fleet/concluding.ts";
import { fleetCounts } from "../shared/fleet/counts.ts";
import type { CodeOf } from "../shared/fleet/lines.ts";
import { openRun } from "../shared/fleet/run-store.ts";
import { defineOperation, type Invocation } from "../shared/http/operation.ts";
import { type CredentialStore, createCredentialStore } from "../shared/platform/credentials.ts";
import { codeKeyIdOf, deriveVerificationCode } from "../shared/platform/verification-code.ts";
import type { Clock, Deadline } from "../shared/runtime/clock.ts";
import { createObjectStore, createS3Client, type ObjectStore } from "../shared/runtime/objects.ts";

/** A round that has ended. */
export const concludeRoundInput = z.strictObject({
  execution: z.string(),
  manifestKey: z.string(),
  /** What planFleet answered as the run's input; only these are heeded. */
  input: z.object({
    run: z.string(),
    /** How long after its first try a device that waits is tried again. */
    limitSeconds: z.int().check(z.minimum(0)),
    toleratedFailurePercentage: z.number(),
    maxFailures: z.int(),
    includeCode: z.boolean(),
  }),
  /** The round was broken off: write down what is known, begin no other. */
  stopped: z._default(z.boolean(), false),
});

/** How the run stands, and what comes next. */
export const concludeRoundOutput = z.object({
  state: z.enum(["running", "finished", "stopped"]),
  finished: z.boolean(),
  total: z.int(),
  ...fleetCounts.shape,
  round: z.int(),
  manifestKey: z.string(),
  /** For how long the next round waits before its first batch. */
  waitSeconds: z.int(),
  /** JSON lines, one a device. */
  resultKey: z.string(),
  /** Lines that are done and not in this input; absent: none. */
  removed: z.optional(z.int()),
  /** Lines whose turn did not come before the run stopped; absent: none. */
  untried: z.optional(z.int()),
  /** Why the run ended badly, by the name of the error and in its words. */
  error: z.optional(z.string()),
  cause: z.optional(z.string()),
});

interface Dependencies {
  readonly objects: ObjectStore;
  readonly credentials: CredentialStore;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
}

async function run(
  { input, ...round }: z.infer<typeof concludeRoundInput>,
  { deadline }: Pick<Invocation, "deadline">,
  { objects, credentials, clock, random }: Dependencies,
): Promise<z.infer<typeof concludeRoundOutput>> {
  const { run: name, maxFailures, includeCode, ...limits } = input;
  const store = openRun(name, objects);
  const codeOf = includeCode ? await codesOf(name, credentials, deadline) : undefined;
  const conclusion = { ...round, ...limits, maxFailures: maxFailures === 0 ? undefined : maxFailures };
  const { state, ...concluded } = await conclude(conclusion, { store, clock, random, codeOf });
  return { ...concluded, state, finished: state === "finished", resultKey: store.resultKey };
}

/** Derives codes again, without a call: those that were derived with the key that the secret holds now. */
async function codesOf(run: string, credentials: CredentialStore, deadline: Deadline): Promise<CodeOf> {
  const { codeKey, appId: ownAppId } = await credentials.get(deadline);
  if (codeKey === undefined) return () => undefined;
  const keyId = codeKeyIdOf(codeKey, ownAppId);
  return ({ codeKeyId, deviceId, nodeId, appId = ownAppId }) => {
    if (codeKeyId !== keyId) return undefined;
    return deriveVerificationCode(codeKey, { appId, deviceId, nodeId, idempotencyKey: run });
  };
}

/** Step of the workflow rekeyFleet after each round; invoked directly only. */
export const concludeRound = defineOperation({
  input: concludeRoundInput,
  output: concludeRoundOutput,
  usesBucket: true,
  secrets: ["secretId"],
  readAhead: [],
  dependencies: ({ config, clock, secrets }) => ({
    objects: createObjectStore(config.fleetBucket, createS3Client(config.objectsEndpoint)),
    credentials: createCredentialStore(secrets, config.secretId, clock),
    clock,
    random: Math.random,
  }),
  run,
});
