import { type Allowance, allowanceOf, type Booking, type Reason } from "./allowance.ts";
import { type Label, leaseTermMs, slots, slotVersion } from "./lease.ts";
import type { StoredSession, Token } from "./session-document.ts";

/** What somebody wants of the shared session. */
export type Wish =
  /** A token that is valid as far as we know. */
  | { readonly kind: "any" }
  /** The one that the store holds now. */
  | { readonly kind: "stored" }
  /** Another than this one, which the platform has refused. */
  | { readonly kind: "other"; readonly than: Token }
  /** One from a login that was begun since. */
  | { readonly kind: "since"; readonly sinceMs: number };

/** A label that we have moved. */
export interface Held {
  readonly slot: number;
  readonly turn: number;
  readonly moves: number;
  readonly guarded: boolean;
}

/** What a sandbox sees when it looks for a token. */
export interface View {
  readonly wish: Wish;
  readonly nowMs: number;
  /** Milliseconds for which the caller can still wait. */
  readonly leftMs: number;
  /** How long before its end a token is renewed, at most, in milliseconds. */
  readonly earlyMs: number;
  /** The token that this sandbox used last. */
  readonly kept: Token | undefined;
  /** An early renewal failed a moment ago. */
  readonly isBarred: boolean;
  /** What this sandbox has logged in for while it pursued this wish. */
  readonly own: Token | undefined;
  /** The session as it was read last; undefined when it is to be read. */
  readonly session: StoredSession | undefined;
  /** The lease's label as it was seen last, and how long it has been seen to rest; undefined when nobody has looked. */
  readonly label: (Label & { readonly restedMs: number }) | undefined;
  /** Others were there before us. */
  readonly isLate: boolean;
  /** The slot that we moved the label to, the one that means "free", and how often we have moved it. */
  readonly held: Held | undefined;
  /** The secret takes no versions for the lease any more. */
  readonly isFull: boolean;
  /** How often we have paused. */
  readonly pauses: number;
}

/** What to do next; `pauseMs` on average, since those who wait spread. */
export type Step =
  /** `isOld`: the token is near its end, and may not or could not be renewed. */
  | { readonly step: "use"; readonly token: Token; readonly isOld: boolean }
  /** Looks (again) at the session or the label, after a pause. */
  | { readonly step: "wait"; readonly pauseMs: number; readonly see: "session" | "label" | "both" }
  /** Writes a session without a token, which says that the lease is free while its label rests on this slot. */
  | { readonly step: "repair"; readonly turn: number }
  /** Makes the slots and the label. */
  | { readonly step: "lay" }
  /** Moves the label from this version to a slot; `relieve`: from a holder that came to no end in its term. */
  | { readonly step: "take" | "relieve"; readonly from: string; readonly guarded: boolean }
  | { readonly step: "logIn"; readonly reason: Reason; readonly booking: Booking }
  /** No token within the caller's time, since another renews; or none before an allowance is there again. */
  | { readonly step: "fail"; readonly why: "time" }
  | { readonly step: "fail"; readonly why: "allowance"; readonly message: string; readonly afterMs: number };

// A token that ends sooner than this might end on its way to the platform.
const usableMs = 5_000;
// The longest that a caller waits for an allowance rather than being told when there is one.
const longestPatienceMs = 4_000;
// What is left after a pause is for the call that follows it, and after an allowance's for a renewal.
const leastCallMs = 200;
const leastRenewalMs = 1_500;
const firstPauseMs = 150;
const longestPauseMs = 600;
/** A store that guards nothing lets several move the label at once; each further move lets a third of them through. */
export const movesUnguarded = 4;
const unguardedPauseMs = 120;

/** Whether a token can still be used, and for so many milliseconds more. */
export function isUsable(token: Token, nowMs: number, forMs = 0): boolean {
  return token.expiresAtMs - usableMs - forMs > nowMs;
}

