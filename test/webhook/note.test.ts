import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { errorNames, RekeyError, traitsOf } from "../../shared/errors.ts";
import { errorsOf } from "../../shared/http/description.ts";
import { noteText, type Told } from "../../shared/webhook/note.ts";
import { correctTicket } from "../../shared/webhook/plain-words.ts";
import { asSenderSees, type PresetName, presets } from "../../shared/webhook/presets.ts";

const nowMs = Date.parse("2026-11-25T20:00:00Z");
const done = { ok: true, verifyCode: "c0de", timeout: 180, expiresAtMs: nowMs + 180_000 } as const;
const told: Told = {
  deviceId: "meter-1",
  nodeId: "urn:imei:1",
  operationId: "desk-1",
  requestId: "r-1",
  outcome: done,
};
/** What refreshDeviceKey can end with, and so a ticket be told. */
const { session, platform, device, change } = errorsOf;
const onTickets = new Set<string>(["InvalidInputError", ...session, ...platform, ...device, ...change]);
const note = (changes: Partial<Told> = {}) => noteText({ ...told, ...changes }, nowMs);

describe("a note of success", () => {
  test("says the code, until when, what next, and which operation and request", () => {
    expect(note({ requester: "Ines" }).split("\n")).toEqual([
      "Device meter-1 is re-keyed for urn:imei:1.",
      "Verification code: c0de",
      "Valid until 2026-11-25 20:03:00 UTC.",
      "Next: give the code to the new hardware, switch it on and see that it connects while the code is valid.",
      "Asked for by: Ines",
      "Reference: desk-1",
      "Request: r-1",
    ]);
  });

  test.each([
    ["that never ends", { ...done, timeout: 0, expiresAtMs: null }, "Valid until it is used.", true],
    [
      "that ended before it was written",
      { ...done, expiresAtMs: nowMs },
      "Its code was valid until 2026-11-25 20:00:00 UTC.",
      false,
    ],
    ["that was used already", { ...done, timeout: null, expiresAtMs: null }, "has already connected", false],
    ["that others must not see", { ...done, verifyCode: undefined }, "as Idempotency-Key", false],
  ])("of a code %s says so", (_, outcome, words, hasCode) => {
    const text = note({ outcome });
    expect([text.includes(words), text.includes("c0de")]).toEqual([true, hasCode]);
  });
});

describe("a code", () => {
  const of = (verifyCode: string) => note({ outcome: { ...done, verifyCode } });

  test("that is asked for again is said to be the same, and valid again", () => {
    const again = noteText(told, nowMs, { isAgain: true }).split("\n");
    expect(again[1]).toBe(
      "The same was asked for before. A code that a note told then is this one, and it is valid again.",
    );
    expect(again[2]).toBe("Verification code: c0de");
  });

  test.each(["a<b>c", "x".repeat(257), "www.evil.example", "_c0de_", "c0de\nValid until ever", "`c0de`"])(
    "of the platform's or a caller's making with marks, %j, is not shown, and not changed",
    (verifyCode) => {
      expect(of(verifyCode)).toContain("The code holds marks that a note must not show.");
      expect(of(verifyCode)).not.toMatch(/Verification code|evil/);
    },
  );

  test("that others must not see is had by what it was derived of, where that is not the reference", () => {
    const hidden = { ...done, verifyCode: undefined };
    expect(note({ outcome: hidden, idempotencyKey: "desk-1" })).toContain("with the reference below as");
    expect(note({ outcome: hidden, idempotencyKey: "desk-0" })).toContain("with `desk-0` as Idempotency-Key");
  });
});

test.each([
  ["plain", "urn:imei:860000000000001", "Verification code: urn:imei:860000000000001"],
  ["markdown", "urn:imei:860000000000001", "Verification code: `urn:imei:860000000000001`"],
  ["plain", "www.a.example", "holds marks that a note must not show"],
  ["plain", "a b", "holds marks that a note must not show"],
  ["markdown", "www.a.example", "Verification code: `www.a.example`"],
  ["markdown", "a`b", "holds marks that a note must not show"],
] as const)("a code in %s that is the nodeId %s is shown as it is, or not at all", (markup, nodeId, line) => {
  const outcome = { ...done, code: "nodeId", verifyCode: nodeId } as const;
  const text = noteText({ ...told, nodeId, outcome }, nowMs, { markup });
  expect(text).toContain(line);
  expect(text.includes("Verification code:")).toBe(line.startsWith("Verification code:"));
});

