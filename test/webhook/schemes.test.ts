import { describe, expect, test } from "vitest";
import { hmacDefaults } from "../../shared/webhook/presets.ts";
import { type HmacScheme, headerValue, keyBytes, verify } from "../../shared/webhook/verify.ts";
import { bytes, hmac, outcome } from "./signing.ts";

const base: HmacScheme = { ...hmacDefaults, header: "sig", encoding: "hex", prefix: "", timestamp: null };
const good = hmac("s", "{}").digest("hex");
const of = (changes: Partial<HmacScheme>, headers: Record<string, string | undefined>, body = "{}", nowMs = 0) =>
  outcome({ ...base, ...changes }, ["s"], headers, bytes(body), nowMs);

test("what does not verify is refused with the same words, whatever is wrong with it", () => {
  const refuse = (headers: Record<string, string>) => verify(base, ["s"], { headers, body: bytes("{}"), nowMs: 0 });
  for (const headers of [{}, { sig: "x" }, { sig: good.toUpperCase() }]) {
    expect(() => refuse(headers)).toThrow("The signature does not verify");
  }
});

test.each<[string, Record<string, string | undefined>, string | undefined]>([
  ["its value without blanks around it", { "X-A": " v " }, "v"],
  ["the one that has a value, of two spellings", { "X-A": undefined, "x-a": "v" }, "v"],
  ["nothing where there is none", { "x-b": "v" }, undefined],
  ["nothing where it is blank", { "x-a": "  " }, undefined],
  ["nothing where it is undefined", { "x-a": undefined }, undefined],
])("a header gives %s", (_, headers, value) => {
  expect(headerValue(headers, "x-a")).toBe(value);
});

describe("signatures in a header", () => {
  test.each<[string, Partial<HmacScheme>, string, string]>([
    ["one with blanks around it", {}, ` ${good} `, "verified"],
    ["two where one is meant", {}, `${good},${good}`, "SignatureError"],
    ["a second one, behind a blank", { separator: "," }, `x, ${good}`, "verified"],
    ["one without the prefix", { prefix: "v1=" }, good, "SignatureError"],
    ["nothing but the prefix", { prefix: "v1=" }, "v1=", "SignatureError"],
    ["the sixteenth", { separator: "," }, `${"x,".repeat(15)}${good}`, "verified"],
    ["the seventeenth", { separator: "," }, `${"x,".repeat(16)}${good}`, "SignatureError"],
    [
      "the second with the prefix, behind twenty without",
      { separator: ",", prefix: "v1=" },
      `${"x,".repeat(20)}v1=x,v1=${good}`,
      "verified",
    ],
  ])("%s", (_, changes, sig, expected) => {
    expect(of(changes, { sig })).toBe(expected);
  });
});

describe("what is signed", () => {
  const signed = (...parts: string[]) => hmac("s", ...parts).digest("hex");
  const timestamp = { in: "header", name: "at", unit: "s" } as const;

  test("is the template with the id, the time and the body in their places, other letters as they are", () => {
    const scheme = { signed: "é:{id}.{timestamp}.{body}", idHeader: "id", timestamp };
    expect(of(scheme, { sig: signed("é:ü.7.{}"), id: "ü", at: "7" }, "{}", 7_000)).toBe("verified");
    expect(of(scheme, { sig: signed("é:.7.{}"), at: "7" }, "{}", 7_000)).toBe("SignatureError");
    expect(of(scheme, { sig: signed("é:ü..{}"), id: "ü" }, "{}", 7_000)).toBe("SignatureError");
  });

  test("cannot be told where it names an id or a time that the scheme does not place", () => {
    expect(of({ signed: "{id}{body}", idHeader: null }, { sig: signed("{}") })).toBe("SignatureError");
    expect(of({ signed: "{timestamp}{body}" }, { sig: signed("{}") })).toBe("SignatureError");
    const inBody = { signed: "{timestamp}{body}", timestamp: { in: "field", name: "at", unit: "s" } } as const;
    expect(of(inBody, { sig: signed('7{"at":7}'), at: "7" }, '{"at":7}', 7_000)).toBe("SignatureError");
  });
});

