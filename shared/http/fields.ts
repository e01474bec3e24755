import * as z from "zod/mini";

/** What a request brings beside what it says of a device (shared/device.ts). */

/** An access token as HTTP can carry it. */
export const accessToken = z
  .string()
  .check(z.minLength(1), z.maxLength(8_192), z.regex(/^[\x21-\x7e]*$/, "must be printable ASCII without blanks"));

/** 1 to 256 printable ASCII characters. */
export const idempotencyKey = z
  .string()
  .check(z.minLength(1), z.maxLength(256), z.regex(/^[\x20-\x7e]*$/, "must be printable ASCII"));
