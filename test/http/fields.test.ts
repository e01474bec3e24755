import { expect, test } from "vitest";
import type * as z from "zod/mini";
import { accessToken, idempotencyKey } from "../../shared/http/fields.ts";

const fields = { accessToken, idempotencyKey } satisfies Record<string, z.ZodMiniType>;

test.each<[keyof typeof fields, unknown]>([
  ["accessToken", "!~"],
  ["accessToken", "t".repeat(8_192)],
  ["idempotencyKey", " !~"],
  ["idempotencyKey", "k".repeat(256)],
])("%s may be %j", (name, value) => {
  expect(fields[name].safeParse(value)).toMatchObject({ success: true, data: value });
});

test.each<[keyof typeof fields, unknown, string]>([
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
  ["accessToken", ""],
  ["accessToken", "t".repeat(8_193)],
  ["idempotencyKey", ""],
  ["idempotencyKey", "k".repeat(257)],
])("%s may not be %j", (name, value) => {
  expect(fields[name].safeParse(value).success).toBe(false);
});
