import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { RekeyError } from "../errors.ts";

/** Headers as an edge hands them over: names in any spelling. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** How a sender proves itself with an HMAC over the body; a preset is a saved set of these. */
export interface HmacScheme {
  readonly kind: "hmac";
  /** Header that carries the signature, or several. */
  readonly header: string;
  readonly algorithm: "sha256" | "sha512";
  readonly encoding: "hex" | "base64";
  /** What stands before each signature, such as `sha256=`; one without it is ignored. */
  readonly prefix: string;
  /** What stands between several signatures; null when the header carries exactly one. */
  readonly separator: string | null;
  /** How a secret becomes the key; `whsec` is the base64 decoding of what follows `whsec_`. */
  readonly key: "utf8" | "base64" | "hex" | "whsec";
  /** What is signed, with the places `{id}`, `{timestamp}` and `{body}`. */
  readonly signed: string;
  /** Header of the delivery's id, where `signed` names `{id}`. */
  readonly idHeader: string | null;
  /** Where the sender states the time; null when it states none. A field is a top-level key of the JSON body. */
  readonly timestamp: {
    readonly in: "header" | "field";
    readonly name: string;
    readonly unit: "s" | "ms" | "iso";
  } | null;
  /** How far the stated time may be from ours, either way. */
  readonly windowSeconds: number;
}

/** A secret that is sent as it is: in a header, or as the password of HTTP Basic. */
export interface SharedSecretScheme {
  readonly kind: "shared-secret";
  readonly header: string;
  /** What stands before the secret in the header, such as `Bearer `. */
  readonly prefix: string;
  /** With a user name the header is `Authorization: Basic`, and the secret is the password. */
  readonly user: string | null;
}

export type Scheme = HmacScheme | SharedSecretScheme;

/** One request as it came, before anybody has parsed it. */
export interface SignedRequest {
  readonly headers: Headers;
  /** The raw bytes of the body. */
  readonly body: Uint8Array;
  /** Our time, milliseconds since 1970. */
  readonly nowMs: number;
}

/** Zendesk's "test webhook" button signs with this; everybody knows it, so it verifies nothing. */
export const zendeskTestSecret = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";

// No sender lists more than a handful; a header full of them would only make us compare.
const maxSignatures = 16;

/**
 * Passes when the sender knows one of the secrets, and throws otherwise; never anything in between.
 *
 * @param secrets current and previous; with none, or only empty ones, nothing verifies
 * @throws SignatureError always the same message, so that a guesser learns nothing
 */
export function verify(scheme: Scheme, secrets: readonly string[], request: SignedRequest): void {
  const usable = secrets.filter((secret) => secret !== "" && secret !== zendeskTestSecret);
  const verified =
    scheme.kind === "hmac" ? hmacHolds(scheme, usable, request) : secretHolds(scheme, usable, request.headers);
  if (!verified) throw new RekeyError("SignatureError", "The signature does not verify");
}

/**
 * The value of a header, whatever the spelling of its name.
 *
 * @returns undefined when it is absent or empty, or stands there twice in different spellings: which one was meant is a guess
 */
export function headerValue(headers: Headers, name: string): string | undefined {
  const wanted = name.toLowerCase();
  const values = Object.entries(headers).filter(([key, value]) => key.toLowerCase() === wanted && value !== undefined);
  const value = values.length === 1 ? values[0]?.[1]?.trim() : undefined;
  return value === "" ? undefined : value;
}

function hmacHolds(scheme: HmacScheme, secrets: readonly string[], request: SignedRequest): boolean {
  const signatures = signaturesIn(scheme, request.headers);
  const signed = signatures.length === 0 ? undefined : signedBytes(scheme, request);
  if (signed === undefined) return false;
  let matched = false;
  for (const secret of secrets) {
    const key = keyBytes(scheme.key, secret);
    if (key === undefined) continue;
    const expected = createHmac(scheme.algorithm, key).update(signed).digest(scheme.encoding);
    // The texts are compared, not what they decode to: base64 and hex have several spellings of the same bytes.
    for (const signature of signatures) matched = sameText(signature, expected) || matched;
  }
  return matched && timeHolds(scheme, request);
}

