import * as z from "zod/mini";
import { appId, deviceId } from "../shared/device.ts";
import { type ErrorName, RekeyError } from "../shared/errors.ts";
import { errorsOf, type RouteDescriptions } from "../shared/http/description.ts";
import { described } from "../shared/http/error-line.ts";
import { accessToken } from "../shared/http/fields.ts";
import { defineOperation, type Invocation } from "../shared/http/operation.ts";
import { inHeader, inQuery, ofRequest } from "../shared/http/route-input.ts";
import { createPlatform, type Platform } from "../shared/platform/client.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import type { Log } from "../shared/runtime/log.ts";

/** A device; without one, the service itself. */
export const statusCheckInput = z.strictObject({
  deviceId: z.optional(deviceId),
  appId: z.optional(appId),
  accessToken: z.optional(accessToken),
  /** Set by the open health route alone: answer without calling anything. */
  health: z.optional(z.literal(true)),
});

/** Whether a device can be re-keyed now, and if not by which errors it would be refused. */
export const deviceStatus = z.object({
  deviceId: z.string(),
  name: z.optional(z.string()),
  nodeId: z.optional(z.string()),
  activated: z.boolean(),
  /** ONLINE, OFFLINE, ABNORMAL, INACTIVE or another word of the platform; UNKNOWN when it says none. */
  status: z.string(),
  refreshable: z.boolean(),
  reasons: z.array(z.string()),
});

const part = z.object({ ok: z.boolean(), ms: z.int(), error: z.optional(z.string()) });

/** What the service needs, each with whether it works and how long it took to see. */
export const serviceStatus = z.object({ ok: z.boolean(), secret: part, session: part, platform: part });

/** The answer of the health route. */
export const healthStatus = z.object({ ok: z.literal(true) });

export const statusCheckOutput = z.union([deviceStatus, serviceStatus, healthStatus]);

type Input = z.infer<typeof statusCheckInput>;
type Part = z.infer<typeof part>;
// Nothing that was kept for as long as this is believed: the secret is read now.
const maxAgeMs = 1;

interface Dependencies {
  readonly platform: Platform;
  readonly clock: Clock;
}

/** The state of a device, of the service, or of this function alone. */
async function run(
  input: Input,
  invocation: Invocation,
  dependencies: Dependencies,
): Promise<z.infer<typeof statusCheckOutput>> {
  if (input.health === true) return { ok: true };
  if (input.deviceId === undefined) return checkService(invocation, dependencies);
  return checkDevice({ ...input, deviceId: input.deviceId }, invocation, dependencies);
}

async function checkDevice(
  { deviceId, appId, accessToken }: Input & { deviceId: string },
  { deadline }: Invocation,
  { platform }: Dependencies,
): Promise<z.infer<typeof deviceStatus>> {
  const authorization = platform.authorize(deadline, accessToken);
  const activation = await authorization.call((context) =>
    platform.calls.activationStatus(context, { deviceId, appId }),
  );
  const device = await authorization.call((context) => platform.calls.deviceInfo(context, { deviceId, appId }));
  const status = device.status ?? "UNKNOWN";
  const reasons: ErrorName[] = [];
  if (!activation.activated) reasons.push("DeviceNotActiveError");
  if (status === "ONLINE") reasons.push("DeviceOnlineError");
  const name = activation.name ?? device.name;
  return {
    deviceId,
    ...(name == null ? {} : { name }),
    ...(device.nodeId == null ? {} : { nodeId: device.nodeId }),
    activated: activation.activated,
    status,
    refreshable: reasons.length === 0,
    reasons,
  };
}

/** What a read of a device that does not exist brings where the token is taken, by how an installation looks at it. */
const expected: readonly ErrorName[] = ["DeviceNotFoundError", "ApplicationNotAuthorizedError", "InvalidInputError"];
const noDevice = "rekey-status-check";
const longestReadMs = 5_000;

