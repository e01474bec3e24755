import { describe, expect, test } from "vitest";
import { allowanceOf, type Booking, type Reason } from "../../shared/platform/allowance.ts";
import type { StoredSession } from "../../shared/platform/session-document.ts";

const startMs = 1_000_000_000;
const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

const session = (issuedAtMs: number, booking: Booking = {}): StoredSession => ({
  versionId: "v",
  token: { accessToken: "t", issuedAtMs, expiresAtMs: issuedAtMs + hourMs },
  refreshToken: undefined,
  ledger: { follows: "u", turn: 0, guarded: true, ...booking },
});

/** Renews whenever it may within so much time, each look so long after the last; tells when it did. */
function renewAll(
  reason: Reason,
  forMs: number,
  everyMs: number,
  from: StoredSession = session(startMs - 40 * minuteMs),
) {
  const atMs: number[] = [];
  let now = from;
  for (let nowMs = startMs; nowMs < startMs + forMs; nowMs += everyMs) {
    const allowance = allowanceOf(now, reason, nowMs);
    if (!allowance.allowed) continue;
    atMs.push(nowMs - startMs);
    now = session(nowMs, allowance.booking);
  }
  return { atMs, session: now };
}

describe("a refused token", () => {
  test("is renewed at once, then whenever as much time has passed as the conflict has lasted", () => {
    const { atMs } = renewAll("refused", 40 * secondMs, 100);
    expect(atMs).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000]);
  });

  test("is renewed half an hour later at the latest, and a day's versions suffice", () => {
    const { atMs } = renewAll("refused", 3 * 24 * hourMs, secondMs);
    const gaps = atMs.slice(1).map((at, index) => at - (atMs[index] ?? 0));
    expect(Math.max(...gaps)).toBe(30 * minuteMs);
    for (let day = 0; day < 3; day += 1) {
      const ofDay = atMs.filter((at) => at >= day * 24 * hourMs && at < (day + 1) * 24 * hourMs);
      expect(ofDay.length).toBeLessThanOrEqual(20 + 48);
    }
  });

  test("is renewed at once where tokens last for 20 s each, six minutes long, and once within the next six", () => {
    const { atMs } = renewAll("refused", 29 * minuteMs, 20 * secondMs);
    const lively = Array.from({ length: 19 }, (_, at) => at * 20 * secondMs);
    expect(atMs).toEqual([...lively, 720 * secondMs]);
  });

  test("that was noticed late is renewed soon when it is refused again, as long as there were few for the time", () => {
    const since = { conflictSinceMs: startMs - 100 * secondMs, refusedUntilMs: startMs + 6 * 30 * minuteMs };
    expect(allowanceOf(session(startMs - secondMs, since), "refused", startMs)).toMatchObject({ allowed: true });
    const more = { ...since, refusedUntilMs: startMs + 7 * 30 * minuteMs };
    expect(allowanceOf(session(startMs - secondMs, more), "refused", startMs)).toMatchObject({
      allowed: false,
      afterMs: 12 * secondMs,
    });
  });

  test.each([
    [6 * secondMs, 16 * secondMs],
    [2 * minuteMs, 5 * minuteMs],
    [20 * minuteMs, 40 * minuteMs],
    [3 * hourMs, 3.5 * hourMs],
  ])("in a conflict of %d ms is replaced by one that stays within %d", (lengthMs, mostMs) => {
    const { atMs } = renewAll("refused", 5 * hourMs, 100);
    expect(atMs.find((at) => at >= lengthMs)).toBeLessThanOrEqual(mostMs);
  });

  test("after a token has outlived twice the conflict is a new conflict", () => {
    const { session: last } = renewAll("refused", 5 * minuteMs, secondMs);
    const issuedAtMs = last.token?.issuedAtMs ?? 0;
    const lengthMs = issuedAtMs - startMs;
    const isNew = (nowMs: number) => {
      const allowance = allowanceOf(last, "refused", nowMs);
      return allowance.allowed && allowance.booking.conflictSinceMs === nowMs;
    };
    expect(isNew(issuedAtMs + 2 * lengthMs - 1)).toBe(false);
    expect(isNew(issuedAtMs + 2 * lengthMs)).toBe(true);
  });

  test("that comes up every other minute is not taken for a new conflict for ever", () => {
    const { atMs } = renewAll("refused", 24 * hourMs, 2 * minuteMs);
    expect(atMs.length).toBeLessThanOrEqual(20 + 48);
  });

  test("of a session that none of us wrote, or without a token, may be renewed", () => {
    const stranger = { ...session(startMs, { refusedUntilMs: startMs + 99 * hourMs }), ledger: undefined };
    expect(allowanceOf(stranger, "refused", startMs)).toMatchObject({ allowed: true });
    expect(allowanceOf({ ...session(startMs), token: undefined }, "refused", startMs)).toMatchObject({ allowed: true });
  });

  test.each([1, 365 * 24])("issued by a clock that is %d hours ahead does not block renewals", (hours) => {
    const ahead = session(startMs + hours * hourMs, {
      conflictSinceMs: startMs,
      refusedUntilMs: startMs + 10 * hours * hourMs,
    });
    const { atMs } = renewAll("refused", hourMs, secondMs, ahead);
    expect(atMs[0]).toBeLessThanOrEqual(30 * minuteMs);
  });

  test("that may not be renewed yet says why, and when it may", () => {
    const { session: last } = renewAll("refused", 5 * minuteMs, secondMs);
    expect(allowanceOf(last, "refused", startMs + 5 * minuteMs)).toMatchObject({
      ...{ allowed: false, afterMs: expect.any(Number), message: expect.stringContaining("Another system keeps") },
    });
  });
});

describe("a renewal on request", () => {
  test("is allowed ten times at once and then every other hour, whatever a conflict has booked", () => {
    const used = renewAll("refused", 12 * hourMs, minuteMs).session;
    const now = { ...used, token: { accessToken: "t", issuedAtMs: startMs, expiresAtMs: startMs + hourMs } };
    const { atMs } = renewAll("requested", 24 * hourMs, secondMs, now);
    expect(atMs.slice(0, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((second) => second * secondMs));
    expect(atMs[10]).toBe(2 * hourMs);
    expect(atMs.length).toBeLessThanOrEqual(10 + 12);
  });

  test("does not count for the conflict, and does not end it", () => {
    const { session: last } = renewAll("refused", 5 * minuteMs, secondMs);
    const allowance = allowanceOf(last, "requested", startMs + 5 * minuteMs);
    expect(allowance).toMatchObject({
      booking: { conflictSinceMs: startMs, refusedUntilMs: last.ledger?.refusedUntilMs },
    });
  });
});

describe("a token at its end", () => {
  test("need not be booked after half an hour, and ends a conflict", () => {
    const war = session(startMs - 30 * minuteMs, { conflictSinceMs: 1, refusedUntilMs: 2, requestedUntilMs: 3 });
    expect(allowanceOf(war, "ended", startMs)).toEqual({
      allowed: true,
      booking: { refusedUntilMs: 2, requestedUntilMs: 3 },
    });
  });

  test("that lasted for less is booked as a refused one is, and says so", () => {
    const { atMs } = renewAll("ended", hourMs, minuteMs, session(startMs - minuteMs));
    // One of them is a token that had its half hour.
    expect(atMs.length).toBeLessThanOrEqual(22);
    expect(allowanceOf(session(startMs, { refusedUntilMs: startMs + 10 * hourMs }), "ended", startMs)).toMatchObject({
      ...{ allowed: false, message: expect.stringContaining("end too soon") },
    });
  });
});