describe("the time that a sender states", () => {
  const inHeader = (unit: "s" | "ms" | "iso", at: string, nowMs: number) =>
    of({ timestamp: { in: "header", name: "at", unit }, windowSeconds: 0 }, { sig: good, at }, "{}", nowMs);
  const second = Date.parse("2026-11-24T13:00:00Z");

  test.each<["s" | "ms" | "iso", string, number]>([
    ["s", "7", 7_000],
    ["s", "999999999999", 999_999_999_999_000],
    ["ms", "7", 7],
    ["ms", "999999999999999", 999_999_999_999_999],
    ["iso", "2026-11-24T13:00:00Z", second],
    ["iso", "2026-11-24T13:00:00.5Z", second + 500],
    ["iso", "2026-11-24T13:00:00.123456789Z", second + 123],
    ["iso", "2026-11-24T14:00:00+01:00", second],
    ["iso", "2026-11-24T11:30:00-0130", second],
  ])("in %s as %s is understood", (unit, at, nowMs) => {
    expect(inHeader(unit, at, nowMs)).toBe("verified");
  });

  test.each<["s" | "ms" | "iso", string]>([
    ["s", "x7"],
    ["s", "7x"],
    ["s", "7.0"],
    ["s", "-7"],
    ["s", "1000000000000"],
    ["ms", "x7"],
    ["ms", "7x"],
    ["ms", "1000000000000000"],
    ["iso", "x2026-11-24T13:00:00Z"],
    ["iso", "2026-11-24T13:00:00Zx"],
    ["iso", "2026-11-24T13:00:00"],
    ["iso", "2026-11-24 13:00:00Z"],
    ["iso", "2026-11-24T13:00:00.Z"],
    ["iso", "2026-11-24T13:00:00.1234567890Z"],
    ["iso", "7"],
  ])("in %s as %s is none", (unit, at) => {
    const scheme: HmacScheme = {
      ...base,
      timestamp: { in: "header", name: "at", unit },
      windowSeconds: Number.MAX_SAFE_INTEGER,
    };
    expect(outcome(scheme, ["s"], { sig: good, at }, bytes("{}"), second)).toBe("SignatureError");
  });

  test.each<[string, string]>([
    ['{"at":7}', "verified"],
    ['{"at":"7"}', "verified"],
    ['{"other":1,"at":7}', "verified"],
    ['{"at":true}', "SignatureError"],
    ['{"at":null}', "SignatureError"],
    ['{"at":["7"]}', "SignatureError"],
    ['{"of":{"at":7}}', "SignatureError"],
    ['[["at",7]]', "SignatureError"],
    ["null", "SignatureError"],
    ["7", "SignatureError"],
    ['"at"', "SignatureError"],
    ["{", "SignatureError"],
  ])("in the body %s is %s", (body, expected) => {
    const scheme = { timestamp: { in: "field", name: "at", unit: "s" }, windowSeconds: 0 } as const;
    expect(of(scheme, { sig: hmac("s", body).digest("hex") }, body, 7_000)).toBe(expected);
  });

  test("in a field that every object inherits is none", () => {
    const scheme = { timestamp: { in: "field", name: "toString", unit: "s" }, windowSeconds: 0 } as const;
    expect(of(scheme, { sig: good }, "{}", 7_000)).toBe("SignatureError");
  });
});

test.each<[HmacScheme["key"], string, string | undefined]>([
  ["utf8", "é", "c3a9"],
  ["utf8", "", undefined],
  ["hex", "00fF10", "00ff10"],
  ["hex", "0", undefined],
  ["hex", "0g", undefined],
  ["hex", "x00", undefined],
  ["hex", "00x", undefined],
  ["hex", "", undefined],
  ["base64", "AQI=", "0102"],
  ["base64", "AQI", "0102"],
  ["base64", " AQI=", undefined],
  ["base64", "AQI= ", undefined],
  ["base64", "A", undefined],
  ["base64", "", undefined],
  // Its underscore is no base64: the prefix belongs to `whsec` alone.
  ["base64", "whsec_AQI=", undefined],
  ["whsec", "whsec_AQI=", "0102"],
  ["whsec", "AQI=", "0102"],
  ["whsec", "whsec_", undefined],
])("a secret in the form %s, %j, is the key %s", (form, secret, hex) => {
  const key = keyBytes(form, secret);
  expect(key === undefined ? undefined : Buffer.from(key).toString("hex")).toBe(hex);
});

test("a secret that is no key does not keep the next one from verifying", () => {
  const scheme: HmacScheme = { ...base, key: "hex" };
  const sig = hmac(Buffer.from("00ff", "hex"), "{}").digest("hex");
  expect(outcome(scheme, ["no key", "00ff"], { sig }, bytes("{}"))).toBe("verified");
});
