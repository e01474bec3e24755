import { clockErrorMs, type StoredSession } from "./session-document.ts";

/** Why a token is renewed: it is at its end or absent; the platform refused it; or somebody asked. */
export type Reason = "ended" | "refused" | "requested";

/** What a renewal books, to be published with it; each absent where there is nothing to remember. */
export interface Booking {
  readonly conflictSinceMs?: number | undefined;
  readonly refusedUntilMs?: number | undefined;
  readonly requestedUntilMs?: number | undefined;
}

/** Whether a renewal may be made now; if not, after how many milliseconds, and with what message. */
export type Allowance =
  | { readonly allowed: true; readonly booking: Booking }
  | { readonly allowed: false; readonly afterMs: number; readonly message: string };

/** One allowance, as a generic cell rate algorithm counts it: `burst` at once, and one more each `intervalMs`. */
interface Rate {
  readonly burst: number;
  readonly intervalMs: number;
}

// A secret bears about a hundred versions a day (each lives for one at least). Renewals at the end of tokens that last
// an hour write 24. In a conflict without end these write 20 + 48 in their place, and those on request 10 + 12.
const refusedRate: Rate = { burst: 20, intervalMs: 30 * 60_000 };
const requestedRate: Rate = { burst: 10, intervalMs: 120 * 60_000 };

// A token that has served for so long is renewed as one at its end is: it need not be booked.
const regularMs = 30 * 60_000;
const shortestSpaceMs = 500;
const longestSpaceMs = 30 * 60_000;
// A conflict of some minutes is lived through: all but the last of the allowance may be used as the conflict goes on, one
// for each 16 s that it has lasted. A stranger who logs in every 20 s is followed for six minutes, in place of for a third
// of them.
const livelyMs = 16_000;
const keptForLater = 1;
// A conflict is over when a token has outlived twice its length. Twenty conflicts that are this far apart last longer
// than the half hour for which the allowance, used up by them, then has everybody wait.
const leastQuietMs = 2 * 60_000;

/**
 * Whether the token of a session may be renewed before its end.
 *
 * The platform refuses our token because somebody else logged in. Renewals are spaced by the length that the conflict
 * has had, or by 16 s on average while the allowance lasts: after one of seconds the service is back within seconds,
 * after one of minutes within minutes, and never later than half an hour; in a conflict without end they double their
 * distance up to that.
 */
export function allowanceOf(session: StoredSession, reason: Reason, nowMs: number): Allowance {
  const { ledger, token } = session;
  const { conflictSinceMs, refusedUntilMs, requestedUntilMs } = ledger ?? {};
  const booked = { refusedUntilMs, requestedUntilMs };
  if (ledger === undefined || token === undefined) return { allowed: true, booking: booked };
  const ageMs = nowMs - token.issuedAtMs;
  switch (reason) {
    case "requested":
      return onRequest({ conflictSinceMs, ...booked }, nowMs);
    case "ended":
      if (ageMs >= regularMs || ageMs < -clockErrorMs) return { allowed: true, booking: booked };
      return booking(booked, "Tokens end too soon; the token will not be renewed again yet", nowMs);
    case "refused":
      return afterRefusal({ conflictSinceMs, ...booked }, token.issuedAtMs, nowMs);
  }
}

function onRequest(booked: Booking, nowMs: number): Allowance {
  const requestedUntilMs = book(booked.requestedUntilMs, requestedRate, nowMs);
  const message = "The token was renewed on request too often; it will not be renewed again yet";
  if (typeof requestedUntilMs === "object") return { allowed: false, ...requestedUntilMs, message };
  return { allowed: true, booking: { ...booked, requestedUntilMs } };
}

function afterRefusal(booked: Booking, issuedAtMs: number, nowMs: number): Allowance {
  const sinceMs = booked.conflictSinceMs ?? nowMs;
  const lengthMs = Math.max(0, issuedAtMs - sinceMs);
  const ageMs = Math.max(0, nowMs - issuedAtMs);
  const message = "Another system keeps logging in with the same application; the token will not be renewed again yet";
  if (booked.conflictSinceMs === undefined || isOver(lengthMs, nowMs - issuedAtMs)) {
    return booking({ ...booked, conflictSinceMs: nowMs }, message, nowMs);
  }
  const used = Math.max(1, usedOf(booked.refusedUntilMs, refusedRate, nowMs));
  const byLengthMs = Math.min(longestSpaceMs, Math.max(shortestSpaceMs, lengthMs)) - ageMs;
  const byAverageMs = Math.max(shortestSpaceMs - ageMs, sinceMs + used * livelyMs - nowMs);
  const afterMs = used < refusedRate.burst - keptForLater ? Math.min(byLengthMs, byAverageMs) : byLengthMs;
  if (afterMs > 0) return { allowed: false, afterMs, message };
  return booking({ ...booked, conflictSinceMs: sinceMs }, message, nowMs);
}

function booking(booked: Booking, message: string, nowMs: number): Allowance {
  const refusedUntilMs = book(booked.refusedUntilMs, refusedRate, nowMs);
  if (typeof refusedUntilMs === "object") return { allowed: false, ...refusedUntilMs, message };
  return { allowed: true, booking: { ...booked, refusedUntilMs } };
}

function isOver(lengthMs: number, ageMs: number): boolean {
  return ageMs < -clockErrorMs || ageMs >= Math.max(leastQuietMs, 2 * lengthMs);
}

/** @returns until when the allowance is booked now, or after how many milliseconds it can be */
function book(
  bookedUntilMs: number | undefined,
  { burst, intervalMs }: Rate,
  nowMs: number,
): number | { readonly afterMs: number } {
  const booked = credible(bookedUntilMs, { burst, intervalMs }, nowMs);
  const tooEarlyMs = booked - nowMs - (burst - 1) * intervalMs;
  return tooEarlyMs > 0 ? { afterMs: tooEarlyMs } : booked + intervalMs;
}

/** How much of the burst is booked. */
function usedOf(bookedUntilMs: number | undefined, rate: Rate, nowMs: number): number {
  return Math.ceil((credible(bookedUntilMs, rate, nowMs) - nowMs) / rate.intervalMs);
}

/** More than the whole allowance was booked by a clock that was far ahead: it would be used up for as long. */
function credible(bookedUntilMs: number | undefined, { burst, intervalMs }: Rate, nowMs: number): number {
  const isCredible = bookedUntilMs !== undefined && bookedUntilMs <= nowMs + burst * intervalMs;
  return isCredible ? Math.max(bookedUntilMs, nowMs) : nowMs;
}
