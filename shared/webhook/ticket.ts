import { RekeyError } from "../errors.ts";
import { imeiWarnings } from "../imei.ts";
import { type Clock, type Deadline, deadlineIn } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { Order } from "./delivery.ts";
import { noteText, type Told } from "./note.ts";
import { whatIsTold, writeNote } from "./notes.ts";
import type { Source } from "./source.ts";
import { markupOf, mayHoldCode, type TicketApi } from "./ticket-api.ts";

/** One delivery on its way: from where, and until when its sender waits. */
export interface Delivery {
  readonly source: Source;
  readonly deadline: Deadline;
  readonly log: Log;
  readonly requestId: string;
}

/** What a delivery asks for, also where it does not say of which device. */
export type Asked = Omit<Order, "device"> & { readonly device?: Partial<Order["device"]> };

/** The ticket that can be told; undefined where there is none, or its source has no account to write with. */
export function ticketOf({ ticketId }: Pick<Order, "ticketId">, { ticket }: Source): string | undefined {
  return ticket === undefined ? undefined : ticketId;
}

/** A note's text in its system's manner, for the first event and for a later one that asks for the same. */
export function noteTexts(
  told: Told,
  api: TicketApi,
  clock: Clock,
): { readonly text: string; readonly againText: string } {
  const markup = markupOf(api);
  const nowMs = clock.now();
  return { text: noteText(told, nowMs, { markup }), againText: noteText(told, nowMs, { markup, isAgain: true }) };
}

/** Writes the note, where there is a ticket; one that fails never makes the re-key look undone. */
export async function tell(
  order: Asked,
  outcome: Told["outcome"],
  { source, log, deadline, requestId }: Delivery,
  { clock, metrics }: { readonly clock: Clock; readonly metrics: Metrics },
): Promise<void> {
  const ticketId = ticketOf(order, source);
  if (ticketId === undefined || source.ticket === undefined) return;
  const { operationId, tryOf, idempotencyKey, requester, device } = order;
  const { code, imei } = source;
  const verifyCode = outcome.ok && mayHoldCode(source.ticket) ? outcome.verifyCode : undefined;
  const safe = outcome.ok ? { ...outcome, verifyCode, code } : outcome;
  const told = {
    ...{ deviceId: device?.deviceId, nodeId: device?.nodeId, requester },
    ...{ operationId, tryOf, idempotencyKey, requestId, outcome: safe },
    warnings: imeiWarnings(device?.nodeId, imei),
  };
  try {
    await writeNote(source.ticket, { ...told, ticketId, ...noteTexts(told, source.ticket, clock) }, deadline);
  } catch (error) {
    metrics.count("NotesFailed");
    log.error("Note failed", { ticketId, detail: error instanceof Error ? error.message : "unknown" });
  }
}

// The re-key itself has to have its time too.
const longestLookMs = 1_500;

/**
 * Whether the ticket has been told of this operation already: who sends it again then gets nothing done, where there is
 * no workflow whose executions remember it. No where the ticketing system does not answer soon.
 */
export async function isTold(
  order: Asked,
  { source, log, deadline }: Pick<Delivery, "source" | "log" | "deadline">,
  clock: Clock,
): Promise<boolean> {
  const ticketId = ticketOf(order, source);
  if (ticketId === undefined || source.ticket === undefined) return false;
  const { operationId, tryOf } = order;
  const soon = deadlineIn(Math.min(longestLookMs, Math.floor(deadline.remaining() / 3)), clock);
  try {
    return (await whatIsTold(source.ticket, { ticketId, operationId, tryOf }, soon)) === "this";
  } catch (error) {
    if (!(error instanceof RekeyError)) throw error;
    log.warn("Notes cannot be read", { ticketId, detail: error.message });
    return false;
  }
}
