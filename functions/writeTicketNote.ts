import * as z from "zod/mini";
import { codeOrigin } from "../shared/device.ts";
import { RekeyError } from "../shared/errors.ts";
import { defineOperation, type Invocation } from "../shared/http/operation.ts";
import { imeiWarnings } from "../shared/imei.ts";
import { type CredentialStore, createCredentialStore } from "../shared/platform/credentials.ts";
import { deriveVerificationCode } from "../shared/platform/verification-code.ts";
import type { Clock, Deadline } from "../shared/runtime/clock.ts";
import type { Metrics } from "../shared/runtime/metrics.ts";
import type { Success } from "../shared/webhook/note.ts";
import { writeNote } from "../shared/webhook/notes.ts";
import { createSources, type Sources } from "../shared/webhook/sources.ts";
import { noteTexts } from "../shared/webhook/ticket.ts";
import { isTicketId, mayHoldCode, type TicketApi } from "../shared/webhook/ticket-api.ts";

const text = z.optional(z.nullable(z.string()));
const refused = z.object({ ok: z.literal(false), error: z.string(), detail: text, advice: text });
const done = z.object({
  ok: z.literal(true),
  verifyCode: text,
  timeout: z.nullable(z.number()),
  expiresAt: z.nullable(z.string()),
});

/** What the workflow rekeyDevice knows at its end. */
export const writeTicketNoteInput = z.object({
  ticket: z.object({
    source: z.string(),
    ticketId: z.string().check(z.refine(isTicketId)),
    operationId: z.string().check(z.regex(/^[\w-]{8,80}$/)),
    tryOf: z.optional(z.string().check(z.regex(/^[0-9a-f]{12}$/))),
    requestId: text,
    requester: text,
  }),
  request: z.object({
    ...{ deviceId: text, nodeId: text, appId: text },
    idempotencyKey: z.string(),
    code: z.nullish(codeOrigin),
  }),
  outcome: z.union([done, refused]),
});

/** Whether a note was written now; false when the ticket had it already. */
export const writeTicketNoteOutput = z.object({ written: z.boolean() });

type Input = z.infer<typeof writeTicketNoteInput>;

interface Dependencies {
  readonly sources: Sources;
  readonly credentials: CredentialStore;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/**
 * Tells the ticket what came of its re-key. The code is derived here, from what it was derived from before, so that no
 * history of the workflow has to hold it.
 *
 * @throws ConfigurationError the source has no ticket API; NoteFailedError, to be tried again
 */
async function run(
  { ticket, request, outcome }: Input,
  { deadline, log }: Pick<Invocation, "deadline" | "log">,
  { sources, credentials, clock, metrics }: Dependencies,
): Promise<z.infer<typeof writeTicketNoteOutput>> {
  const source = (await sources.get(ticket.source, deadline))?.ready();
  const api = source?.ticket;
  if (api === undefined) {
    throw new RekeyError("ConfigurationError", "The webhook source has no ticket API", { cause: ticket.source });
  }
  const { ticketId, operationId, tryOf } = ticket;
  const told = {
    ...{ operationId, tryOf },
    deviceId: request.deviceId ?? undefined,
    nodeId: request.nodeId ?? undefined,
    requester: ticket.requester ?? undefined,
    idempotencyKey: request.idempotencyKey,
    requestId: ticket.requestId ?? undefined,
    warnings: imeiWarnings(request.nodeId, source?.imei),
    outcome: outcome.ok
      ? await success(outcome, request, api, { credentials, deadline })
      : { ...outcome, detail: outcome.detail ?? undefined, advice: outcome.advice ?? undefined },
  };
  try {
    const written = await writeNote(api, { ...told, ticketId, ...noteTexts(told, api, clock) }, deadline);
    log.info("Note written", { source: ticket.source, ticketId, operationId, written });
    return { written };
  } catch (error) {
    metrics.count("NotesFailed");
    throw error;
  }
}

async function success(
  { verifyCode, timeout, expiresAt }: z.infer<typeof done>,
  { deviceId, nodeId, appId, idempotencyKey, code }: Input["request"],
  api: TicketApi,
  { credentials, deadline }: { readonly credentials: CredentialStore; readonly deadline: Deadline },
): Promise<Success> {
  const ended = { ok: true, timeout, expiresAtMs: expiresAt === null ? null : Date.parse(expiresAt), code } as const;
  if (code === "nodeId" || !mayHoldCode(api)) return { ...ended, verifyCode: undefined };
  if (verifyCode != null) return { ...ended, verifyCode };
  const { codeKey, appId: ownAppId } = await credentials.get(deadline);
  if (codeKey === undefined) throw new RekeyError("ConfigurationError", "The application secret has no codeKey");
  const origin = { appId: appId ?? ownAppId, deviceId: deviceId ?? "", nodeId: nodeId ?? undefined, idempotencyKey };
  return { ...ended, verifyCode: deriveVerificationCode(codeKey, origin) };
}

/** The last step of the workflow rekeyDevice for a ticket; invoked directly only. */
export const writeTicketNote = defineOperation({
  input: writeTicketNoteInput,
  output: writeTicketNoteOutput,
  secrets: ["webhooksSecretId", "secretId"],
  readAhead: ["webhooksSecretId"],
  dependencies: ({ config, clock, log, metrics, secrets }) => ({
    sources: createSources(secrets, config.webhooksSecretId, clock, log),
    credentials: createCredentialStore(secrets, config.secretId, clock),
    clock,
    metrics,
  }),
  run,
});