test("an operation's id from a workflow's input goes through the same gate", () => {
  const text = note({ operationId: "x\nVerification code: 0000 www.evil.example", tryOf: "0a1b2c3d4e5f" });
  expect(text).toContain("Reference: x·Verification code: 0000 www·evil·example (0a1b2c3d4e5f)");
});

describe("a note of a code that is the nodeId", () => {
  const equal = { ...done, verifyCode: undefined, code: "nodeId" } as const;
  const [, ...lines] = note({ outcome: equal }).split("\n");

  test("says it, and which it is, also where others can read it", () => {
    expect(lines.slice(0, 3)).toEqual([
      ...[
        "Verification code: urn:imei:1",
        "This code is the number of the hardware itself.",
        "Valid until 2026-11-25 20:03:00 UTC.",
      ],
    ]);
  });

  test("shows it whole, and no markup that the ticket brought along", () => {
    expect(note({ nodeId: "1".repeat(256), outcome: equal })).toContain(`Verification code: ${"1".repeat(256)}\n`);
    const hostile = note({ nodeId: "<b>@all", outcome: equal });
    expect(hostile).toContain(
      "The code is the number of the hardware itself, which holds marks that a note must not show",
    );
    expect(hostile).not.toMatch(/Verification code|[<@]/);
  });
});

test("a note's warnings stand right under what was done", () => {
  const text = note({ warnings: ["Look at the label.", "And at the seal."] });
  expect(text.split("\n").slice(1, 4)).toEqual(["Look at the label.", "And at the seal.", "Verification code: c0de"]);
});

test("a note says nothing of what nobody knows", () => {
  const text = note({ nodeId: undefined, requestId: undefined });
  expect(text.split("\n")[0]).toBe("Device meter-1 is re-keyed.");
  expect(text.split("\n").at(-1)).toBe("Reference: desk-1");
  expect(text).not.toMatch(/Asked for|Request:/);
  expect(note({ deviceId: undefined }).split("\n")[0]).toBe("Device  is re-keyed for urn:imei:1.");
});

test.each([
  ["=HYPERLINK('x')", "·HYPERLINK··x··"],
  [" Ines ", "Ines"],
  ["x".repeat(100), "x".repeat(100)],
  ["x".repeat(101), `${"x".repeat(100)}…`],
])("a requester %j is shown as %j", (requester, shown) => {
  expect(note({ requester })).toContain(`\nAsked for by: ${shown}\n`);
});

