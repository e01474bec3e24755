import { createHmac, randomUUID } from "node:crypto";
import type { HmacScheme, StatedTime } from "../../shared/webhook/scheme.ts";
import { keyBytes } from "../../shared/webhook/secret.ts";
import type { Source } from "../../shared/webhook/source.ts";

/** A body as it is sent, and the headers that prove whose it is. */
export interface Signed {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Signs a payload as the source's system would, with the source's current secret.
 *
 * @param text the payload as it is to be sent; where a system writes the time of sending into it, that is set to now
 * @throws RangeError the source has no secret
 */
export function signed({ scheme, secrets }: Pick<Source, "scheme" | "secrets">, text: string, nowMs: number): Signed {
  const [secret] = secrets;
  if (secret === undefined) throw new RangeError("The source has no secret to sign with");
  if (scheme.kind === "hmac") return hmacSigned(scheme, secret, text, nowMs);
  const { header, prefix, user } = scheme;
  const headers =
    user === null
      ? { [header]: `${prefix}${secret}` }
      : { authorization: `Basic ${Buffer.from(`${user}:${secret}`, "utf8").toString("base64")}` };
  return { body: text, headers };
}

function hmacSigned(scheme: HmacScheme, secret: string, text: string, nowMs: number): Signed {
  const { timestamp, idHeader, prefix, separator } = scheme;
  const time = timestamp === null ? "" : written(timestamp.unit, nowMs);
  const id = randomUUID();
  const body = timestamp?.in === "field" ? withTime(text, timestamp.name, time) : text;
  const content = scheme.signed.replace(/\{(?:id|timestamp|body)\}/g, (place) =>
    place === "{id}" ? id : place === "{timestamp}" ? time : body,
  );
  const key = keyBytes(scheme.key, secret) ?? new Uint8Array();
  const signature = `${prefix}${createHmac(scheme.algorithm, key).update(content).digest(scheme.encoding)}`;
  const parts = timestamp?.in === "signature" ? [`${timestamp.name}=${time}`, signature] : [signature];
  return {
    body,
    headers: {
      [scheme.header]: parts.join(separator ?? ""),
      ...(idHeader === null ? {} : { [idHeader]: id }),
      ...(timestamp?.in === "header" ? { [timestamp.name]: time } : {}),
    },
  };
}

function written(unit: StatedTime["unit"], nowMs: number): string {
  if (unit === "iso") return new Date(nowMs).toISOString();
  return String(unit === "s" ? Math.floor(nowMs / 1_000) : nowMs);
}

/** The text with this time in it; the rest of it as it was, for a number read and written again may be another one. */
function withTime(text: string, name: string, time: string): string {
  const member = `"${name}":${/^\d+$/.test(time) ? time : `"${time}"`}`;
  const old = new RegExp(`"${name}"\\s*:\\s*(?:"[^"\\\\]*"|[-+.\\w]+)`);
  if (old.test(text)) return text.replace(old, () => member);
  return text.replace(/^(\s*\{)(\s*)(\}?)/, (_, open: string, blanks: string, close: string) =>
    close === "" ? `${open}${member},${blanks}` : `${open}${member}${close}`,
  );
}
