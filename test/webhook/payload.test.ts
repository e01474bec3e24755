import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventsIn, payloadOf, textOfBody } from "../../shared/webhook/payload.ts";

const documentOf = (text: string) => payloadOf(text)?.document;

describe("a number", () => {
  test.each([
    // As many digits as a double is trusted with.
    ["860000000000001", 860000000000001],
    ["-860000000000001", -860000000000001],
    ["0", 0],
    ["12.5", 12.5],
    ["1234567890123456", "1234567890123456"],
    ["9007199254740993", "9007199254740993"],
    ["-9007199254740993", "-9007199254740993"],
    ["89860117801234567894", "89860117801234567894"],
    // As systems write a double that hold every number as one.
    ["863704012345678.0", 863704012345678],
    ["8.63704012345678E14", 863704012345678],
    ["8.63704012345670e+14", 863704012345670],
    ["1e3", 1000],
    ["2.5E5", 250000],
    ["1.0E0", 1],
    ["0E99", 0],
    ["600.00000000000000000", 600],
  ])("%s is %j", (written, read) => {
    const { document, rounded } = payloadOf(`{"a":[ ${written}],"b":${written}}`) ?? {};
    expect(document).toEqual({ a: [read], b: read });
    expect([...(rounded ?? [])]).toEqual([]);
  });

  test.each([
    ["8.63704E+14"],
    ["8.6370401234567E14"],
    ["8.6E+14"],
    ["1e6"],
    ["89860117801234567894.0"],
    ["8.986011780123457E19"],
    ["8.9860117801234567894E19"],
    ["863704012345678.00000001"],
    ["1E-400"],
    ["1e308"],
    ["-8.6E14"],
  ])("%s has lost digits, and is the text of what is left", (written) => {
    const { document, rounded } = payloadOf(`{"a":${written}}`) ?? {};
    expect(document).toEqual({ a: written });
    expect([...(rounded ?? [])]).toEqual([written]);
  });

  test("that no double can hold is read as JavaScript does", () => {
    expect(documentOf('{"a":1e400}')).toEqual({ a: Number.POSITIVE_INFINITY });
  });

  test("of fewer than sixteen digits, and everything else, is what JSON.parse makes of it", () => {
    const value = fc.jsonValue({ maxDepth: 4 }).filter((one) => !/\d{16}|\de/.test(JSON.stringify(one)));
    const property = fc.property(value, (one) => {
      expect(documentOf(JSON.stringify(one))).toEqual(JSON.parse(JSON.stringify(one)));
    });
    fc.assert(property);
  });

  test("keeps all its digits, however many, or is told to have lost some", () => {
    const whole = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n });
    const property = fc.property(whole, fc.integer({ min: -5, max: 25 }), (number, exponent) => {
      for (const written of [String(number), `${number}.0`, `${number}e${exponent}`]) {
        const { document, rounded } = payloadOf(`{"a":${written}}`) ?? expect.fail(written);
        const read: unknown = Reflect.get(Object(document), "a");
        if (rounded.has(String(read)) || !Number.isInteger(Number(read))) continue;
        const exact = written.includes("e") ? number * 10n ** BigInt(Math.max(0, exponent)) : number;
        expect(BigInt(String(read)) * 10n ** BigInt(Math.max(0, written.includes("e") ? -exponent : 0))).toBe(exact);
      }
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  test("in a text is a text", () => {
    const text = '{"a":"1e3 12345678901234567890 8.6E+14","1e9":", 12345678901234567890"}';
    expect(documentOf(text)).toEqual(JSON.parse(text));
  });
});

test.each(["", "deviceId=1", "{", "{'a':1}", '{"a":12345678901234567890', "\u0000"])("%j is no payload", (text) => {
  expect(payloadOf(text)).toBeUndefined();
});

test("a megabyte of brackets is a payload or none, and nothing breaks", () => {
  for (const more of ["", "[1234567890123456]"]) {
    const text = `${"[".repeat(500_000)}${more}${"]".repeat(500_000)}`;
    expect([undefined, true]).toContain(payloadOf(text) === undefined ? undefined : true);
  }
});

test.each([
  ["{}", "{}"],
  ["\uFEFF{}", "{}"],
  ['{"a":"\uFEFF"}', '{"a":"\uFEFF"}'],
  ["\uFEFF\uFEFF{}", "\uFEFF{}"],
])("the bytes of %j are the text %j", (sent, text) => expect(textOfBody(Buffer.from(sent))).toBe(text));

test.each([
  ["a lone byte", [0xff]],
  ["UTF-16", [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ["Latin-1", [0x22, 0xe4, 0x22]],
  ["half a character", [0x22, 0xf0, 0x9f]],
  ["a surrogate", [0xed, 0xa0, 0x80]],
])("%s is no UTF-8", (_, bytes) => expect(textOfBody(Uint8Array.from(bytes))).toBeUndefined());

test.each([
  [{ a: 1 }, [{ a: 1 }]],
  [
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { a: 2 }],
  ],
  [[], []],
  [null, [null]],
])("the events in %j are %j", (document, events) => expect(eventsIn(document)).toEqual(events));
