import { nameOf } from "../errors.ts";
import { isBug } from "../runtime/call-failure.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Workflow } from "../runtime/workflow.ts";
import { startOnce } from "./start.ts";
import { type Asked, type Delivery, ticketOf } from "./ticket.ts";

/** Why nothing is to be tried, only told; as Lambda tells a workflow of an error. */
interface Refused {
  readonly Error: string;
  /** JSON with `errorMessage`. */
  readonly Cause: string;
}

/**
 * Hands what a delivery asks for to the workflow, which goes on trying and writes the note.
 *
 * @param failure what is to be told only, under a name of its own, so that the operation can still be done
 * @returns the id of the operation, an earlier one where this is its repeat; undefined where there is no workflow, or it
 * cannot be started now
 */
export async function handOver(
  order: Asked,
  { source, log, deadline, requestId }: Delivery,
  { workflow, clock }: { readonly workflow: Workflow | undefined; readonly clock: Clock },
  failure?: Refused,
): Promise<string | undefined> {
  if (workflow === undefined) return undefined;
  const ticketId = ticketOf(order, source);
  const { idempotencyKey, requester, tryOf } = order;
  const inputOf = (operationId: string) => ({
    ...order.device,
    ...(failure !== undefined || source.code === "derived" ? {} : { code: source.code }),
    ...(idempotencyKey === operationId ? {} : { idempotencyKey }),
    ...(source.limitSeconds === undefined ? {} : { limitSeconds: source.limitSeconds }),
    ...(ticketId === undefined
      ? { delivery: { source: source.name, operationId, tryOf } }
      : { ticket: { source: source.name, ticketId, operationId, tryOf, requestId, requester } }),
    ...(failure === undefined ? {} : { failure }),
  });
  try {
    const starting = { workflow, deadline, clock, log };
    const operationId = await startOnce(order, inputOf, starting, failure === undefined ? "" : "-faulty");
    log.info("Delivery handed to the workflow", { deviceId: order.device?.deviceId });
    return operationId;
  } catch (error) {
    log.error("Workflow cannot be started", {
      error: nameOf(error),
      cause: isBug(error) ? error.stack : String(error),
    });
    return undefined;
  }
}