function signaturesIn(scheme: HmacScheme, headers: Headers): string[] {
  const value = headerValue(headers, scheme.header);
  if (value === undefined) return [];
  const listed = scheme.separator === null ? [value] : value.split(scheme.separator).map((part) => part.trim());
  return listed
    .filter((part) => part.startsWith(scheme.prefix) && part.length > scheme.prefix.length)
    .map((part) => part.slice(scheme.prefix.length))
    .slice(0, maxSignatures);
}

function signedBytes(scheme: HmacScheme, request: SignedRequest): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  for (const part of scheme.signed.split(/(\{id\}|\{timestamp\}|\{body\})/)) {
    const bytes = partBytes(part, scheme, request);
    if (bytes === undefined) return undefined;
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

function partBytes(part: string, scheme: HmacScheme, request: SignedRequest): Uint8Array | undefined {
  if (part === "{body}") return request.body;
  if (part === "{id}") return headerBytes(request.headers, scheme.idHeader);
  if (part === "{timestamp}") {
    return headerBytes(request.headers, scheme.timestamp?.in === "header" ? scheme.timestamp.name : null);
  }
  return Buffer.from(part, "utf8");
}

function headerBytes(headers: Headers, name: string | null): Uint8Array | undefined {
  const value = name === null ? undefined : headerValue(headers, name);
  return value === undefined ? undefined : Buffer.from(value, "utf8");
}

function timeHolds(scheme: HmacScheme, request: SignedRequest): boolean {
  if (scheme.timestamp === null) return true;
  const { in: place, name, unit } = scheme.timestamp;
  const stated = place === "header" ? headerValue(request.headers, name) : topLevelField(request.body, name);
  const statedMs = stated === undefined ? Number.NaN : epochMs(stated, unit);
  // Written so that NaN fails.
  return Math.abs(request.nowMs - statedMs) <= scheme.windowSeconds * 1000;
}

function epochMs(stated: string, unit: "s" | "ms" | "iso"): number {
  switch (unit) {
    case "s":
      return /^\d{1,12}$/.test(stated) ? Number(stated) * 1000 : Number.NaN;
    case "ms":
      return /^\d{1,15}$/.test(stated) ? Number(stated) : Number.NaN;
    case "iso":
      return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)$/.test(stated)
        ? Date.parse(stated)
        : Number.NaN;
  }
}

/** Only called once the signature holds: nothing unsigned is ever parsed. */
function topLevelField(body: Uint8Array, name: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    if (typeof parsed !== "object" || parsed === null || !Object.hasOwn(parsed, name)) return undefined;
    const value: unknown = Object.entries(parsed).find(([key]) => key === name)?.[1];
    return typeof value === "number" || typeof value === "string" ? String(value) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The key that a secret stands for.
 *
 * @returns undefined when the secret is not of that form, or stands for no bytes at all
 */
export function keyBytes(form: HmacScheme["key"], secret: string): Uint8Array | undefined {
  if (form === "utf8") return secret === "" ? undefined : Buffer.from(secret, "utf8");
  if (form === "hex") {
    return /^([0-9a-f]{2})+$/i.test(secret) ? Buffer.from(secret, "hex") : undefined;
  }
  const text = form === "whsec" && secret.startsWith("whsec_") ? secret.slice("whsec_".length) : secret;
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? nonEmpty(Buffer.from(text, "base64")) : undefined;
}

function nonEmpty(bytes: Buffer): Buffer | undefined {
  return bytes.length === 0 ? undefined : bytes;
}

function secretHolds(scheme: SharedSecretScheme, secrets: readonly string[], headers: Headers): boolean {
  const value = headerValue(headers, scheme.user === null ? scheme.header : "authorization");
  if (value === undefined) return false;
  let matched = false;
  for (const secret of secrets) {
    const expected =
      scheme.user === null
        ? `${scheme.prefix}${secret}`
        : `Basic ${Buffer.from(`${scheme.user}:${secret}`, "utf8").toString("base64")}`;
    matched = sameText(value, expected) || matched;
  }
  return matched;
}

/** Constant time whatever the lengths: digests are compared, so the length of a secret does not show either. */
function sameText(one: string, other: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(digest(one), digest(other));
}