/** What a view comes to, once for all rows of the table. */
interface Facts extends View {
  /** The token that grants the wish, and whether it is near its end. */
  readonly fit: Token | undefined;
  readonly isDue: boolean;
  readonly reason: Reason;
  readonly allowance: Allowance;
  readonly lease: "unseen" | "absent" | "free" | "overdue" | "busy";
  readonly isGuarded: boolean;
  /** Before the next look, on average. */
  readonly pauseMs: number;
}

type Row = readonly [holds: (facts: Facts) => boolean, step: (facts: Facts) => Step];

const watch = () => look("label", unguardedPauseMs);
const look = (see: "session" | "label" | "both", pauseMs = 0): Step => ({ step: "wait", pauseMs, see });

/** The first row that holds says what is done; the last one always does. */
const table: readonly Row[] = [
  // Is the wish granted?
  [({ fit, isDue }) => fit !== undefined && !isDue, useOr(look("session"))], // A token grants the wish
  [({ fit, isBarred }) => fit !== undefined && isBarred, useOr(look("session"))], // Its renewal failed a moment ago
  [({ session }) => session === undefined, () => look("session")], // The session is to be read

  // May there be another token?
  [isFarOff, refuse], // A renewal is not allowed, and not soon
  [({ allowance }) => !allowance.allowed, awaitAllowance], // A renewal is allowed soon
  [({ isFull }) => isFull, logIn], // The secret has no room for a lease

  // We have moved the label: does it make us the holder?
  [isHolder, logIn], // The lease is ours
  [({ held, label }) => held !== undefined && label === undefined, watch], // Others may have moved it too
  [({ held }) => held !== undefined, ({ held }) => take(slotVersion(held?.slot ?? 0), false)], // We moved it last

  // We have not: whose is the lease?
  [({ session }) => session?.versionId === "", () => ({ step: "repair", turn: 0 })], // The secret is empty
  [shouldBeFree, ({ session }) => take(slotVersion(session?.ledger?.turn ?? 0), true)], // It should be free
  [({ lease, isLate }) => lease === "unseen" && !isLate, () => look("label")], // Nobody has looked
  [isOutOfTime, useOr({ step: "fail", why: "time" })], // There is no time to wait
  [({ lease }) => lease === "unseen", ({ pauseMs }) => look("both", pauseMs)], // Others were first
  [({ session }) => session?.ledger === undefined, repair], // None of us wrote the session
  [({ lease }) => lease === "absent", () => ({ step: "lay" })], // There is none
  [({ lease }) => lease === "free", ({ label, isGuarded }) => take(label?.at ?? "", isGuarded)], // It is free
  [({ lease }) => lease === "overdue", relieve], // Its holder died
  [() => true, ({ pauseMs }) => look("both", pauseMs)], // Another renews
];

/** What a sandbox does next: a pure function of what it sees. */
export function nextStep(view: View): Step {
  const facts = factsOf(view);
  const row = table.find(([holds]) => holds(facts));
  if (row === undefined) throw new TypeError("The last row of the table holds for every view");
  return row[1](facts);
}

/** The token that would do, but that is near its end: the one to go on with where it cannot be renewed. */
export function oldTokenOf(view: Omit<View, "leftMs">): Token | undefined {
  const { wish, own } = view;
  const fit = wish.kind === "any" || wish.kind === "stored" ? fitOf(view) : undefined;
  return fit !== undefined && fit !== own && isDueEarly(fit, view) ? fit : undefined;
}

function factsOf(view: View): Facts {
  const { session, label, wish, nowMs } = view;
  const reason = reasonOf(wish);
  return {
    ...view,
    fit: fitOf(view),
    isDue: oldTokenOf(view) !== undefined,
    reason,
    allowance: session === undefined ? { allowed: true, booking: {} } : allowanceOf(session, reason, nowMs),
    lease: leaseOf(view),
    isGuarded: label?.guarded ?? session?.ledger?.guarded ?? false,
    pauseMs: Math.min(longestPauseMs, firstPauseMs * 1.3 ** view.pauses),
  };
}

