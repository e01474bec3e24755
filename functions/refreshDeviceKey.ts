import * as z from "zod/mini";
import { appId, deviceId, nodeId, timeoutSeconds, verifyCode } from "../shared/device.ts";
import { errorsOf, type RouteDescriptions } from "../shared/http/description.ts";
import { accessToken, idempotencyKey } from "../shared/http/fields.ts";
import { defineOperation, type Invocation } from "../shared/http/operation.ts";
import { idempotencyKeyOf } from "../shared/http/request.ts";
import { inBody, inHeader, inQuery } from "../shared/http/route-input.ts";
import { auditedRekey } from "../shared/platform/audited-rekey.ts";
import { createPlatform, type Platform } from "../shared/platform/client.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import { isoTime } from "../shared/runtime/clock.ts";

const requestedBy = z
  .string()
  .check(z.minLength(1), z.maxLength(256), z.regex(/^[^\p{C}]*$/u, "must have no control or format characters"));

/** A device and what its key is to become. */
export const refreshDeviceKeyInput = z.strictObject({
  deviceId,
  nodeId: z.optional(nodeId),
  verifyCode: z.optional(verifyCode),
  timeout: z.optional(timeoutSeconds),
  appId: z.optional(appId),
  accessToken: z.optional(accessToken),
  idempotencyKey: z.optional(idempotencyKey),
  expectedNodeId: z.optional(nodeId),
  /** False keeps the code out of the answer, and so out of a workflow's history; a repeat with the key brings it. */
  includeCode: z.optional(z.boolean()),
  /** Direct invocations only: on whose behalf, for the audit line; a workflow's step names its ticket or its execution. */
  requestedBy: z.optional(requestedBy),
});

/** The code that the new hardware needs, and until when. */
export const refreshDeviceKeyOutput = z.object({
  deviceId: z.string(),
  nodeId: z.optional(z.string()),
  verifyCode: z.optional(z.string()),
  timeout: z.nullable(z.number()),
  expiresAt: z.nullable(z.string()),
  replayed: z.boolean(),
});

type Input = z.infer<typeof refreshDeviceKeyInput>;
type Output = z.infer<typeof refreshDeviceKeyOutput>;

/** Re-keys one device. */
async function run(
  input: Input,
  { deadline, log, caller: invoker }: Invocation,
  { platform, clock }: { readonly platform: Platform; readonly clock: Clock },
): Promise<Output> {
  const { timeout, includeCode = true, requestedBy: principal, ...request } = input;
  const caller = principal === undefined ? invoker : `${invoker} for ${principal}`;
  const state = await auditedRekey({ ...request, timeoutSeconds: timeout }, { platform, clock, deadline, log, caller });
  return {
    deviceId: input.deviceId,
    ...(input.nodeId === undefined ? {} : { nodeId: input.nodeId }),
    ...(includeCode ? { verifyCode: state.verifyCode } : {}),
    timeout: state.timeoutSeconds,
    expiresAt: state.expiresAtMs === null ? null : isoTime(state.expiresAtMs),
    replayed: state.replayed,
  };
}

/** What the API's description says of it. */
export const descriptions = (): RouteDescriptions => ({
  "PUT /devices/{deviceId}/key": {
    operationId: "refreshDeviceKey",
    summary: "Re-keys one device: new hardware in the same place gets its verification code",
    answers: { 200: ["The code that the new hardware needs, and until when", refreshDeviceKeyOutput] },
    errors: Object.values(errorsOf).flat(),
  },
});

/** `PUT /devices/{deviceId}/key`, and invoked directly. */
export const refreshDeviceKey = defineOperation({
  input: refreshDeviceKeyInput,
  output: refreshDeviceKeyOutput,
  routes: {
    "PUT /devices/{deviceId}/key": {
      takes: [
        inBody("nodeId", "verifyCode", "timeout", "expectedNodeId"),
        inQuery("appId"),
        inHeader("accessToken", "X-Platform-Access-Token"),
        inHeader("idempotencyKey", "Idempotency-Key", idempotencyKeyOf),
      ],
    },
  },
  secrets: ["secretId", "sessionSecretId"],
  readAhead: ["secretId", "sessionSecretId"],
  dependencies: (sandbox) => ({ platform: createPlatform({ ...sandbox, ...sandbox.config }), clock: sandbox.clock }),
  run,
});
