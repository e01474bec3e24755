import { setTimeout as delay } from "node:timers/promises";

/** Time as the rest of the code sees it; handed in, so that a test can fix it. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  /** Resolves after so many milliseconds. */
  sleep(milliseconds: number): Promise<void>;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (milliseconds) => {
    await delay(milliseconds);
  },
};

/** The moment by which an answer must be there; carried through to every call. */
export interface Deadline {
  /** Milliseconds left; never negative. */
  remaining(): number;
}

/** A deadline so many milliseconds from now. */
export function deadlineIn(milliseconds: number, clock: Clock): Deadline {
  const end = clock.now() + milliseconds;
  return { remaining: () => Math.max(0, end - clock.now()) };
}

/** ISO 8601 in UTC with milliseconds, as every answer and note gives a time. */
export function isoTime(epochMilliseconds: number): string {
  return new Date(epochMilliseconds).toISOString();
}
