import * as z from "zod/mini";
import { RekeyError } from "../shared/errors.ts";
import { errorsOf, type RouteDescriptions } from "../shared/http/description.ts";
import { defineOperation, type Invocation } from "../shared/http/operation.ts";
import { rawBodyOf } from "../shared/http/request.ts";
import { ofRequest } from "../shared/http/route-input.ts";
import { imeiWarnings } from "../shared/imei.ts";
import { auditedRekey } from "../shared/platform/audited-rekey.ts";
import { createPlatform, type Platform } from "../shared/platform/client.ts";
import { type Deadline, deadlineIn, isoTime } from "../shared/runtime/clock.ts";
import { createWorkflow } from "../shared/runtime/workflow.ts";
import { type CarriedOut, carryOut, type Means, tellFaults } from "../shared/webhook/carry-out.ts";
import { checkSources } from "../shared/webhook/check.ts";
import { type Order, type Reading, readDelivery } from "../shared/webhook/delivery.ts";
import { allSettled } from "../shared/webhook/events.ts";
import { ignore } from "../shared/webhook/ignored.ts";
import { asSenderSees } from "../shared/webhook/presets.ts";
import type { Source } from "../shared/webhook/source.ts";
import { createSources, type Sources } from "../shared/webhook/sources.ts";
import type { Delivery } from "../shared/webhook/ticket.ts";
import { verify } from "../shared/webhook/verify.ts";

/** A delivery as it came; raw bytes, so that nothing but an HTTP request can make one. */
const deliveryInput = z.strictObject({
  source: z.string(),
  headers: z.record(z.string(), z.optional(z.string())),
  body: z.instanceof(Uint8Array),
});

/** Asks of every source whether it can verify and be read; invoked directly. */
const checkInput = z.strictObject({ check: z.literal(true) });

export const ticketWebhookInput = z.union([checkInput, deliveryInput]);

/** 200 for a sender that reads the answer (`reply: "result"`): the code that the new hardware needs, and until when. */
export const deliveryResult = z.object({
  operationId: z.string(),
  deviceId: z.string(),
  nodeId: z.optional(z.string()),
  verifyCode: z.string(),
  timeout: z.nullable(z.number()),
  expiresAt: z.nullable(z.string()),
  replayed: z.boolean(),
  /** What should be looked at: an IMEI whose check digit does not fit. */
  warnings: z.optional(z.array(z.string())),
});

/** 200 for a sender that must not see a refusal as one: it was received, and why nothing came of it. */
export const deliveryRefused = z.object({ operationId: z.optional(z.string()), code: z.string(), detail: z.string() });

/** 202: received, and what comes of it is told on the ticket. */
export const deliveryAccepted = z.object({
  operationId: z.string(),
  /** One for each event, where a delivery held several. */
  operationIds: z.optional(z.array(z.string())),
});

/** 204: none of our business; the answer has no body. */
export const deliveryIgnored = z.object({ ignored: z.literal(true) });

/** What a check found; nothing of it holds a secret. */
export const checkOutput = z.object({
  ok: z.boolean(),
  sources: z.record(
    z.string(),
    z.object({
      ok: z.boolean(),
      faults: z.optional(z.array(z.object({ path: z.string(), message: z.string() }))),
    }),
  ),
});

export const ticketWebhookOutput = z.union([
  checkOutput,
  deliveryResult,
  deliveryRefused,
  deliveryAccepted,
  deliveryIgnored,
]);

type Input = z.infer<typeof deliveryInput>;
type Output = z.infer<typeof ticketWebhookOutput>;

interface Dependencies extends Omit<Means, "rekey"> {
  readonly platform: Platform;
  readonly sources: Sources;
}

/** A delivery, and in whose name what it asks for is done. */
type Called = Delivery & Pick<Invocation, "caller">;

type Asking = Exclude<Reading, { kind: "ignored" }>;

const maxBodyBytes = 1024 * 1024;

function run(
  input: z.infer<typeof ticketWebhookInput>,
  invocation: Invocation,
  dependencies: Dependencies,
): Promise<Output> {
  return "check" in input ? check(invocation.deadline, dependencies) : receive(input, invocation, dependencies);
}

async function check(deadline: Deadline, { sources }: Dependencies): Promise<z.infer<typeof checkOutput>> {
  const found = [...(await checkSources(sources, deadline))];
  return {
    ok: found.every(([, faults]) => faults.length === 0),
    sources: Object.fromEntries(
      found.map(([name, faults]) => [name, faults.length === 0 ? { ok: true } : { ok: false, faults: [...faults] }]),
    ),
  };
}

/**
 * A verified delivery becomes a re-key: handed to the workflow where the answer may not tell the code, done within the
 * answer where it may.
 *
 * @throws SignatureError an unknown source, one without a secret, a delivery that does not verify; else what the
 * sender shall see of the platform's errors
 */
