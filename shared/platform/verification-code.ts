import { createHmac, type KeyObject } from "node:crypto";

/** What a derived code depends on; anything else about a request may differ between repeats. */
export interface CodeInputs {
  readonly appId: string;
  readonly deviceId: string;
  readonly nodeId: string | undefined;
  readonly idempotencyKey: string;
}

// Crockford's base32 in lower case: no i, l, o or u to misread, and no difference between cases, which old platforms
// do not tell apart.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * The verification code of a request with an idempotency key: HMAC-SHA256 over application, device, nodeId and key.
 *
 * @returns 16 characters, 80 bits; the same for the same inputs for ever
 */
export function deriveVerificationCode(
  codeKey: KeyObject,
  { appId, deviceId, nodeId, idempotencyKey }: CodeInputs,
): string {
  // JSON keeps the parts apart: no two inputs have the same text.
  const inputs = JSON.stringify([appId, deviceId, nodeId ?? null, idempotencyKey]);
  const digest = createHmac("sha256", codeKey).update(inputs).digest();
  let code = "";
  for (const byte of digest.subarray(0, 16)) code += alphabet.charAt(byte & 31);
  return code;
}

/**
 * Names a key without telling it: what was derived under another name cannot be derived again.
 *
 * @returns 8 hexadecimal digits, for the key and the application it is used for
 */
export function codeKeyIdOf(codeKey: KeyObject, appId: string): string {
  return createHmac("sha256", codeKey).update(`name of the key of ${appId}`).digest("hex").slice(0, 8);
}
