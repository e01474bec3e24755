import * as z from "zod/mini";
import { maxSeconds } from "./seconds.ts";

/** What is said of a device, by one schema each, whoever says it: HTTP, a direct invocation, a ticket, a fleet's input. */

/** Characters that a text about a device has at most; the platform's String(256). */
export const longestText = 256;

const text = z
  .string()
  .check(
    z.minLength(1),
    z.maxLength(longestText),
    z.regex(/^[^\p{C}\uFFFD]*$/u, "must have no control, format or replacement characters"),
    z.regex(/^(?!\s)[\s\S]*(?<!\s)$/u, "must not begin or end with a blank"),
  );

/** 1 to 256 characters (the platform's String(256)); one segment of a path there, which no id may leave. */
export const deviceId = text.check(
  z.regex(/^(?!\.{1,2}$)[^\s/\\?#%]*$/u, "must have no blanks, slashes, %, ? or #, and not be a path"),
);

/** What identifies the hardware: 1 to 256 characters. */
export const nodeId = text;

/** The code that the hardware connects with: 1 to 256 characters. */
export const verifyCode = text;

/** The application that owns the device: 1 to 256 characters. */
export const appId = text;

/** Seconds until a verification code ends, an Integer of the platform; 0: never. */
export const timeoutSeconds = z.int().check(z.minimum(0), z.maximum(maxSeconds));

/**
 * How a code is made that nobody gives: derived from a key that only we have, or the nodeId itself, for hardware whose
 * agent wants the two equal. What stands on a label is no secret, so the latter has to be asked for.
 */
export const codeOrigin = z.enum(["derived", "nodeId"]);

/** One of {@link codeOrigin}. */
export type CodeOrigin = z.infer<typeof codeOrigin>;
