import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  bookRenewal,
  freshRequestToken,
  isRegularRenewal,
  parseSession,
  requestToken,
  type SessionDocument,
  tokenOf,
} from "../../shared/platform/session-document.ts";
import { createWorld, secretId } from "./stored-session.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const sound = { turn: 1, accessToken: "t", refreshToken: "r", issuedAtMs: 5, expiresAtMs: 9, bookedUntilMs: 7 };
const halfHourMs = 30 * 60_000;

describe("a stored session", () => {
  test("is read as it was written", () => {
    expect(parseSession("v", JSON.stringify(sound))).toEqual({ versionId: "v", document: sound });
    expect(parseSession("v", '{"turn":0}').document).toEqual({ turn: 0 });
  });

  test.each<[string, unknown]>([
    ["no object", []],
    ["no turn", { ...sound, turn: undefined }],
    ["a turn below the slots", { ...sound, turn: -1 }],
    ["a turn above the slots", { ...sound, turn: 3 }],
    ["half a turn", { ...sound, turn: 0.5 }],
    ["an empty token", { ...sound, accessToken: "" }],
    ["a token with a line break behind it", { ...sound, accessToken: "t\r\nx: y" }],
    ["a token with a blank before it", { ...sound, accessToken: " t" }],
    ["a time before 1970", { ...sound, expiresAtMs: -1 }],
    ["a time that no date reaches", { ...sound, issuedAtMs: 8_640_000_000_000_001 }],
    ["a booking that no date reaches", { ...sound, bookedUntilMs: 8_640_000_000_000_001 }],
    ["a time in words", { ...sound, expiresAtMs: "9" }],
  ])("with %s is none", (_, document) => {
    expect(parseSession("v", JSON.stringify(document))).toEqual({ versionId: "v", document: undefined });
  });

  test("of any text is a document of ours or none, and whoever finds it so has a token afterwards", () =>
    fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.record({ turn: fc.nat(4), accessToken: fc.string() }).map((value) => JSON.stringify(value)),
        ),
        async (text) => {
          const { document } = parseSession("v", text);
          expect([undefined, 0, 1, 2]).toContain(document?.turn);
          vi.restoreAllMocks();
          const world = createWorld({ [secretId]: text });
          const { accessToken } = await world.open().token(world.within(5_000));
          expect(accessToken).toBe(world.logins.current);
          expect(world.logins.count).toBe(1);
        },
      ),
      { numRuns: 100 },
    ));
});

describe("the token of a session", () => {
  const session = (document: SessionDocument | undefined) => ({ versionId: "v", document });

  test("is there while it ends later than asked", () => {
    expect(tokenOf(session(sound), 8)).toEqual({ accessToken: "t", issuedAtMs: 5, expiresAtMs: 9 });
    expect(tokenOf(session(sound), 9)).toBeUndefined();
  });

  test("is missing where any part of it is, but for the time of its issue", () => {
    expect(tokenOf(session(undefined), 0)).toBeUndefined();
    expect(tokenOf(session({ turn: 0, accessToken: "t" }), 0)).toBeUndefined();
    expect(tokenOf(session({ turn: 0, expiresAtMs: 9 }), 0)).toBeUndefined();
    expect(tokenOf(session({ turn: 0, accessToken: "t", expiresAtMs: 9 }), 0)).toMatchObject({ issuedAtMs: 0 });
  });
});

describe("a request token", () => {
  test("is the same for the same purpose and version, and another one for any other", () => {
    const tokens = ["begin", "publish"].flatMap((purpose) =>
      ["", "a", "b"].map((version) => requestToken(purpose === "begin" ? "begin" : "publish", version)),
    );
    expect(new Set(tokens).size).toBe(6);
    expect(requestToken("publish", "a")).toBe(requestToken("publish", "a"));
  });

  test("is of a length that the store takes, and a fresh one is nobody else's", () => {
    for (const token of [requestToken("begin", ""), freshRequestToken()]) expect(token).toMatch(/^[\w-]{32,64}$/);
    expect(freshRequestToken()).not.toBe(freshRequestToken());
  });
});

describe("the allowance for early renewals", () => {
  const nowMs = 1_000_000_000;

  /** Books until it is refused, and tells how often it was granted and when the next one may be. */
  function bookAll(bookedUntilMs: number, atMs: number) {
    let granted = 0;
    for (let booked = bookedUntilMs; ; granted += 1) {
      const booking = bookRenewal(booked, atMs);
      if ("retryAfterSeconds" in booking) return { granted, ...booking, booked };
      booked = booking.bookedUntilMs;
    }
  }

  test("is ten at once, and the refusal says when there is another one", () => {
    const { granted, retryAfterSeconds, booked } = bookAll(0, nowMs);
    expect({ granted, retryAfterSeconds }).toEqual({ granted: 10, retryAfterSeconds: 1_800 });
    expect(bookRenewal(booked, nowMs + halfHourMs - 1)).toEqual({ retryAfterSeconds: 1 });
    expect(bookRenewal(booked, nowMs + halfHourMs)).toHaveProperty("bookedUntilMs");
    expect(bookAll(booked, nowMs + 2 * halfHourMs)).toMatchObject({ granted: 2 });
    expect(bookAll(booked, nowMs + 20 * halfHourMs)).toMatchObject({ granted: 10 });
  });

  test("booked by a clock that was years ahead is used up for its own length at most", () => {
    const booking = bookRenewal(8_640_000_000_000_000, nowMs);
    expect(booking).toEqual({ retryAfterSeconds: 1_800 });
  });
});

test.each<[boolean, SessionDocument | undefined]>([
  [true, undefined],
  [true, { turn: 0, accessToken: "t" }],
  [true, { turn: 0, issuedAtMs: halfHourMs }],
  [true, { turn: 0, expiresAtMs: 9 }],
  [true, { turn: 0, issuedAtMs: 1_000, expiresAtMs: 9 }],
  [false, { turn: 0, issuedAtMs: 1_001, expiresAtMs: 9 }],
])("it is %s that a token's successor needs no booking half an hour after its issue at the earliest (%j)", (...row) => {
  const [regular, document] = row;
  expect(isRegularRenewal({ versionId: "v", document }, halfHourMs + 1_000)).toBe(regular);
});