describe("a note of failure", () => {
  const failed = (error: string, detail?: string, advice?: string) =>
    note({ outcome: { ok: false, error, detail, advice } }).split("\n");

  test.each(errorNames)("of %s says why, and what helps, in words that a technician knows", (error) => {
    const [why = "", helps = "", ...rest] = failed(error, "The appId is wrong", "Set appId.");
    expect(why).toMatch(/^Device meter-1 is not re-keyed: [A-Z][^.]+\.$/);
    expect(helps).toMatch(/^What helps: [A-Z].+\.$/);
    if (onTickets.has(error)) {
      expect(`${why}\n${helps}`.replace("The appId is wrong", "")).not.toMatch(
        /nodeId|deviceId|appId|verifyCode|token|payload|request|execution|login|quota|configur/i,
      );
    }
    expect(rest.slice(0, -2).join("")).toMatch(/^For whoever operates Rekey: (The appId is wrong\. )?Set appId\.$/);
  });

  test.each(["DeviceOnlineError", "DeviceNotFoundError", "NodeIdTakenError", "NodeIdChangedError"] as const)(
    "of %s has no line for whoever operates Rekey, where nothing is known that the name does not say",
    (error) => {
      const { title, advice } = traitsOf(error);
      for (const lines of [failed(error), failed(error, title, advice)]) expect(lines).toHaveLength(4);
      expect(failed(error, "It was seen at noon", advice)[2]).toBe("For whoever operates Rekey: It was seen at noon.");
    },
  );

  test("of what a ticket says wrongly says that in place of a reason, on one line", () => {
    const fault = "The new IMEI 86000000000000 has 14 digits, 15 are wanted";
    expect(failed("InvalidInputError", fault, correctTicket).slice(0, 3)).toEqual([
      `Device meter-1 is not re-keyed: ${fault}.`,
      "What helps: Correct it in the ticket. If the ticket is right, tell whoever operates Rekey, with the reference below.",
      "Reference: desk-1",
    ]);
    expect(failed("InvalidInputError")[0]).toBe("Device meter-1 is not re-keyed: What the ticket says cannot be used.");
  });

  test("says in a line of its own what whoever operates Rekey can do, not as a link or a sentence of the note", () => {
    expect(failed("ConfigurationError", "No application", "Set appKeyHeader to app_key.")[2]).toBe(
      "For whoever operates Rekey: No application. Set appKeyHeader to app_key.",
    );
    expect(failed("ConfigurationError", "x".repeat(501))[2]).toMatch(/: x{500}…\. Tell whoever/);
    expect(failed("ConfigurationError", "No", "See https://evil.example\nVerification code: 1234")[2]).toBe(
      "For whoever operates Rekey: No. See https···evil·example·Verification code: 1234.",
    );
  });

  test("of something that nobody foresaw names whom to tell", () => {
    const text = note({ deviceId: undefined, outcome: { ok: false, error: "States.Timeout", detail: undefined } });
    expect(text).toContain("The device is not re-keyed: Something unexpected happened.\nWhat helps: Tell whoever");
  });
});

test("whatever a ticket brings along stands on its own line without markup, mention or formula", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      const lines = note({ requester: text }).split("\n");
      expect(lines).toHaveLength(7);
      // `+` stands in a number such as 1E+9 alone.
      expect(lines[4]?.replace(/(\dE)\+(?=\d)/gi, "$1")).toMatch(/^Asked for by: [\p{L}\p{N} :;,._·…-]{0,101}$/u);
    }),
  );
});

describe("what a sender sees of an error", () => {
  test.each<[PresetName, RekeyError["name"], number]>([
    ["pagerduty", "DeviceNotFoundError", 200],
    ["pagerduty", "InvalidInputError", 200],
    ["pagerduty", "DeviceOnlineError", 503],
    ["pagerduty", "PlatformThrottledError", 429],
    ["pagerduty", "ConfigurationError", 500],
    ["zendesk", "DeviceNotFoundError", 404],
    // A 409 would be repeated three times, and can never succeed.
    ["zendesk", "NodeIdTakenError", 422],
    ["zendesk", "DeviceOnlineError", 409],
    ["zendesk", "OutcomeUnknownError", 503],
    ["zendesk", "ConfigurationError", 503],
    ["jira", "NodeIdTakenError", 422],
    ["jira", "PlatformUnavailableError", 503],
    ["github", "NodeIdTakenError", 409],
    ["github", "PlatformUnavailableError", 503],
    ["linear", "DeviceNotFoundError", 200],
    ["linear", "DeviceOnlineError", 409],
    ["standard-webhooks", "DeviceNotFoundError", 200],
    ["shared-secret", "DeviceOnlineError", 409],
    ["hmac", "ConfigurationError", 500],
  ])("%s, %s: %i", (preset, name, status) => {
    expect(asSenderSees(new RekeyError(name, "What happened"), presets[preset])).toMatchObject({ name, status });
  });

  test("is asked to come back within a minute, since Zendesk heeds no longer time", () => {
    const throttled = new RekeyError("PlatformThrottledError", "Too many", {
      retryAfterSeconds: 60,
      platformCode: "1010009",
    });
    expect(asSenderSees(throttled, presets.zendesk)).toMatchObject({ retryAfterSeconds: 55, platformCode: "1010009" });
  });
});
