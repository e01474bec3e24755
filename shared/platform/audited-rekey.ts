import { RekeyError } from "../errors.ts";
import type { Clock, Deadline } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Platform } from "./client.ts";
import type { Rekeyed } from "./convergence.ts";
import { type RekeyRequest, rekeyDevice } from "./rekey.ts";

/** What an audited refresh needs. */
export interface AuditDependencies {
  readonly platform: Platform;
  readonly clock: Clock;
  readonly deadline: Deadline;
  /** Bound to the request id. */
  readonly log: Log;
  /** On whose behalf: an ARN, a token's subject, a webhook's source, a fleet run. */
  readonly caller: string;
}

/**
 * Re-keys one device and leaves one audit line, however it ends: who asked for which device and hardware, and what came
 * of it; never the code.
 *
 * @throws what {@link rekeyDevice} throws
 */
export async function auditedRekey(request: RekeyRequest, dependencies: AuditDependencies): Promise<Rekeyed> {
  const { clock, log, caller } = dependencies;
  const startedAtMs = clock.elapsed();
  const audit = (outcome: string, fields: { platformCode?: string | undefined; replayed?: boolean }) =>
    log.audit("Device key refresh", {
      deviceId: request.deviceId,
      nodeId: request.nodeId,
      appId: request.appId,
      idempotencyKey: request.idempotencyKey,
      caller,
      outcome,
      durationMs: Math.round(clock.elapsed() - startedAtMs),
      ...fields,
    });
  try {
    const state = await rekeyDevice(request, dependencies);
    audit("ok", { replayed: state.replayed });
    return state;
  } catch (error) {
    if (error instanceof RekeyError) audit(error.name, { platformCode: error.platformCode });
    else audit("UnexpectedError", {});
    throw error;
  }
}
