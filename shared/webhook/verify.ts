import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { RekeyError } from "../errors.ts";
import { jsonOf, memberOf } from "../json.ts";
import type { HmacScheme, Scheme, SharedSecretScheme, StatedTime } from "./scheme.ts";
import { keyBytes, zendeskTestSecret } from "./secret.ts";

/** Headers as an edge hands them over: names in any spelling. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** One request as it came, before anybody has parsed it. */
export interface SignedRequest {
  readonly headers: Headers;
  /** The raw bytes of the body. */
  readonly body: Uint8Array;
  /** Our time, milliseconds since 1970. */
  readonly nowMs: number;
}

/** What the sender vouches for beside the body. */
export interface Proof {
  /** The secret that it was made with. */
  readonly secret: string;
  /** The delivery's id, where it is signed. */
  readonly id: string | undefined;
  /** The stated time as it is written, where it is signed and stands outside the body. */
  readonly time: string | undefined;
}

// No sender lists more than a handful; a header full of them would only make us compare.
const maxSignatures = 16;

/**
 * Passes when the sender knows one of the secrets, and throws otherwise; never anything in between.
 *
 * @param secrets current and previous; with none, or only empty ones, nothing verifies
 * @returns what the sender vouches for: nothing else may name what was asked
 * @throws SignatureError always the same message, so that a guesser learns nothing
 */
export function verify(scheme: Scheme, secrets: readonly string[], request: SignedRequest): Proof {
  const usable = secrets.filter((secret) => secret !== "" && secret !== zendeskTestSecret);
  const proof =
    scheme.kind === "hmac" ? hmacProof(scheme, usable, request) : secretProof(scheme, usable, request.headers);
  if (proof === undefined) throw new RekeyError("SignatureError", "The signature does not verify");
  return proof;
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

function hmacProof(scheme: HmacScheme, secrets: readonly string[], request: SignedRequest): Proof | undefined {
  const parts = partsIn(scheme, request.headers);
  const signatures = signaturesIn(scheme, parts);
  const id = scheme.idHeader === null ? undefined : headerValue(request.headers, scheme.idHeader);
  const time = scheme.timestamp === null ? undefined : statedTime(scheme.timestamp, parts, request.headers);
  const signed = signatures.length === 0 ? undefined : signedBytes(scheme.signed, { id, time, body: request.body });
  if (signed === undefined) return undefined;
  let secret: string | undefined;
  for (const one of secrets) {
    const key = keyBytes(scheme.key, one);
    if (key === undefined) continue;
    const expected = createHmac(scheme.algorithm, key).update(signed).digest(scheme.encoding);
    // The texts are compared, not what they decode to: base64 has several spellings of the same bytes.
    for (const signature of signatures) if (sameText(signature, expected)) secret ??= one;
  }
  if (secret === undefined || !timeHolds(scheme, time, request)) return undefined;
  const isSigned = (place: string) => scheme.signed.includes(place);
  return { secret, id: isSigned("{id}") ? id : undefined, time: isSigned("{timestamp}") ? time : undefined };
}

/** The parts of the signature's header, without the blanks around them. */
function partsIn({ header, separator }: HmacScheme, headers: Headers): string[] {
  const value = headerValue(headers, header);
  if (value === undefined) return [];
  return separator === null ? [value] : value.split(separator).map((part) => part.trim());
}

function signaturesIn({ prefix, encoding }: HmacScheme, parts: readonly string[]): string[] {
  return parts
    .filter((part) => part.startsWith(prefix) && part.length > prefix.length)
    .map((part) => part.slice(prefix.length).trim())
    .map((signature) => (encoding === "hex" ? signature.toLowerCase() : signature))
    .slice(0, maxSignatures);
}

/** The time where it stands outside the body; two of them in one header are none. */
function statedTime({ in: place, name }: StatedTime, parts: readonly string[], headers: Headers): string | undefined {
  if (place === "header") return headerValue(headers, name);
  if (place === "field") return undefined;
  const stated = parts.filter((part) => part.startsWith(`${name}=`)).map((part) => part.slice(name.length + 1));
  return stated.length === 1 ? stated[0] : undefined;
}

interface Signed {
  readonly id: string | undefined;
  readonly time: string | undefined;
  readonly body: Uint8Array;
}

function signedBytes(template: string, { id, time, body }: Signed): Uint8Array | undefined {
  const values = new Map<string, string | Uint8Array | undefined>([
    ["{id}", id],
    ["{timestamp}", time],
    ["{body}", body],
  ]);
  const parts: Uint8Array[] = [];
  for (const part of template.split(/(\{id\}|\{timestamp\}|\{body\})/)) {
    const value = values.has(part) ? values.get(part) : part;
    if (value === undefined) return undefined;
    parts.push(typeof value === "string" ? Buffer.from(value, "utf8") : value);
  }
  return Buffer.concat(parts);
}

function timeHolds(scheme: HmacScheme, time: string | undefined, request: SignedRequest): boolean {
  if (scheme.timestamp === null) return true;
  const { in: place, name, unit } = scheme.timestamp;
  const stated = place === "field" ? topLevelField(request.body, name) : time;
  const statedMs = stated === undefined ? Number.NaN : epochMs(stated, unit);
  // Written so that NaN fails.
  return Math.abs(request.nowMs - statedMs) <= scheme.windowSeconds * 1000;
}

function epochMs(stated: string, unit: StatedTime["unit"]): number {
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
  const value = memberOf(jsonOf(Buffer.from(body).toString("utf8")), name);
  return typeof value === "number" || typeof value === "string" ? String(value) : undefined;
}

function secretProof(scheme: SharedSecretScheme, secrets: readonly string[], headers: Headers): Proof | undefined {
  const value = headerValue(headers, scheme.user === null ? scheme.header : "authorization");
  if (value === undefined) return undefined;
  const prefix = scheme.user === null ? scheme.prefix : "Basic ";
  // The name of a way to authenticate is one in small letters too (RFC 9110, 11.1).
  if (value.slice(0, prefix.length).toLowerCase() !== prefix.toLowerCase()) return undefined;
  const sent = value.slice(prefix.length).trim();
  let secret: string | undefined;
  for (const one of secrets) {
    const { user } = scheme;
    const expected = user === null ? one : Buffer.from(`${user}:${one}`, "utf8").toString("base64");
    if (sameText(sent, expected)) secret ??= one;
  }
  return secret === undefined ? undefined : { secret, id: undefined, time: undefined };
}

/** Constant time whatever the lengths: digests are compared, so the length of a secret does not show either. */
function sameText(one: string, other: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(digest(one), digest(other));
}
