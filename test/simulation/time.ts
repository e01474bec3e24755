import { setImmediate } from "node:timers";
import type { Clock } from "../../shared/runtime/clock.ts";

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/**
 * Time that stands still while anybody has something to do, and leaps to the next sleeper when nobody has: hours pass
 * in a moment, in the same order on every run. Whatever waits must wait for this clock, not for a socket or a timer.
 */
export class SimulatedTime {
  #elapsedMs = 0;
  #sleepers: Sleeper[] = [];
  #pumping = false;

  /** Milliseconds since the simulation began. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** A clock on this time; `aheadMs` is how far its owner's idea of the date is off, asked for at each look. */
  clock(aheadMs: () => number = () => 0): Clock {
    return {
      now: () => epochMs + Math.floor(this.#elapsedMs) + aheadMs(),
      elapsed: () => this.#elapsedMs,
      sleep: (milliseconds) => this.sleep(milliseconds),
    };
  }

  /** Resolves after so many milliseconds of this time; those due at the same moment in the order in which they asked. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((wake) => {
      const atMs = this.#elapsedMs + Math.max(0, milliseconds);
      const later = this.#sleepers.findIndex((sleeper) => sleeper.atMs > atMs);
      this.#sleepers.splice(later === -1 ? this.#sleepers.length : later, 0, { atMs, wake });
      this.#pump();
    });
  }

  /** A signal that aborts after so many milliseconds of this time, for what calls `AbortSignal.timeout`. */
  timeout(milliseconds: number): AbortSignal {
    const controller = new AbortController();
    void this.sleep(milliseconds).then(() =>
      controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")),
    );
    return controller.signal;
  }

  /** Wakes the next sleeper as soon as everything that runs has come to a wait. */
  #pump(): void {
    if (this.#pumping || this.#sleepers.length === 0) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      const next = this.#sleepers.shift();
      if (next === undefined) return;
      this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs);
      next.wake();
      this.#pump();
    });
  }
}

const epochMs = Date.UTC(2026, 0, 1);
