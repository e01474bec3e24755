import * as z from "zod/mini";
import type { Fault } from "../errors.ts";
import { hmacDefaults, type PresetName, presets, sharedSecretDefaults } from "./presets.ts";
import type { Scheme } from "./verify.ts";

const headerName = z.string().check(z.regex(/^[\w-]{1,128}$/, "must be the name of a header"));
const shortText = z.string().check(z.maxLength(128));

/** How a sender signs, for `hmac` all of it, for `shared-secret` where the secret stands. Only `header` has no default. */
export const signature = z.strictObject({
  header: z.optional(headerName),
  prefix: z.optional(shortText),
  /** `shared-secret`: with a user name the secret is the password of HTTP Basic. */
  user: z.optional(shortText),
  algorithm: z.optional(z.enum(["sha256", "sha512"])),
  encoding: z.optional(z.enum(["hex", "base64"])),
  separator: z.optional(shortText),
  key: z.optional(z.enum(["utf8", "base64", "hex", "whsec"])),
  signed: z.optional(z.string().check(z.regex(/\{body\}/, "must name {body}"), z.maxLength(256))),
  idHeader: z.optional(headerName),
  timestamp: z.optional(
    z.strictObject({ in: z.enum(["header", "field"]), name: headerName, unit: z.enum(["s", "ms", "iso"]) }),
  ),
  windowSeconds: z.optional(z.int().check(z.minimum(1), z.maximum(86_400))),
});

interface Signed {
  readonly preset: PresetName;
  readonly signature: z.infer<typeof signature> | undefined;
}

/** The scheme of a source: its preset's, or the one that its configuration writes out. @param faults takes what is wrong with it */
export function schemeOf({ preset: name, signature: given }: Signed, faults: Fault[]): Scheme {
  const preset = presets[name];
  if (preset.scheme !== null) {
    if (given !== undefined) faults.push({ path: "signature", message: `is fixed for ${name}` });
    return preset.scheme;
  }
  if (name === "shared-secret") {
    const { header = sharedSecretDefaults.header, prefix = "", user = null, ...rest } = given ?? {};
    for (const field of Object.keys(rest)) {
      faults.push({ path: `signature.${field}`, message: "does not belong to shared-secret" });
    }
    return { kind: "shared-secret", header, prefix, user };
  }
  const { header = "", user, separator = null, idHeader = null, timestamp = null, ...rest } = given ?? {};
  if (header === "") faults.push({ path: "signature.header", message: "is missing" });
  if (user !== undefined) faults.push({ path: "signature.user", message: "belongs to shared-secret" });
  const {
    algorithm = hmacDefaults.algorithm,
    encoding = hmacDefaults.encoding,
    prefix = hmacDefaults.prefix,
    key = hmacDefaults.key,
    signed = hmacDefaults.signed,
    windowSeconds = hmacDefaults.windowSeconds,
  } = rest;
  const settings = { algorithm, encoding, prefix, key, signed, windowSeconds };
  const scheme: Scheme = { kind: "hmac", ...settings, header, separator, idHeader, timestamp };
  if (scheme.signed.includes("{id}") && idHeader === null) {
    faults.push({ path: "signature.idHeader", message: "is missing, and signed names {id}" });
  }
  if (scheme.signed.includes("{timestamp}") && timestamp?.in !== "header") {
    faults.push({ path: "signature.timestamp", message: "must be a header, since signed names {timestamp}" });
  }
  return scheme;
}
