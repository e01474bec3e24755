import type { Clock } from "../runtime/clock.ts";

/** Hands out the moments at which calls may be made, so that never more than so many begin in a minute. */
export interface Pacer {
  /**
   * Resolves when the next call may begin; in the order in which it was asked for.
   *
   * @param untilMs by {@link Clock.elapsed}; without a slot before it the answer is false, and comes at once. Default: never
   */
  slot(untilMs?: number): Promise<boolean>;
  /** Tells of requests that were sent; those that had no slot (a login, a repeat of the transport) cost one afterwards. */
  sent(requests: number): void;
  /** The platform refused for want of quota: nothing begins for a while, longer each time until {@link served}. */
  refused(): void;
  served(): void;
  /** Another pace from the next slot on. */
  setPace(callsPerMinute: number): void;
  /** No further slot is given, to those who wait for one neither. */
  close(): void;
}

// What a late timer may make up for; the configured rate leaves more room than that below the platform's own.
const maxArrears = 2;
const firstPauseSlots = 10;
const longestPauseSlots = 100;

/**
 * Evenly spaced calls: even spacing holds whatever window the platform counts by, fixed or sliding.
 *
 * The first call waits for a slot too, so that batches one after the other keep the distance without knowing of each
 * other.
 */
export function createPacer(callsPerMinute: number, clock: Clock): Pacer {
  let slotMs = 60_000 / callsPerMinute;
  let arrears = arrearsOf(callsPerMinute);
  let nextAtMs = clock.elapsed() + slotMs;
  let unsent = 0;
  let pauseSlots = firstPauseSlots;
  let isClosed = false;
  let queue: Promise<unknown> = Promise.resolve();

  async function take(untilMs: number): Promise<boolean> {
    // Looked at again after sleeping: a refusal may have moved it.
    for (let nowMs = clock.elapsed(); ; nowMs = clock.elapsed()) {
      if (isClosed || Math.max(nextAtMs, nowMs) > untilMs) return false;
      if (nextAtMs <= nowMs) break;
      await clock.sleep(nextAtMs - nowMs);
    }
    nextAtMs = Math.max(nextAtMs, clock.elapsed() - arrears) + slotMs;
    unsent += 1;
    return true;
  }

  return {
    slot(untilMs = Number.POSITIVE_INFINITY) {
      const slot = queue.then(() => take(untilMs));
      queue = slot;
      return slot;
    },
    sent(requests) {
      const covered = Math.min(unsent, requests);
      unsent -= covered;
      nextAtMs += (requests - covered) * slotMs;
    },
    refused() {
      nextAtMs = Math.max(nextAtMs, clock.elapsed() + pauseSlots * slotMs);
      pauseSlots = Math.min(longestPauseSlots, pauseSlots * 2);
    },
    served() {
      pauseSlots = firstPauseSlots;
    },
    setPace(changed) {
      if (60_000 / changed === slotMs) return;
      nextAtMs += 60_000 / changed - slotMs;
      slotMs = 60_000 / changed;
      arrears = arrearsOf(changed);
    },
    close() {
      isClosed = true;
    },
  };
}

function arrearsOf(callsPerMinute: number): number {
  return (Math.min(maxArrears, Math.floor(callsPerMinute * 0.03)) * 60_000) / callsPerMinute;
}
