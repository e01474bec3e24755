import { describe, expect, test } from "vitest";
import { slotVersion } from "../../shared/platform/lease.ts";
import type { Ledger, StoredSession, Token } from "../../shared/platform/session-document.ts";
import { isUsable, nextStep, type Step, type View } from "../../shared/platform/session-step.ts";

const nowMs = 1_000_000_000;
const minuteMs = 60_000;
const token = (accessToken: string, ageMs = 40 * minuteMs, lastsMs = 60 * minuteMs): Token => ({
  ...{ accessToken, issuedAtMs: nowMs - ageMs, expiresAtMs: nowMs - ageMs + lastsMs },
});
const ledger: Ledger = { follows: "before", turn: 2, guarded: true };
const session = (changes: Partial<StoredSession> = {}): StoredSession => ({
  ...{ versionId: "now", token: token("stored"), refreshToken: undefined, ledger, ...changes },
});
const label = (slot: number | undefined, restedMs = 0, guarded = true) => ({
  ...{ at: slot === undefined ? undefined : slotVersion(slot), guarded, restedMs },
});
const view = (changes: Partial<View> = {}): View => ({
  ...{ wish: { kind: "any" }, nowMs, leftMs: 15_000, earlyMs: 2 * minuteMs, kept: undefined, isBarred: false },
  ...{ own: undefined, session: undefined, label: undefined, held: undefined, isLate: false, isFull: false },
  ...{ pauses: 0, ...changes },
});
const held = { slot: 3, turn: 2, moves: 1, guarded: true };
const weak = { ...held, guarded: false };

const other = { kind: "other", than: token("stored") } as const;
const since = { kind: "since", sinceMs: nowMs - 1_000 } as const;
const old = token("old", 59 * minuteMs);
const ended = session({ token: token("ended", 61 * minuteMs) });
const fresh = session({ token: token("fresh", 500) });
const foreign = session({ ledger: undefined });
const unguarded = session({ ledger: { ...ledger, guarded: false } });
const empty: StoredSession = { versionId: "", token: undefined, refreshToken: undefined, ledger: undefined };
/** The stored token is refused, in a conflict that has lasted for so long and has booked until then. */
const war = (lengthMs: number, ageMs: number, refusedUntilMs?: number) =>
  session({
    token: token("stored", ageMs),
    ledger: { ...ledger, conflictSinceMs: nowMs - ageMs - lengthMs, refusedUntilMs },
  });

const use = (accessToken: string, isOld = false) => ({ step: "use", isOld, token: { accessToken } });
const look = (see: "session" | "label" | "both", pauseMs = 0) => ({ step: "wait", see, pauseMs });
const take = (slot: number, guarded = true) => ({ step: "take", from: slotVersion(slot), guarded });
const logIn = (reason: string) => ({ step: "logIn", reason });
const late = { step: "fail", why: "time" };

interface Case {
  readonly when: string;
  readonly seen: Partial<View>;
  readonly does: Partial<Step> | object;
}

