import { RekeyError } from "../errors.ts";
import type { Clock, Deadline } from "../runtime/clock.ts";
import { defaultTimeoutSeconds } from "../seconds.ts";
import type { Authorization } from "./authorization.ts";
import type { Platform } from "./client.ts";
import {
  type DeviceState,
  type Happening,
  type IssuedCode,
  next,
  noTime,
  nothingYet,
  type Rekeyed,
  type Step,
} from "./convergence.ts";
import { deriveVerificationCode } from "./verification-code.ts";

/** A device and the state that is wanted for it. */
export interface RekeyRequest {
  readonly deviceId: string;
  /** Identity of the new hardware; absent: unchanged. */
  readonly nodeId?: string | undefined;
  /** Absent: derived from the idempotency key, or made by the platform. */
  readonly verifyCode?: string | undefined;
  /** Seconds until the code ends; absent: the platform's 180; 0: never. */
  readonly timeoutSeconds?: number | undefined;
  /** The application that owns the device, when it is not ours. */
  readonly appId?: string | undefined;
  readonly accessToken?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  /** The nodeId that the device must still have, unless it has the wanted one. */
  readonly expectedNodeId?: string | undefined;
}

interface RekeyDependencies {
  readonly platform: Platform;
  readonly clock: Clock;
  readonly deadline: Deadline;
}

// No change is begun with less than this left: its answer could not be waited for.
const leastMs = 1_000;
const answerReserveMs = 250;
const longestReadMs = 5_000;

/**
 * Brings a device to the wanted state: new nodeId, new code.
 *
 * With a code known beforehand (given, or derived from the idempotency key) the same request asks for the same state
 * for ever, so a change whose answer was lost is asked for again, after reading back what came of it. Without one
 * nothing is sent twice.
 *
 * @throws the platform's errors by name; NodeIdChangedError; OutcomeUnknownError when a change's outcome stays unknown
 */
export async function rekeyDevice(request: RekeyRequest, dependencies: RekeyDependencies): Promise<Rekeyed> {
  const { platform, deadline } = dependencies;
  const authorization = platform.authorize(deadline, request.accessToken);
  const code = request.verifyCode ?? (await derivedCode(request, authorization));
  const { nodeId, expectedNodeId } = request;
  const wish = { nodeId, code, expectedNodeId };
  let [known, step] = next(wish, nothingYet, { kind: "begun" });
  while (step.kind === "change" || step.kind === "read") {
    const happening = await takeStep(step, { ...dependencies, request, code, authorization });
    [known, step] = next(wish, known, happening);
  }
  if (step.kind === "fail") throw step.error;
  return step.state;
}

async function derivedCode(
  { idempotencyKey, deviceId, nodeId, appId }: RekeyRequest,
  authorization: Authorization,
): Promise<string | undefined> {
  if (idempotencyKey === undefined) return undefined;
  const credentials = await authorization.credentials();
  if (credentials.codeKey === undefined) {
    throw new RekeyError("ConfigurationError", "The application secret has no codeKey, which an idempotency key needs");
  }
  return deriveVerificationCode(credentials.codeKey, {
    appId: appId ?? credentials.appId,
    deviceId,
    nodeId,
    idempotencyKey,
  });
}

interface Way extends RekeyDependencies {
  readonly request: RekeyRequest;
  readonly code: string | undefined;
  readonly authorization: Authorization;
}

/** Takes a step within the time that is left. @throws what is not of the family */
async function takeStep(step: Extract<Step, { kind: "change" | "read" }>, way: Way): Promise<Happening> {
  const { clock, deadline } = way;
  try {
    if (step.kind === "read") return { kind: "read", device: await readDevice(way) };
    if (deadline.remaining() < step.pauseMs + leastMs) return { kind: "late" };
    if (step.pauseMs > 0) await clock.sleep(step.pauseMs);
    return { kind: "changed", issued: await changeKey(step.nodeId, way) };
  } catch (error) {
    if (!(error instanceof RekeyError)) throw error;
    return { kind: step.kind === "read" ? "notRead" : "notChanged", error };
  }
}

async function changeKey(
  nodeId: string | undefined,
  { request, code, authorization, platform, clock, deadline }: Way,
): Promise<IssuedCode> {
  const { deviceId, appId, timeoutSeconds } = request;
  // What can be sent again leaves time for that; what cannot waits for as long as there is.
  const leftMs = deadline.remaining() - answerReserveMs;
  const limitMs = code === undefined ? leftMs : Math.min(leftMs, 10_000, Math.max(3_500, leftMs / 2));
  // The code's time runs from when the platform hears of it; ours starts earlier, so we never promise too much.
  const sentAtMs = clock.now();
  const reply = await authorization.call(async (context) => {
    // The pause before it may have been longer, and its token may have had to be renewed.
    if (deadline.remaining() < leastMs) throw noTime();
    return platform.calls.refreshDeviceKey(context, { deviceId, appId }, { nodeId, verifyCode: code, timeoutSeconds });
  }, limitMs);
  const seconds = reply.timeoutSeconds ?? timeoutSeconds ?? defaultTimeoutSeconds;
  return {
    verifyCode: reply.verifyCode,
    timeoutSeconds: seconds,
    expiresAtMs: seconds === 0 ? null : sentAtMs + seconds * 1000,
  };
}

function readDevice({ request: { deviceId, appId }, authorization, platform, deadline }: Way): Promise<DeviceState> {
  const limitMs = Math.min(longestReadMs, Math.max(1, deadline.remaining() - answerReserveMs));
  return authorization.call(
    (context) => platform.calls.deviceInfo(context, { deviceId, appId }),
    // A change shall still fit in after it.
    Math.max(Math.min(limitMs, 1_000), Math.min(limitMs, deadline.remaining() / 2)),
  );
}
