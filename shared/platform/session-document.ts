import { createHash, randomUUID } from "node:crypto";
import * as z from "zod/mini";
import { jsonOf } from "../json.ts";

// As far as a date reaches; anything beyond was not written by us.
const time = z.number().check(z.minimum(0), z.maximum(8_640_000_000_000_000));

/** What the session secret holds. */
export const sessionDocument = z.object({
  /** Lease slot on which the lease label rests while nobody renews. */
  turn: z.int().check(z.minimum(0), z.maximum(2)),
  /** Absent until the first login. */
  accessToken: z.optional(z.string().check(z.minLength(1), z.regex(/^[\x21-\x7e]+$/))),
  refreshToken: z.optional(z.string()),
  issuedAtMs: z.optional(time),
  expiresAtMs: z.optional(time),
  /** Until when the allowance for early renewals is booked, as a generic cell rate algorithm counts. */
  bookedUntilMs: z.optional(time),
});

/** The session as it stands in the store; `document` is undefined when nothing usable stands there. */
export interface StoredSession {
  /** Empty where the secret has no value yet. */
  readonly versionId: string;
  readonly document: SessionDocument | undefined;
}

export type SessionDocument = z.infer<typeof sessionDocument>;

/** A token that somebody may use, and until when. */
export interface Token {
  readonly accessToken: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** Reads a stored session; a text that is not one is a session without document, never an error. */
export function parseSession(versionId: string, text: string): StoredSession {
  const parsed = sessionDocument.safeParse(jsonOf(text));
  return { versionId, document: parsed.success ? parsed.data : undefined };
}

/** The token of a session, if it has one that ends later than `notBeforeMs`. */
export function tokenOf(session: StoredSession, notBeforeMs: number): Token | undefined {
  const { accessToken, expiresAtMs, issuedAtMs } = session.document ?? {};
  if (accessToken === undefined || expiresAtMs === undefined || expiresAtMs <= notBeforeMs) return undefined;
  return { accessToken, expiresAtMs, issuedAtMs: issuedAtMs ?? 0 };
}

/** A request token bound to the version it follows: of all who write after that version, one succeeds. */
export function requestToken(purpose: "begin" | "publish", versionId: string): string {
  return createHash("sha256").update(`rekey ${purpose} ${versionId}`).digest("hex");
}

/** A request token that nobody else has. */
export function freshRequestToken(): string {
  return randomUUID();
}

// Secrets Manager takes one write in ten minutes, sustained, and keeps a version for a day at least; about a hundred
// versions a day are what it bears. Renewals at a token's end write 24 of them; this leaves 58 for all others.
const renewalIntervalMs = 30 * 60_000;
const renewalBurst = 10;

/**
 * Books one early renewal: ten at once, and one more each half hour.
 *
 * @param bookedUntilMs until when former renewals have booked the allowance
 * @returns until when it is booked now, or after how many seconds a renewal will be possible again
 */
export function bookRenewal(
  bookedUntilMs: number,
  nowMs: number,
): { readonly bookedUntilMs: number } | { readonly retryAfterSeconds: number } {
  // A clock that was far ahead when it booked must not block renewals for longer than the whole allowance.
  const booked = Math.min(Math.max(bookedUntilMs, nowMs), nowMs + renewalBurst * renewalIntervalMs);
  const tooEarlyMs = booked - nowMs - (renewalBurst - 1) * renewalIntervalMs;
  if (tooEarlyMs > 0) return { retryAfterSeconds: Math.ceil(tooEarlyMs / 1000) };
  return { bookedUntilMs: booked + renewalIntervalMs };
}

/** Whether a renewal is what every token needs at its end, and so need not be booked. */
export function isRegularRenewal(session: StoredSession, nowMs: number): boolean {
  const { issuedAtMs, expiresAtMs } = session.document ?? {};
  if (issuedAtMs === undefined || expiresAtMs === undefined) return true;
  return nowMs - issuedAtMs >= renewalIntervalMs;
}
