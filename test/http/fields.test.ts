import { expect, test } from "vitest";
import type * as z from "zod/mini";
import { accessToken, deviceId, idempotencyKey, text256, timeoutSeconds } from "../../shared/http/fields.ts";

const fields = { deviceId, text256, accessToken, idempotencyKey, timeoutSeconds } satisfies Record<
  string,
  z.ZodMiniType
>;

test.each<[keyof typeof fields, unknown]>([
  ["deviceId", "d"],
  ["deviceId", "urn:imei:860000000000001"],
  ["deviceId", "..."],
  ["deviceId", ".d"],
  ["deviceId", "d.."],
  ["deviceId", "gerät"],
  ["deviceId", "x".repeat(256)],
  ["text256", "with blanks, / and ü"],
  ["text256", "x".repeat(256)],
  ["accessToken", "!~"],
  ["accessToken", "t".repeat(8_192)],
  ["idempotencyKey", " !~"],
  ["idempotencyKey", "k".repeat(256)],
  ["timeoutSeconds", 0],
  ["timeoutSeconds", 2_147_483_647],
])("%s may be %j", (name, value) => {
  expect(fields[name].safeParse(value)).toMatchObject({ success: true, data: value });
});

const path = "must have no blanks, slashes, %, ? or #, and not be a path";

test.each<[keyof typeof fields, unknown, string]>([
  ...[".", "..", "a b", " a", "a/", "/a", "a\\b", "a?", "#a", "a%2f", "a\tb", "\u0000a", "a\u200b"].map(
    (value): ["deviceId", string, string] => ["deviceId", value, path],
  ),
  ["text256", "a\u0000", "must have no control characters"],
  ["text256", "\na", "must have no control characters"],
  ["text256", "a\ud800", "must have no control characters"],
  ["accessToken", "a b", "must be printable ASCII without blanks"],
  ["accessToken", " a", "must be printable ASCII without blanks"],
  ["accessToken", "a\r\nx: y", "must be printable ASCII without blanks"],
  ["accessToken", "ü", "must be printable ASCII without blanks"],
  ["idempotencyKey", "\nk", "must be printable ASCII"],
  ["idempotencyKey", "kü", "must be printable ASCII"],
])("%s may not be %j: it %s", (name, value, message) => {
  expect(fields[name].safeParse(value).error?.issues.map((issue) => issue.message)).toContain(message);
});

test.each<[keyof typeof fields, unknown]>([
  ["deviceId", ""],
  ["deviceId", "x".repeat(257)],
  ["text256", ""],
  ["text256", "x".repeat(257)],
  ["accessToken", ""],
  ["accessToken", "t".repeat(8_193)],
  ["idempotencyKey", ""],
  ["idempotencyKey", "k".repeat(257)],
  ["timeoutSeconds", -1],
  ["timeoutSeconds", 0.5],
  ["timeoutSeconds", 2_147_483_648],
  ["timeoutSeconds", "180"],
])("%s may not be %j", (name, value) => {
  expect(fields[name].safeParse(value).success).toBe(false);
});
