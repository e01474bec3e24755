import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { hmacDefaults } from "../../shared/webhook/presets.ts";
import type { HmacScheme } from "../../shared/webhook/scheme.ts";
import { keyBytes } from "../../shared/webhook/secret.ts";
import { headerValue, verify } from "../../shared/webhook/verify.ts";
import { bytes, hmac, outcome } from "./signing.ts";

const base: HmacScheme = { ...hmacDefaults, header: "sig", encoding: "hex", prefix: "", timestamp: null };
const good = hmac("s", "{}").digest("hex");
const of = (changes: Partial<HmacScheme>, headers: Record<string, string | undefined>, body = "{}", nowMs = 0) =>
  outcome({ ...base, ...changes }, ["s"], headers, bytes(body), nowMs);

test("what does not verify is refused with the same words, whatever is wrong with it", () => {
  const refuse = (headers: Record<string, string>) => verify(base, ["s"], { headers, body: bytes("{}"), nowMs: 0 });
  for (const headers of [{}, { sig: "x" }, { sig: `${good}0` }]) {
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

describe("a time that stands in the signature's own header", () => {
  const scheme = {
    header: "sig",
    prefix: "v1=",
    separator: ",",
    signed: "{timestamp}.{body}",
    timestamp: { in: "signature", name: "t", unit: "s" },
  } as const;
  const v1 = hmac("s", "7.{}").digest("hex");

  test.each<[string, string, string]>([
    ["is read from there", `t=7,v1=${v1}`, "verified"],
    ["may stand behind the signature, with blanks", `v1=${v1}, t=7`, "verified"],
    ["may stand beside an old kind of signature", `t=7,v1=${v1},v0=00`, "verified"],
    ["is signed", `t=8,v1=${v1}`, "SignatureError"],
    ["cannot be left out", `v1=${v1}`, "SignatureError"],
    ["cannot be stated twice", `t=7,t=7,v1=${v1}`, "SignatureError"],
  ])("%s", (_, sig, expected) => {
    expect(of(scheme, { sig }, "{}", 7_000)).toBe(expected);
  });

  test("has a window like any other", () => {
    expect(of(scheme, { sig: `t=7,v1=${v1}` }, "{}", 307_000)).toBe("verified");
    expect(of(scheme, { sig: `t=7,v1=${v1}` }, "{}", 307_001)).toBe("SignatureError");
  });
});

test("a blank behind the prefix does not count, as HaloPSA writes it", () => {
  const sig = hmac("s", "{}").digest("base64");
  expect(of({ prefix: "sha256=", encoding: "base64" }, { sig: `sha256= ${sig}` })).toBe("verified");
});

test("sha1 verifies where a source says so, and only there", () => {
  const sig = `sha1=${createHmac("sha1", "s").update("{}").digest("hex")}`;
  expect(of({ prefix: "sha1=", algorithm: "sha1" }, { sig })).toBe("verified");
  expect(of({ prefix: "sha1=" }, { sig })).toBe("SignatureError");
});

describe("what a sender vouches for", () => {
  const proofOf = (changes: Partial<HmacScheme>, signed: string, headers: Record<string, string>, secrets = ["s"]) =>
    verify({ ...base, ...changes }, secrets, {
      headers: { sig: hmac("s", signed).digest("hex"), ...headers },
      body: bytes("{}"),
      nowMs: 7_000,
    });
  const timestamp = { in: "header", name: "at", unit: "s" } as const;

  test("is the id and the time that it signed, and which of the secrets it knows", () => {
    const scheme = { signed: "{id}.{timestamp}.{body}", idHeader: "id", timestamp };
    expect(proofOf(scheme, "a.7.{}", { id: "a", at: "7" }, ["new", "s"])).toEqual({ secret: "s", id: "a", time: "7" });
  });

  test("is no id and no time that merely stand in a header", () => {
    expect(proofOf({ idHeader: "id", timestamp }, "{}", { id: "a", at: "7" })).toEqual({ secret: "s" });
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
  ["base64", "--__", "fbefff"],
  ["base64", "++//", "fbefff"],
  ["base64", "AAAAA", undefined],
  ["base64", "AQ=I", undefined],
  // The prefix says how it is to be read, and that is not what `base64` says.
  ["base64", "whsec_AQI=", undefined],
  ["whsec", "whsec_AQI=", "0102"],
  ["whsec", "v1,whsec_AQI=", "0102"],
  ["whsec", "v2,whsec_AQI=", undefined],
  ["whsec", "whsec_--__", "fbefff"],
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
