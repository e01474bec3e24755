import { createHash } from "node:crypto";
import * as z from "zod/mini";
import { jsonOf } from "../json.ts";
import { tokenReply } from "./wire.ts";

// As far as a date reaches; anything beyond was not written by us.
const time = z.number().check(z.minimum(0), z.maximum(8_640_000_000_000_000));

const login = z.object({ ...tokenReply.shape, issuedAtMs: time, expiresAtMs: time });

const ledger = z.object({
  /** Version that this one follows; empty for the first one of an empty secret. */
  follows: z.string().check(z.maxLength(64)),
  /** Sets apart the versions that follow one and the same; absent for the first of them. */
  nonce: z.optional(z.string().check(z.maxLength(64))),
  /** Slot on which the lease's label rests while nobody renews. */
  turn: z.int().check(z.minimum(0), z.maximum(4)),
  /** Whether the store was seen to refuse what a lease needs refused; absent before anybody looked. */
  guarded: z.optional(z.boolean()),
  /** Begin of the conflict that the last renewal belonged to; absent when it belonged to none. */
  conflictSinceMs: z.optional(time),
  /** Until when renewals of refused tokens have booked their allowance. */
  refusedUntilMs: z.optional(time),
  /** Until when renewals on request have booked theirs. */
  requestedUntilMs: z.optional(time),
});

/** What those who renew tell each other; believed only in a document that one of them wrote. */
export type Ledger = z.infer<typeof ledger>;

/** A token that somebody may use, and until when. */
export interface Token {
  readonly accessToken: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** A session: what stands in the store, or what a sandbox has for itself in its place. */
export interface StoredSession {
  /** Version of the secret; empty where it has no value yet. */
  readonly versionId: string;
  /** Absent before the first login, and where what stands there cannot be one. */
  readonly token: Token | undefined;
  readonly refreshToken: string | undefined;
  /** Absent in what none of us wrote. */
  readonly ledger: Ledger | undefined;
}

/** The session of a secret without a value. */
export const emptySession: StoredSession = {
  versionId: "",
  token: undefined,
  refreshToken: undefined,
  ledger: undefined,
};

/** How far a clock of ours may be off, in milliseconds: AWS refuses what was signed by one that is further off. */
export const clockErrorMs = 300_000;

/**
 * Reads what stands in the session secret, whoever wrote it; never an error.
 *
 * A token is taken as a login could have brought it, and no other: its length and characters, the time it lasts, and
 * by a stranger's document none of the future. The ledger is believed only under the version id that its writer had to
 * give it: what somebody put there by hand can be a token to try, but says nothing of who renews or may renew.
 *
 * @param nowMs by this sandbox's clock
 */
export function parseSession(versionId: string, text: string, nowMs: number): StoredSession {
  const content = jsonOf(text);
  const told = ledger.safeParse(content);
  const ours = told.success && requestToken(told.data) === versionId ? told.data : undefined;
  const login = loginOf(content);
  const isSound = login !== undefined && (ours !== undefined || login.token.issuedAtMs <= nowMs + clockErrorMs);
  return {
    versionId,
    token: isSound ? login.token : undefined,
    refreshToken: isSound ? login.refreshToken : undefined,
    ledger: ours,
  };
}

function loginOf(content: unknown): (Pick<StoredSession, "token" | "refreshToken"> & { token: Token }) | undefined {
  if (typeof content !== "object" || content === null) return undefined;
  const times = z.object({ issuedAtMs: time, expiresAtMs: time }).safeParse(content);
  if (!times.success) return undefined;
  const expiresIn = Math.ceil((times.data.expiresAtMs - times.data.issuedAtMs) / 1000);
  const parsed = login.safeParse({ ...content, expiresIn });
  if (!parsed.success) return undefined;
  const { accessToken, refreshToken, issuedAtMs, expiresAtMs } = parsed.data;
  return { token: { accessToken, issuedAtMs, expiresAtMs }, refreshToken: refreshToken ?? undefined };
}

/** The text of a session; {@link parseSession} brings it back under the version id {@link requestToken}. */
export function sessionText({ token, refreshToken, ledger }: Omit<StoredSession, "versionId">): string {
  return JSON.stringify({ ...ledger, ...token, refreshToken });
}

/**
 * The request token of the version that holds a ledger, and so its version id (32 to 64 characters): of all who write
 * after one version, one succeeds.
 */
export function requestToken({ follows, nonce = "" }: Pick<Ledger, "follows" | "nonce">): string {
  return createHash("sha256").update(`rekey session ${follows} ${nonce}`).digest("hex");
}
