import * as z from "zod/mini";
import { maxSeconds } from "../seconds.ts";

/** What the platform's replies look like; the only place that knows their names. Unknown fields are dropped. */

/** String(256). */
const replyText = z.string().check(z.minLength(1), z.maxLength(256));

/** A Boolean that some installations quote: `"false"` is false. */
const wireBoolean = z.union([
  z.boolean(),
  z.pipe(
    z.enum(["true", "false"]),
    z.transform((text) => text === "true"),
  ),
]);

/** A whole number that some pages quote. */
const wireInteger = z.pipe(
  z.union([z.number(), z.pipe(z.string().check(z.regex(/^\d{1,10}$/)), z.transform(Number))]),
  z.int(),
);

// What the secrets store and a header can hold.
const maxTokenLength = 8_192;

/** login and refreshToken: 200 `{scope, tokenType, expiresIn, accessToken, refreshToken}`; `expiresIn` in seconds. */
export const tokenReply = z.object({
  accessToken: z.string().check(z.minLength(1), z.maxLength(maxTokenLength), z.regex(/^[\x21-\x7e]+$/)),
  expiresIn: wireInteger.check(z.positive(), z.maximum(maxSeconds)),
  refreshToken: z.optional(z.nullable(z.string().check(z.maxLength(maxTokenLength)))),
});

/** refresh device key: 200 `{verifyCode, timeout}`; `timeout` in seconds. */
export const deviceKeyReply = z.object({
  verifyCode: replyText,
  timeout: z.optional(z.nullable(wireInteger.check(z.nonnegative(), z.maximum(maxSeconds)))),
});

/** activation status: 200 `{deviceId, activated, name}`. */
export const activationReply = z.object({
  deviceId: replyText,
  activated: wireBoolean,
  name: z.optional(z.nullable(z.string())),
});

/** device info: 200 `{deviceId, ..., deviceInfo{nodeId, name, status, ...}}`; words of `status` that we do not know pass. */
export const deviceReply = z.object({
  deviceId: replyText,
  deviceInfo: z.object({
    nodeId: z.optional(z.nullable(z.string())),
    name: z.optional(z.nullable(z.string())),
    status: z.optional(z.nullable(z.string())),
  }),
});

/**
 * An error: `{error_code, error_desc}`; the code is a string, and a number is taken too. Neither `"0"` nor an empty
 * code is one: some gateways add them to every success.
 */
export const errorReply = z.object({
  error_code: z
    .pipe(z.union([z.string().check(z.maxLength(32)), z.number()]), z.transform(String))
    .check(z.refine((code) => !/^\s*0?\s*$/.test(code))),
});

/** The access and refresh token of a login. */
export type TokenReply = z.infer<typeof tokenReply>;
/** A device as device info gives it. */
export type DeviceInfo = z.infer<typeof deviceReply>["deviceInfo"];
