import { RekeyError } from "../errors.ts";
import type { Clock } from "../runtime/clock.ts";
import { causeOf } from "../runtime/lambda-error.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { Workflow } from "../runtime/workflow.ts";
import type { Faulty, Order } from "./delivery.ts";
import { handOver } from "./hand-over.ts";
import { correctTicket } from "./plain-words.ts";
import { type Delivery, isTold, tell, ticketOf } from "./ticket.ts";

/** The code of re-keyed hardware. */
export interface NewCode {
  readonly verifyCode: string;
  /** 0: never ends; null: the new hardware has already connected. */
  readonly timeoutSeconds: number | null;
  /** When the code ends; null when it never does. */
  readonly expiresAtMs: number | null;
  /** The wanted state was there already. */
  readonly replayed: boolean;
}

/** By what an order is carried out. */
export interface Means {
  /** @throws RekeyError */
  rekey(order: Order): Promise<NewCode>;
  /** Undefined where there is none: then everything is done within the answer's time. */
  readonly workflow: Workflow | undefined;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** What an order has come to. */
export interface CarriedOut {
  /** An earlier operation's where this is its repeat. */
  readonly operationId: string;
  /** For a sender that reads the answer; absent: what comes of it is told on the ticket. */
  readonly issued?: NewCode;
}

/**
 * Carries out what a delivery asks for: hands it to the workflow where the answer may not tell the code, does it at once
 * where it may.
 *
 * @throws RekeyError what was done at once and failed
 */
export async function carryOut(order: Order, delivery: Delivery, means: Means): Promise<CarriedOut> {
  const { source } = delivery;
  const { operationId } = order;
  if (source.reply === "ack") {
    const started = await handOver(order, delivery, means);
    if (started === undefined) await rekeyAndTell(order, delivery, means);
    return { operationId: started ?? operationId };
  }
  try {
    return { operationId, issued: await means.rekey(order) };
  } catch (error) {
    // What may pass is tried again: by the sender, or by the workflow where there is a ticket that can be told.
    const canWait = error instanceof RekeyError && error.retryable && source.preset.onRefusal.repeatsOn === "none";
    if (!canWait || ticketOf(order, source) === undefined) throw error;
    const started = await handOver(order, delivery, means);
    if (started === undefined) throw error;
    return { operationId: started };
  }
}

/**
 * Tells the ticket what it lacks: through the workflow, so that repeats at the same moment write one note, and a note
 * that fails is written later.
 */
export async function tellFaults({ order, error, told }: Faulty, delivery: Delivery, means: Means): Promise<void> {
  if (ticketOf(order, delivery.source) === undefined) return;
  const plain = error.with({ advice: correctTicket }, told);
  const failure = { Error: plain.name, Cause: causeOf(plain) };
  if ((await handOver(order, delivery, means, failure)) !== undefined) return;
  await tell(order, failureOf(plain), delivery, means);
}

/** Without a workflow: the re-key and its note, as far as the sender's time goes. */
async function rekeyAndTell(order: Order, delivery: Delivery, means: Means): Promise<void> {
  if (await isTold(order, delivery, means.clock)) return;
  try {
    const { verifyCode, timeoutSeconds: timeout, expiresAtMs } = await means.rekey(order);
    await tell(order, { ok: true, verifyCode, timeout, expiresAtMs }, delivery, means);
  } catch (error) {
    // What may pass is not worth a note while the sender repeats.
    if (error instanceof RekeyError && !error.retryable) await tell(order, failureOf(error), delivery, means);
    throw error;
  }
}

function failureOf({ name, message, advice }: RekeyError) {
  return { ok: false as const, error: name, detail: message, advice };
}
