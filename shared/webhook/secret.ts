import type { KeyForm, Scheme } from "./scheme.ts";

/** Zendesk's "test webhook" button signs with this; everybody knows it, so it verifies nothing. */
export const zendeskTestSecret = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";

/** What can be guessed is no secret: 16 random letters and digits are 80 bits and more. */
const minSecretLength = 16;

/**
 * The key that a secret stands for. Base64 may be written url-safe, and without the `=` at its end.
 *
 * @returns undefined when the secret is not of that form, or stands for no bytes at all
 */
export function keyBytes(form: KeyForm, secret: string): Uint8Array | undefined {
  if (form === "utf8") return nonEmpty(Buffer.from(secret, "utf8"));
  if (form === "hex") {
    return /^([0-9a-f]{2})+$/i.test(secret) ? Buffer.from(secret, "hex") : undefined;
  }
  const isMarked = /^(v1,)?whsec_/.test(secret);
  if (form === "base64" && isMarked) return undefined;
  const text = isMarked ? secret.replace(/^(v1,)?whsec_/, "") : secret;
  // Four letters are three bytes; one letter left over is none.
  const isBase64 = /^[\w+/-]+={0,2}$/.test(text) && text.replace(/=+$/, "").length % 4 !== 1;
  return isBase64 ? nonEmpty(Buffer.from(text, "base64url")) : undefined;
}

/** Whether a secret may verify deliveries. */
export function isUsable(scheme: Scheme, secret: string): boolean {
  return secretFaults(scheme, secret).length === 0;
}

/** Why a secret verifies nothing, or nothing that is worth it; in words that hold nothing of it. */
export function secretFaults(scheme: Scheme, secret: string): string[] {
  const faults: string[] = [];
  if (secret === zendeskTestSecret) faults.push("is the one that Zendesk publishes for tests: everybody knows it");
  if (secret.length < minSecretLength) faults.push(`must have at least ${minSecretLength} characters`);
  if (/\p{Cc}/u.test(secret)) faults.push("must not hold a line end or another control character");
  else if (secret.trim() !== secret) faults.push("must not begin or end with a blank");
  if (scheme.kind === "hmac" && secret !== "" && keyBytes(scheme.key, secret) === undefined) {
    faults.push(scheme.key === "hex" ? "is not hex, and signature.key says so" : "is not base64");
  }
  return faults;
}

function nonEmpty(bytes: Buffer): Buffer | undefined {
  return bytes.length === 0 ? undefined : bytes;
}
