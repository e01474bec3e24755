import { RekeyError } from "../errors.ts";
import type { Clock, Deadline } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Refreshed } from "./convergence.ts";
import type { Platform } from "./platform.ts";
import { type RefreshRequest, refreshDeviceKey } from "./refresh.ts";

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
 * @throws what {@link refreshDeviceKey} throws
 */
export async function auditedRefresh(request: RefreshRequest, dependencies: AuditDependencies): Promise<Refreshed> {
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
    const state = await refreshDeviceKey(request, dependencies);
    audit("ok", { replayed: state.replayed });
    return state;
  } catch (error) {
    if (error instanceof RekeyError) audit(error.name, { platformCode: error.platformCode });
    else audit("UnexpectedError", {});
    throw error;
  }
}
