import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ticketApiOf } from "../../local/ticket-desk/desk.ts";
import { noteText, type Told } from "../../shared/webhook/note.ts";
import { isShownWhole, shownName, shownValue } from "../../shared/webhook/shown.ts";
import { markupOf, noteRequests, ticketApi } from "../../shared/webhook/ticket-api.ts";
import { type TicketSystem, ticketSystems } from "../../shared/webhook/ticket-systems.ts";

const plain = (text: string) => shownValue(text, { markup: "plain" });

describe("a value", () => {
  test("is never cut in the middle of a letter", () => {
    const letters = "\u{20000}".repeat(60);
    expect(plain(`a${letters}`)).toBe(`a${"\u{20000}".repeat(49)}…`);
    expect(plain(letters)).toBe(`${"\u{20000}".repeat(50)}…`);
  });

  test.each([
    ["860000000000001", "860000000000001"],
    ["urn:imei:860000000000001", "urn:imei:860000000000001"],
    ["00:11:22:aa:bb:cc", "00:11:22:aa:bb:cc"],
    ["9d385017-c611-2287-01d2-2104cc95c371", "9d385017-c611-2287-01d2-2104cc95c371"],
    ["meter_17.4-b", "meter_17.4-b"],
    ["METER-17", "METER-17"],
    ["8.6E+14", "8.6E+14"],
    ["8,63704e+14", "8,63704e+14"],
  ])("such as devices have, %j, is shown as it is", (text, shown) => {
    expect([plain(text), isShownWhole(text)]).toEqual([shown, true]);
  });

  test.each([
    ["www.evil.example", "www·evil·example"],
    ["www.1.example", "www·1·example"],
    ["evil.example", "evil·example"],
    ["https://evil.example/x?a=1", "https···evil·example·x·a·1"],
    ["mailto:ines@acme.com", "mailto·ines·acme·com"],
    ["tel:+491234", "tel··491234"],
    ["+491234", "·491234"],
    ["E+1", "E·1"],
    ["1E+", "1E·"],
    ["1E++1", "1E··1"],
    [":tada:", "·tada:"],
    ["a:tada:b", "a·tada:b"],
    ["_x_", "·x·"],
    ["_a_b_", "·a_b·"],
    ["**x** ~~y~~ `z`", "“··x·· ··y·· ·z·”"],
    ["<b>x</b>", "·b·x··b·"],
    ["@everyone #42 !img!", "“·everyone ·42 ·img·”"],
    ["{noformat}x", "·noformat·x"],
    ["=HYPERLINK(1)", "·HYPERLINK·1·"],
    ["a\nb", "a·b"],
    ["a\u202eb", "a·b"],
  ])("that a system would make something of, %j, is shown as %j", (text, shown) => {
    expect([plain(text), isShownWhole(text)]).toEqual([shown, false]);
  });

  test("with blanks in it stands in quotes, and cannot pass for the note's own words", () => {
    const forged = "x is re-keyed. Verification code: 0000000000000000. Device y";
    expect(plain(forged)).toBe(`“${forged}”`);
    expect(plain("”x“ y")).toBe("“·x· y”");
  });

  test("stands between backticks where marks and issue numbers are read", () => {
    for (const text of ["GH-26", "_x_", ":tada:", "www.evil.example", "METER-17", "a b"]) {
      expect(shownValue(text, { markup: "markdown" })).toBe(`\`${text}\``);
    }
    expect(shownValue("`a` ``b``", { markup: "markdown" })).toBe("`·a· ··b··`");
    expect(shownValue(" ", { markup: "markdown" })).toBe("");
  });

  test("of a name has no colon, with which a line of the note begins", () => {
    expect(shownName("Ines Verification code: 0000", { markup: "plain" })).toBe("Ines Verification code· 0000");
  });
});

/** What each system makes of a text, by its own documentation: addresses, numbers of issues, little pictures, markup. */
const madeOf: Readonly<Record<TicketSystem, readonly RegExp[]>> = (() => {
  const addresses = [/https?:\/\//i, /\bwww\.\S/i, /[\p{L}\p{N}-]\.\p{L}{2,}/iu, /\b(mailto|tel|javascript):\S/i];
  const marks = [
    /(?<![\p{L}\p{N}])_\S[^_]*_(?![\p{L}\p{N}])/u,
    /\*\S/,
    /:[a-z][\w+-]{2,}:/i,
    /!?\[/,
    /[<>]/,
    /@\p{L}/u,
  ];
  const markdown = [...addresses, ...marks, /\bGH-\d/i, /#\d/];
  return {
    zendesk: [...addresses, ...marks],
    jira: [/@\p{L}/u, /[<>]/],
    "jira-service-management": [/[{}]/],
    freshdesk: [...addresses, /<(?!br>)/, /&/],
    freshservice: [...addresses, /<(?!br>)/, /&/],
    servicenow: [...addresses, /\[code\]/i, /@\[/],
    pagerduty: addresses,
    github: markdown,
    linear: [...markdown, /\b[A-Z]{2,}-\d+/],
  };
})();

/** What a system reads for text alone: nothing in it is markup. */
function readFor(system: TicketSystem, text: string): string {
  if (system === "github" || system === "linear") return text.replace(/`[^`\n]*`/g, "");
  return text.replace(/^\{noformat\}\n|\n\{noformat\}$/g, "");
}

/** The texts in a request's body. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

describe.each([...ticketSystems])("a note on %s", (system) => {
  const api = ticketApi.parse(ticketApiOf({ url: "http://127.0.0.1:1" }, system));
  const hostile = (text: string): Told => ({
    ...{ deviceId: text, nodeId: text, requester: text },
    ...{ operationId: `desk-${"0".repeat(32)}`, requestId: "c0ffee" },
    outcome: { ok: false, error: "InvalidInputError", detail: `deviceId ${text} is no device` },
  });
  const written = (text: string) => {
    const note = noteText(hostile(text), 0, { markup: markupOf(api) });
    const { body = "" } = noteRequests(api, "7").write(note);
    // GraphQL's own words are no part of the note.
    const { query: _, ...said }: Record<string, unknown> = JSON.parse(body);
    return textsIn(said).map((one) => readFor(system, one));
  };

  test.each(["www.evil.example", "GH-26", "_x_", ":tada:", "METER-17", "http://evil.example/", "mailto:a@b.example"])(
    "makes no link, picture or markup of %j",
    (text) => {
      for (const one of written(text)) for (const made of madeOf[system]) expect(one).not.toMatch(made);
    },
  );

  test("makes none of any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (text) => {
        for (const one of written(text)) for (const made of madeOf[system]) expect(one).not.toMatch(made);
      }),
      { numRuns: 100 },
    );
  });
});