async function checkService(
  { deadline, log }: Invocation,
  { platform, clock }: Dependencies,
): Promise<z.infer<typeof serviceStatus>> {
  const { calls, credentials, session } = platform;
  const timed = async (part: string, check: () => Promise<unknown>): Promise<Part> => {
    const startedAtMs = clock.elapsed();
    const ms = () => Math.round(clock.elapsed() - startedAtMs);
    try {
      await check();
      return { ok: true, ms: ms() };
    } catch (error) {
      return { ok: false, ms: ms(), error: tellFault(log, part, error) };
    }
  };
  let accessToken: string | undefined;
  const [secret, stored] = await Promise.all([
    timed("secret", () => credentials.get(deadline, maxAgeMs)),
    // A session without a token is no fault: the first refresh logs in.
    timed("session", async () => {
      const { token, fault } = await session.look(deadline);
      accessToken = token?.accessToken;
      if (fault !== undefined) throw fault;
    }),
  ]);
  const connection = await timed("platform", async () => {
    const current = await credentials.get(deadline);
    await calls.probe(current, deadline);
    if (accessToken === undefined) return;
    const timeoutMs = Math.max(1, Math.min(longestReadMs, deadline.remaining()));
    await calls
      .deviceInfo({ credentials: current, accessToken, timeoutMs }, { deviceId: noDevice })
      .catch((error: unknown) => {
        if (!(error instanceof RekeyError && expected.includes(error.name))) throw error;
      });
  });
  return { ok: secret.ok && stored.ok && connection.ok, secret, session: stored, platform: connection };
}

/** One line for a part that fails; its outcome is what the runbook looks for. @returns the error's name */
function tellFault(log: Log, part: string, error: unknown): string {
  const isOurs = error instanceof RekeyError;
  const outcome = isOurs ? error.name : "UnexpectedError";
  const fields = {
    part,
    outcome,
    detail: isOurs ? error.message : undefined,
    field: isOurs ? error.faults?.map(({ path }) => path).join(", ") : undefined,
    platformCode: isOurs ? error.platformCode : undefined,
    cause: isOurs && error.cause === undefined ? undefined : described(isOurs ? error.cause : error),
  };
  if (outcome === "ConfigurationError" || !isOurs) log.error("Service is not well", fields);
  else log.warn("Service is not well", fields);
  return isOurs ? outcome : "InternalError";
}

/** What the API's description says of it. */
export const descriptions = (): RouteDescriptions => ({
  "GET /devices/{deviceId}/status": {
    operationId: "deviceStatus",
    summary: "Says whether a device can be re-keyed now, and if not why",
    answers: { 200: ["The device's state", deviceStatus] },
    errors: [...errorsOf.edge, ...errorsOf.session, ...errorsOf.platform, ...errorsOf.device],
  },
  "GET /status": {
    operationId: "serviceStatus",
    summary: "Says whether the service can work; logs in nowhere",
    answers: {
      200: ["All is well", serviceStatus],
      503: ["Something does not work: its part says which error", serviceStatus],
    },
    errors: errorsOf.edge,
  },
  "GET /health": {
    operationId: "health",
    summary: "Answers from the function alone",
    answers: { 200: ["It answers", healthStatus] },
    errors: ["MethodNotAllowedError"],
  },
});

/**
 * `GET /devices/{deviceId}/status`, `GET /status`, `GET /health`, and invoked directly; it also refuses every route that
 * does not exist.
 */
export const statusCheck = defineOperation({
  input: statusCheckInput,
  output: statusCheckOutput,
  routes: {
    "GET /devices/{deviceId}/status": {
      takes: [inQuery("appId"), inHeader("accessToken", "X-Platform-Access-Token")],
    },
    "GET /status": { takes: [inQuery()] },
    "GET /health": { open: true, takes: [ofRequest(() => ({ health: true }))] },
  },
  isDefault: true,
  secrets: ["secretId", "sessionSecretId"],
  readAhead: [],
  dependencies: (sandbox) => ({ platform: createPlatform({ ...sandbox, ...sandbox.config }), clock: sandbox.clock }),
  run,
  statusOf: (output) => ("ok" in output && !output.ok ? 503 : 200),
});