function fitOf({ wish, kept, own, session, nowMs }: Omit<View, "leftMs">): Token | undefined {
  const usable = (token: Token | undefined) => (token !== undefined && isUsable(token, nowMs) ? token : undefined);
  const stored = usable(session?.token);
  switch (wish.kind) {
    case "any":
      return own ?? stored ?? usable(kept);
    case "stored":
      return stored ?? own;
    case "other": {
      const { than } = wish;
      // What another has published since we logged in may have been ended by our login: ours is tried first.
      const later = kept !== undefined && kept.issuedAtMs > than.issuedAtMs ? usable(kept) : undefined;
      return own ?? [later, stored].find((token) => token !== undefined && token.accessToken !== than.accessToken);
    }
    case "since":
      return stored !== undefined && stored.issuedAtMs >= wish.sinceMs ? stored : own;
  }
}

function reasonOf({ kind }: Wish): Reason {
  if (kind === "other") return "refused";
  return kind === "since" ? "requested" : "ended";
}

/** Sandboxes come into the renewal band one after another, so that one has renewed before the next one asks. */
function isDueEarly({ issuedAtMs, expiresAtMs }: Token, { nowMs, earlyMs }: Pick<View, "nowMs" | "earlyMs">): boolean {
  return expiresAtMs - nowMs < Math.min(earlyMs, (expiresAtMs - issuedAtMs) / 4);
}

function slotOf(label: View["label"]): number | undefined {
  const slot = label?.at === undefined ? -1 : slots.indexOf(label.at);
  return slot === -1 ? undefined : slot;
}

function leaseOf({ label, session }: View): Facts["lease"] {
  if (label === undefined) return "unseen";
  if (label.at === undefined) return "absent";
  const slot = slotOf(label);
  // A label that rests on no slot was born there, and nobody has moved it yet.
  if (slot === undefined || slot === session?.ledger?.turn) return "free";
  return label.restedMs >= leaseTermMs ? "overdue" : "busy";
}

function isFarOff({ allowance, leftMs, fit }: Facts): boolean {
  if (allowance.allowed) return false;
  return fit !== undefined || allowance.afterMs > Math.min(longestPatienceMs, leftMs - leastRenewalMs);
}

function isHolder({ held, label }: Facts): boolean {
  return held !== undefined && (held.guarded || (held.moves >= movesUnguarded && label !== undefined));
}

function shouldBeFree({ lease, session, isLate }: Facts): boolean {
  return lease === "unseen" && !isLate && session?.ledger?.guarded === true;
}

function isOutOfTime({ lease, session, leftMs, pauseMs }: Facts): boolean {
  const mustWait = lease === "unseen" || (lease === "busy" && session?.ledger !== undefined);
  return mustWait && leftMs < pauseMs + leastCallMs;
}

function useOr(otherwise: Step): (facts: Facts) => Step {
  return ({ fit, isDue }) => (fit === undefined ? otherwise : { step: "use", token: fit, isOld: isDue });
}

function refuse(facts: Facts): Step {
  const { afterMs, message } = facts.allowance.allowed ? { afterMs: 0, message: "" } : facts.allowance;
  return useOr({ step: "fail", why: "allowance", message, afterMs })(facts);
}

function awaitAllowance({ allowance }: Facts): Step {
  return look("session", allowance.allowed ? 0 : allowance.afterMs);
}

function logIn({ reason, allowance }: Facts): Step {
  return { step: "logIn", reason, booking: allowance.allowed ? allowance.booking : {} };
}

function repair({ label }: Facts): Step {
  return { step: "repair", turn: slotOf(label) ?? 0 };
}

function take(from: string, guarded: boolean): Step {
  return { step: "take", from, guarded };
}

function relieve({ label, isGuarded }: Facts): Step {
  return { step: "relieve", from: label?.at ?? "", guarded: isGuarded };
}
