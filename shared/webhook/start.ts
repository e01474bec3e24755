import * as z from "zod/mini";
import { nameOf } from "../errors.ts";
import type { Clock, Deadline } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Execution, Workflow } from "../runtime/workflow.ts";
import { defaultTimeoutSeconds } from "../seconds.ts";
import type { OperationNames } from "./operation.ts";

/** Where an operation is started, and until when there is time for it. */
export interface Starting {
  readonly workflow: Workflow;
  readonly deadline: Deadline;
  readonly clock: Clock;
  readonly log: Log;
}

// A code that never ends is not armed again for as long as Freshdesk, say, repeats: after 5, 30 and 60 minutes.
const longestQuietMs = 2 * 3_600_000;
const shortestQuietMs = 60_000;

/**
 * Starts the workflow for an operation, once: the name of an execution is what remembers it, for 90 days.
 *
 * @param names the operation's
 * @param inputOf what the workflow gets, whose `ticket` or `delivery` has the operation's `operationId` and `tryOf`
 * @param suffix of the execution's name, for what is started beside the operation itself
 * @returns the id of the operation that this is: an earlier one where this is a repeat of it
 * @throws what the SDK throws when the service does not answer or refuses
 */
export async function startOnce(
  names: OperationNames,
  inputOf: (operationId: string) => object,
  { workflow, deadline, clock, log }: Starting,
  suffix = "",
): Promise<string> {
  const { operationId, idempotencyKey, tryOf, laterOne } = names;
  const start = (name: string, id: string) => workflow.start(`${name}${suffix}`, inputOf(id), deadline);
  // The first of all events that ask for the same bears their common name, so that its repeats find it.
  const first = tryOf === undefined ? operationId : idempotencyKey;
  if (await start(first, operationId)) return operationId;
  if (tryOf === undefined && laterOne === undefined) return operationId;
  const earlier = await workflow.find(`${first}${suffix}`, deadline).catch((error: unknown) => {
    log.error("Execution cannot be found", { error: nameOf(error), cause: String(error) });
    return undefined;
  });
  if (laterOne !== undefined) {
    const times = earlier === undefined ? 0 : timesOver(earlier, clock.now());
    if (times < 1) return operationId;
    const later = laterOne(times);
    await start(later, later);
    return later;
  }
  const { ticket, delivery: known = ticket } = startedFor.safeParse(earlier?.input).data ?? {};
  if (known?.operationId === operationId || known?.tryOf === tryOf) return known?.operationId ?? operationId;
  await start(operationId, operationId);
  return operationId;
}

/**
 * How often the time is over for which an equal body, of a sender that signs nothing, is taken for a repeat: while what
 * it asks for is under way, and while the code that it armed is valid. Then it is somebody who asks again.
 */
function timesOver({ input, endedAtMs, hasSucceeded }: Execution, nowMs: number): number {
  if (endedAtMs === undefined) return 0;
  const timeout = startedWith.safeParse(input).data?.timeout ?? defaultTimeoutSeconds;
  const validMs = timeout === 0 ? longestQuietMs : timeout * 1000;
  const quietMs = hasSucceeded ? Math.max(shortestQuietMs, Math.min(validMs, longestQuietMs)) : shortestQuietMs;
  return Math.floor((nowMs - endedAtMs) / quietMs);
}

const startedWith = z.object({ timeout: z.optional(z.number()) });
const startedBy = z.optional(z.object({ operationId: z.string(), tryOf: z.optional(z.string()) }));
const startedFor = z.object({ ticket: startedBy, delivery: startedBy });
