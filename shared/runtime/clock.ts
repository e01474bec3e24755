/** Time as the rest of the code sees it; handed in, so that a test can fix it. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  /** Milliseconds since some moment of the past; goes on evenly when somebody sets the clock. */
  elapsed(): number;
  /** Resolves after so many milliseconds. */
  sleep(milliseconds: number): Promise<void>;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  // To ask for the global `performance` is to load eight modules of Node's, which nothing else here needs.
  elapsed: () => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e3 + nanoseconds / 1e6;
  },
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

/** A turn of the event loop: what is ready to be sent, or has come, is seen to. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The moment by which an answer must be there; carried through to every call. */
export interface Deadline {
  /** Whole milliseconds left; never negative. */
  remaining(): number;
}

/** A deadline so many milliseconds from now; setting the clock neither shortens nor lengthens it. */
export function deadlineIn(milliseconds: number, clock: Clock): Deadline {
  const end = clock.elapsed() + milliseconds;
  return { remaining: () => Math.max(0, Math.floor(end - clock.elapsed())) };
}

/**
 * Whether less than `milliseconds` have passed since a moment that {@link Clock.now} gave; no when that lies ahead of
 * us, because the clock was set back. For what outlives an invocation: `elapsed` may stand still in a frozen sandbox.
 */
export function isRecent(atMs: number, milliseconds: number, clock: Clock): boolean {
  const ageMs = clock.now() - atMs;
  return ageMs >= 0 && ageMs < milliseconds;
}

/** ISO 8601 in UTC with milliseconds, as every answer and note gives a time. */
export function isoTime(epochMilliseconds: number): string {
  return new Date(epochMilliseconds).toISOString();
}
