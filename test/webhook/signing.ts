import { createHmac } from "node:crypto";
import { RekeyError } from "../../shared/errors.ts";
import type { Scheme } from "../../shared/webhook/scheme.ts";
import { type Headers, verify } from "../../shared/webhook/verify.ts";

/** The bytes of a text. */
export const bytes = (text: string): Buffer => Buffer.from(text, "utf8");

/** SHA-256 of the parts under a key, as senders sign. */
export const hmac = (key: string | Buffer, ...parts: (string | Uint8Array)[]) =>
  parts.reduce((mac, part) => mac.update(part), createHmac("sha256", key));

/** `verified`, the name of the error, or what else was thrown. */
export function outcome(
  scheme: Scheme,
  secrets: readonly string[],
  headers: Headers,
  body: Uint8Array,
  nowMs = 0,
): string {
  try {
    verify(scheme, secrets, { headers, body, nowMs });
    return "verified";
  } catch (error) {
    return error instanceof RekeyError ? error.name : `other: ${String(error)}`;
  }
}
