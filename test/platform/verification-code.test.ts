import { createHmac, createSecretKey } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { deriveVerificationCode } from "../../shared/platform/verification-code.ts";

const bytes = Buffer.alloc(32, 5);
const key = createSecretKey(bytes);
const origin = { appId: "app", deviceId: "device", nodeId: "node", idempotencyKey: "key" };

test("a code is sixteen letters of Crockford's alphabet, five bits of the digest each", () => {
  const digest = createHmac("sha256", bytes).update('["app","device","node","key"]').digest();
  const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  const expected = [...digest.subarray(0, 16)].map((byte) => alphabet[byte % 32]).join("");
  expect(deriveVerificationCode(key, origin)).toBe(expected);
});

test("a device without a nodeId of its own has another origin than one whose nodeId is a word for nothing", () => {
  const codes = [undefined, "", "null", "undefined"].map((nodeId) =>
    deriveVerificationCode(key, { ...origin, nodeId }),
  );
  expect(new Set(codes).size).toBe(4);
});

test("the same origin has the same code for ever, any other one another", () => {
  const text = fc.string({ unit: "binary", maxLength: 20 });
  const any = fc.record({
    appId: text,
    deviceId: text,
    nodeId: fc.option(text, { nil: undefined }),
    idempotencyKey: text,
  });
  fc.assert(
    fc.property(any, any, (one, other) => {
      const code = deriveVerificationCode(key, one);
      expect(code).toMatch(/^[0-9a-hjkmnp-tv-z]{16}$/);
      expect(deriveVerificationCode(key, { ...one })).toBe(code);
      const same = JSON.stringify([one, one.nodeId ?? null]) === JSON.stringify([other, other.nodeId ?? null]);
      expect(deriveVerificationCode(key, other) === code).toBe(same);
    }),
  );
});

test("another key gives another code", () => {
  expect(deriveVerificationCode(createSecretKey(Buffer.alloc(32, 6)), origin)).not.toBe(
    deriveVerificationCode(key, origin),
  );
});