async function receive(input: Input, invocation: Invocation, dependencies: Dependencies): Promise<Output> {
  const { clock, sources } = dependencies;
  const startedAtMs = clock.elapsed();
  const configured = await sources.get(input.source, invocation.deadline);
  if (configured === undefined) throw new RekeyError("SignatureError", "The signature does not verify");
  // A stranger learns nothing of a malformed source, as far as strangers can be told.
  const { scheme, secrets, preset } = configured.gate ?? configured.ready();
  const proof = verify(scheme, secrets, { headers: input.headers, body: input.body, nowMs: clock.now() });
  const leftMs = preset.answerWithinMs - (clock.elapsed() - startedAtMs);
  const deadline = deadlineIn(Math.min(invocation.deadline.remaining(), leftMs), clock);
  let operationId: string | undefined;
  try {
    const source = configured.ready();
    const readings = await readDelivery(source, { ...input, proof }, deadline.remaining());
    const asking = readings.filter((reading) => reading.kind !== "ignored");
    const [first] = asking;
    if (first === undefined) return ignore(readings, source.name, invocation.log);
    operationId = first.order.operationId;
    const delivery = { ...invocation, source, deadline, caller: `webhook ${source.name}` };
    return asOne(await allSettled(asking.map((reading) => actOn(reading, delivery, dependencies))));
  } catch (error) {
    if (!(error instanceof RekeyError)) throw error;
    const seen = asSenderSees(error, preset);
    if (seen.status !== 200) throw seen;
    invocation.log.info("Delivery refused", { source: input.source, operationId, error: error.name });
    return { ...(operationId === undefined ? {} : { operationId }), code: error.name, detail: error.message };
  }
}

async function actOn(reading: Asking, invocation: Called, dependencies: Dependencies): Promise<Output> {
  const { source, deadline, caller } = invocation;
  const log = invocation.log.with({ source: source.name, operationId: reading.order.operationId });
  const delivery = { ...invocation, log };
  const { platform, clock } = dependencies;
  const rekey = ({ device: { timeout, ...device }, idempotencyKey }: Order) => {
    const verifyCode = source.code === "nodeId" ? device.nodeId : undefined;
    const request = { ...device, verifyCode, timeoutSeconds: timeout, idempotencyKey };
    return auditedRekey(request, { platform, clock, deadline, log, caller });
  };
  const means = { ...dependencies, rekey };
  if (reading.kind === "order") return answerOf(reading.order, source, await carryOut(reading.order, delivery, means));
  await tellFaults(reading, delivery, means);
  throw reading.error;
}

function answerOf({ device }: Order, { imei }: Source, { operationId, issued }: CarriedOut): Output {
  if (issued === undefined) return { operationId };
  const { verifyCode, timeoutSeconds: timeout, expiresAtMs, replayed } = issued;
  const { deviceId, nodeId } = device;
  const warnings = imeiWarnings(nodeId, imei);
  return {
    operationId,
    deviceId,
    ...(nodeId === undefined ? {} : { nodeId }),
    verifyCode,
    timeout,
    expiresAt: expiresAtMs === null ? null : isoTime(expiresAtMs),
    replayed,
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

/** One answer for all events of a delivery; only an `ack` has several. */
function asOne(outputs: readonly Output[]): Output {
  const [first = { ignored: true }] = outputs;
  if (outputs.length < 2 || !("operationId" in first)) return first;
  const operationIds = outputs.flatMap((output) => ("operationId" in output ? [output.operationId ?? ""] : []));
  return { operationId: first.operationId ?? "", operationIds };
}

/** What the API's description says of it. */
export const descriptions = (): RouteDescriptions => ({
  "POST /webhooks/{source}": {
    operationId: "ticketWebhook",
    summary: "Takes a ticketing system's event, as that system signs it; the sender's signature guards the route",
    description: "Errors come with the status that the sender's preset asks for: see docs/tickets.md.",
    answers: {
      200: [
        "For senders that read the answer: the code. For senders that must not see a refusal: why nothing came of it",
        deliveryResult,
        deliveryRefused,
      ],
      202: ["Received; what comes of it is told on the ticket", deliveryAccepted],
      204: ["None of our business"],
    },
    errors: [
      ...(["SignatureError", "PayloadTooLargeError", "InvalidInputError"] as const),
      ...[...errorsOf.session, ...errorsOf.platform, ...errorsOf.device, ...errorsOf.change],
    ],
    otherStatuses: true,
  },
});

/** `POST /webhooks/{source}`. */
export const ticketWebhook = defineOperation({
  input: ticketWebhookInput,
  output: ticketWebhookOutput,
  routes: {
    "POST /webhooks/{source}": {
      open: true,
      ownRequestId: true,
      takes: [ofRequest((event) => ({ headers: event.headers, body: rawBodyOf(event, maxBodyBytes) }))],
    },
  },
  secrets: ["webhooksSecretId", "secretId", "sessionSecretId"],
  readAhead: ["webhooksSecretId"],
  dependencies: (sandbox): Dependencies => {
    const { config, clock, log, metrics, secrets } = sandbox;
    return {
      platform: createPlatform({ ...sandbox, ...config }),
      sources: createSources(secrets, config.webhooksSecretId, clock, log),
      workflow: config.workflowArn === "" ? undefined : createWorkflow(config.workflowArn),
      clock,
      metrics,
    };
  },
  run,
  statusOf: (output) => {
    if ("ignored" in output) return 204;
    return "code" in output || "verifyCode" in output ? 200 : 202;
  },
});
