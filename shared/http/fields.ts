import * as z from "zod/mini";

/** The fields that several operations take; String(256) is the platform's own limit. */

/** One path segment on the platform, which no id may leave. */
export const deviceId = z
  .string()
  .check(
    z.minLength(1),
    z.maxLength(256),
    z.regex(/^(?!\.{1,2}$)[^\s/\\?#%\p{C}]*$/u, "must have no blanks, slashes, %, ? or #, and not be a path"),
  );

/** Text that is passed through unchanged. */
export const text256 = z
  .string()
  .check(z.minLength(1), z.maxLength(256), z.regex(/^[^\p{Cc}\p{Cs}]*$/u, "must have no control characters"));

/** An access token as HTTP can carry it. */
export const accessToken = z
  .string()
  .check(z.minLength(1), z.maxLength(8_192), z.regex(/^[\x21-\x7e]*$/, "must be printable ASCII without blanks"));

/** 1 to 256 printable ASCII characters. */
export const idempotencyKey = z
  .string()
  .check(z.minLength(1), z.maxLength(256), z.regex(/^[\x20-\x7e]*$/, "must be printable ASCII"));

/** Seconds until a verification code ends; 0: never. */
export const timeoutSeconds = z.int().check(z.minimum(0), z.maximum(2_147_483_647));