const cases: readonly Case[] = [
  // Any token.
  { when: "nothing is known", seen: {}, does: look("session") },
  { when: "a kept token serves", seen: { kept: token("kept") }, does: use("kept") },
  { when: "a kept token has ended", seen: { kept: token("kept", 61 * minuteMs) }, does: look("session") },
  { when: "a kept token is near its end", seen: { kept: old }, does: look("session") },
  { when: "the stored one is newer than the old one kept", seen: { kept: old, session: fresh }, does: use("fresh") },
  { when: "the stored one is old as well", seen: { kept: old, session: session({ token: old }) }, does: take(2) },
  {
    when: "the renewal of an old one failed a moment ago",
    seen: { kept: old, isBarred: true },
    does: use("old", true),
  },
  {
    when: "another renews an old one for too long",
    seen: { kept: old, session: session({ token: old }), label: label(3), leftMs: 300 },
    does: use("old", true),
  },
  { when: "the stored one serves", seen: { session: session() }, does: use("stored") },
  { when: "we have logged in for it", seen: { own: token("own", 0, 1_000), session: ended }, does: use("own") },

  // The stored one.
  {
    when: "the stored one is asked for",
    seen: { wish: { kind: "stored" }, kept: token("kept") },
    does: look("session"),
  },
  {
    when: "the stored one is asked for and read",
    seen: { wish: { kind: "stored" }, kept: token("kept"), session: session() },
    does: use("stored"),
  },
  {
    when: "we lost to another's login, and the stored one is asked for",
    seen: { wish: { kind: "stored" }, own: token("own", 0), session: fresh },
    does: use("fresh"),
  },

  // Another than the one that was refused.
  { when: "a token is refused", seen: { wish: other, kept: token("stored") }, does: look("session") },
  { when: "a later one is kept", seen: { wish: other, kept: token("kept", 0) }, does: use("kept") },
  { when: "an earlier one is kept", seen: { wish: other, kept: token("kept", 50 * minuteMs) }, does: look("session") },
  { when: "another was published", seen: { wish: other, session: fresh }, does: use("fresh") },
  { when: "it is the stored one", seen: { wish: other, session: session() }, does: take(2) },
  {
    when: "we lost to another's login, our own is tried first",
    seen: { wish: other, own: token("own", 600), session: fresh },
    does: use("own"),
  },

  // One from a login begun since.
  { when: "one since is asked for", seen: { wish: since, kept: token("kept", 0) }, does: look("session") },
  { when: "another logged in since", seen: { wish: since, session: fresh }, does: use("fresh") },
  { when: "nobody logged in since", seen: { wish: since, session: session() }, does: take(2) },

  // Allowances.
  {
    when: "a conflict of 3 s goes on",
    seen: { wish: other, session: war(3_000, 1_000) },
    does: look("session", 2_000),
  },
  { when: "a conflict of 3 s may be over", seen: { wish: other, session: war(3_000, 3_000) }, does: take(2) },
  {
    when: "a conflict of 3 s goes on, and the caller has no time",
    seen: { wish: other, session: war(3_000, 1_000), leftMs: 3_000 },
    does: { step: "fail", why: "allowance", afterMs: 2_000 },
  },
  {
    when: "a conflict of a minute goes on",
    seen: { wish: other, session: war(minuteMs, 1_000, nowMs + 6 * 30 * minuteMs) },
    does: { step: "fail", why: "allowance", afterMs: 35_000 },
  },
  {
    when: "a conflict of a minute may have its next renewal in three seconds",
    seen: { wish: other, session: war(minuteMs, 1_000, nowMs + 4 * 30 * minuteMs) },
    does: { step: "wait", pauseMs: 3_000 },
  },
  {
    when: "a conflict of a minute had few renewals for its length",
    seen: { wish: other, session: war(minuteMs, 1_000, nowMs + 3 * 30 * minuteMs) },
    does: take(2),
  },
  {
    when: "an old token may not be renewed yet",
    seen: {
      nowMs,
      earlyMs: 5 * minuteMs,
      session: session({
        token: token("short", minuteMs, 70_000),
        ledger: { ...ledger, refusedUntilMs: nowMs + 600 * minuteMs },
      }),
    },
    does: use("short", true),
  },

  // The secret.
  { when: "the secret is empty", seen: { session: empty }, does: { step: "repair", turn: 0 } },
  { when: "the secret is empty and takes nothing", seen: { session: empty, isFull: true }, does: logIn("ended") },
  { when: "a stranger wrote the session", seen: { wish: other, session: foreign }, does: look("label") },
  {
    when: "a stranger wrote the session, and the label is seen",
    seen: { wish: other, session: foreign, label: label(4) },
    does: { step: "repair", turn: 4 },
  },
  {
    when: "a stranger wrote the session, and there is no label",
    seen: { wish: other, session: foreign, label: label(undefined) },
    does: { step: "repair", turn: 0 },
  },

  // The lease.
  { when: "the store does not guard it", seen: { session: { ...unguarded, token: undefined } }, does: look("label") },
  { when: "it was taken before us", seen: { session: ended, isLate: true }, does: look("both", 150) },
  {
    when: "it was, and we waited",
    seen: { session: ended, isLate: true, pauses: 3 },
    does: look("both", 150 * 1.3 ** 3),
  },
  { when: "it was, for long", seen: { session: ended, isLate: true, pauses: 30 }, does: look("both", 600) },
  { when: "it was, and time is over", seen: { session: ended, isLate: true, leftMs: 349 }, does: late },
  { when: "another renews", seen: { session: ended, label: label(3, 7_999) }, does: look("both", 150) },
  { when: "another renews, and time is over", seen: { session: ended, label: label(3), leftMs: 349 }, does: late },
  {
    when: "its holder died",
    seen: { session: ended, label: label(3, 8_000), leftMs: 100 },
    does: { step: "relieve", from: slotVersion(3), guarded: true },
  },
  { when: "it is free", seen: { session: ended, label: label(2, 99_000), isLate: true, leftMs: 100 }, does: take(2) },
  {
    when: "its label was born elsewhere",
    seen: { session: ended, label: { at: "elsewhere", guarded: true, restedMs: 0 } },
    does: { step: "take", from: "elsewhere", guarded: true },
  },
  { when: "there is none", seen: { session: ended, label: label(undefined) }, does: { step: "lay" } },

  // The holder.
  { when: "we hold it, and are to see whom we follow", seen: { held }, does: look("session") },
  { when: "we hold it", seen: { session: ended, held }, does: logIn("ended") },
  { when: "we hold it for a refused token", seen: { wish: other, session: session(), held }, does: logIn("refused") },
  { when: "we hold it on request", seen: { wish: since, session: session(), held }, does: logIn("requested") },
  { when: "another published before we took it", seen: { wish: other, session: fresh, held }, does: use("fresh") },
  { when: "others may hold it too", seen: { session: ended, held: weak }, does: look("label", 120) },
  { when: "we moved it last", seen: { session: ended, held: weak, label: label(3, 0, false) }, does: take(3, false) },
  {
    when: "we moved it last, for the fourth time, but have not looked",
    seen: { session: ended, held: { ...weak, moves: 4 } },
    does: look("label", 120),
  },
  {
    when: "we moved it last, for the fourth time",
    seen: { session: ended, held: { ...weak, moves: 4 }, label: label(3, 0, false) },
    does: logIn("ended"),
  },
];

describe("the next step", () => {
  test.each(cases.map((one) => [one.when, one] as const))("when %s", (_, { seen, does }) => {
    expect(nextStep(view(seen))).toMatchObject(does);
  });
});

test.each([
  [5_001, 0, true],
  [5_000, 0, false],
  [6_001, 1_000, true],
  [6_000, 1_000, false],
])("a token with %d ms left can be used for %d ms more: %s", (leftMs, forMs, usable) => {
  expect(isUsable({ accessToken: "t", issuedAtMs: 0, expiresAtMs: nowMs + leftMs }, nowMs, forMs)).toBe(usable);
});
