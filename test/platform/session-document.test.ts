import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Ledger, parseSession, requestToken, sessionText } from "../../shared/platform/session-document.ts";
import { createWorld, secretId } from "./stored-session.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const nowMs = 1_800_000_000_000;
const hourMs = 3_600_000;
const login = { accessToken: "t", refreshToken: "r", issuedAtMs: nowMs - 1_000, expiresAtMs: nowMs - 1_000 + hourMs };
const ledger: Ledger = { follows: "before", turn: 1, guarded: true, conflictSinceMs: 5, refusedUntilMs: 7 };
const { refreshToken: _, ...token } = login;
const read = (document: unknown, versionId = "somebody's") => parseSession(versionId, JSON.stringify(document), nowMs);

describe("a stored session", () => {
  test("is read as it was written, by the version id that its ledger gives it", () => {
    const text = sessionText({ token, refreshToken: "r", ledger });
    const versionId = requestToken(ledger);
    expect(parseSession(versionId, text, nowMs)).toEqual({ versionId, token, refreshToken: "r", ledger });
    const bare = { follows: "", turn: 0 };
    expect(read(bare, requestToken(bare))).toMatchObject({ token: undefined, ledger: bare });
  });

  test("that was written under another version id is a token to try, and its ledger is nobody's", () => {
    expect(read({ ...login, ...ledger })).toEqual({
      versionId: "somebody's",
      token,
      refreshToken: "r",
      ledger: undefined,
    });
    const forged = { ...ledger, refusedUntilMs: 9 };
    expect(read({ ...login, ...forged }, requestToken({ ...ledger, nonce: "n" })).ledger).toBeUndefined();
  });

  test.each<[string, object]>([
    ["no turn", { turn: undefined }],
    ["a turn below the slots", { turn: -1 }],
    ["a turn above the slots", { turn: 5 }],
    ["half a turn", { turn: 0.5 }],
    ["a booking that no date reaches", { refusedUntilMs: 8_640_000_000_000_001 }],
    ["a booking in words", { refusedUntilMs: "9" }],
    ["no version before it", { follows: undefined }],
  ])("with %s says nothing of the lease, whatever its version id", (_name, changes) => {
    expect(read({ ...login, ...ledger, ...changes }, requestToken(ledger))).toMatchObject({ token, ledger: undefined });
  });

  test.each<[string, object]>([
    ["an empty token", { accessToken: "" }],
    ["a token of 20,000 letters", { accessToken: "x".repeat(20_000) }],
    ["a token with a line break behind it", { accessToken: "t\r\nx: y" }],
    ["a token with a blank before it", { accessToken: " t" }],
    ["a token that is a number", { accessToken: 5 }],
    ["a refresh token of 20,000 letters", { refreshToken: "x".repeat(20_000) }],
    ["a time before 1970", { issuedAtMs: -1 }],
    ["a time that no date reaches", { issuedAtMs: 8_640_000_000_000_001, expiresAtMs: 8_640_000_000_000_002 }],
    ["a time in words", { expiresAtMs: "9" }],
    ["no time of its issue", { issuedAtMs: undefined }],
    ["an end before its issue", { expiresAtMs: nowMs - 2_000 }],
    ["a longer life than a login can give", { expiresAtMs: nowMs + 2_147_483_648_000 }],
    ["an issue in the future, beyond a clock's error", { issuedAtMs: nowMs + 300_001, expiresAtMs: nowMs + hourMs }],
  ])("by a stranger with %s has no token", (_name, changes) => {
    expect(read({ ...login, ...changes })).toMatchObject({ token: undefined, refreshToken: undefined });
  });

  test("by a stranger whose clock is a little ahead has a token", () => {
    expect(read({ ...login, issuedAtMs: nowMs + 300_000, expiresAtMs: nowMs + hourMs }).token).toBeDefined();
  });

  test("of ours has a token also where our own clock is an hour behind", () => {
    const text = sessionText({ token, refreshToken: undefined, ledger });
    expect(parseSession(requestToken(ledger), text, nowMs - hourMs).token).toEqual(token);
  });

  test("of any text is read without an error, and whoever finds it so has a token afterwards", () =>
    fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.record({ turn: fc.nat(4), accessToken: fc.string() }).map((value) => JSON.stringify(value)),
        ),
        async (text) => {
          expect(parseSession("v", text, nowMs)).toMatchObject({ token: undefined, ledger: undefined });
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

describe("a request token", () => {
  test("is the same for the same version before and nonce, and another one for any other", () => {
    const tokens = ["", "a", "b"].flatMap((follows) => ["", "n"].map((nonce) => requestToken({ follows, nonce })));
    expect(new Set(tokens).size).toBe(6);
    expect(requestToken({ follows: "a" })).toBe(requestToken({ follows: "a", nonce: "" }));
  });

  test("is of a length that the store takes", () => {
    expect(requestToken({ follows: "" })).toMatch(/^[\w-]{32,64}$/);
  });
});
