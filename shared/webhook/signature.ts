import * as z from "zod/mini";
import type { Fault } from "../errors.ts";
import { hmacDefaults, type PresetName, presets, sharedSecretDefaults } from "./presets.ts";
import type { HmacScheme, Scheme } from "./scheme.ts";

const headerName = z.string().check(z.regex(/^[\w-]{1,128}$/, "must be the name of a header"));
const shortText = z.string().check(z.maxLength(128));

/** How a sender signs, for `hmac` all of it, for `shared-secret` where the secret stands. Only `header` has no default. */
export const signature = z.strictObject({
  header: z.optional(headerName),
  prefix: z.optional(shortText),
  /** `shared-secret`: with a user name the secret is the password of HTTP Basic. */
  user: z.optional(shortText),
  algorithm: z.optional(z.enum(["sha256", "sha512", "sha1"])),
  encoding: z.optional(z.enum(["hex", "base64"])),
  separator: z.optional(shortText.check(z.minLength(1))),
  key: z.optional(z.enum(["utf8", "base64", "hex", "whsec"])),
  signed: z.optional(z.string().check(z.regex(/\{body\}/, "must name {body}"), z.maxLength(1_000))),
  idHeader: z.optional(headerName),
  timestamp: z.optional(
    z.strictObject({
      in: z.enum(["header", "signature", "field"]),
      name: headerName,
      unit: z.enum(["s", "ms", "iso"]),
    }),
  ),
  windowSeconds: z.optional(z.int().check(z.minimum(1), z.maximum(86_400))),
  event: z.optional(z.enum(["id", "time", "body"])),
});

interface Signed {
  readonly preset: PresetName;
  readonly signature: z.infer<typeof signature> | undefined;
}

/**
 * The scheme of a source: its preset's, or the one that its configuration writes out.
 *
 * @param faults takes what is wrong with it, such as a time that nobody signs
 * @returns undefined where it does not say how a delivery is to be verified
 */
export function schemeOf({ preset: name, signature: given = {} }: Signed, faults: Fault[]): Scheme | undefined {
  const { scheme } = presets[name];
  if (scheme !== null) {
    if (Object.keys(given).length > 0) faults.push({ path: "signature", message: `is fixed for ${name}` });
    return scheme;
  }
  if (name === "shared-secret") {
    const { header = sharedSecretDefaults.header, prefix = "", user = null, ...rest } = given;
    for (const field of Object.keys(rest)) {
      faults.push({ path: `signature.${field}`, message: "does not belong to shared-secret" });
    }
    return { kind: "shared-secret", header, prefix, user };
  }
  const written = hmacOf(given);
  const found = hmacFaults(written, given.user);
  faults.push(...found);
  return found.length === 0 ? written : undefined;
}

function hmacOf({ user: _, ...given }: z.infer<typeof signature>): HmacScheme {
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  const signed = given.signed ?? hmacDefaults.signed;
  const event = signed.includes("{id}") ? "id" : "body";
  return { ...hmacDefaults, header: "", event, ...Object.fromEntries(said) };
}

/** What keeps a scheme from verifying what it seems to verify. */
function hmacFaults(scheme: HmacScheme, user: string | undefined): Fault[] {
  const { header, signed, idHeader, timestamp, separator, event } = scheme;
  const signs = (place: string) => signed.includes(place);
  const rules: readonly [applies: boolean, field: string, message: string][] = [
    [header === "", "header", "is missing"],
    [user !== undefined, "user", "belongs to shared-secret"],
    [signs("{id}") && idHeader === null, "idHeader", "is missing, and signed names {id}"],
    [!signs("{id}") && idHeader !== null, "idHeader", "is not signed: signed must name {id}"],
    [
      signs("{timestamp}") && (timestamp === null || timestamp.in === "field"),
      "timestamp",
      "must be a header or a part of the signature, since signed names {timestamp}",
    ],
    [
      !signs("{timestamp}") && timestamp !== null && timestamp.in !== "field",
      "timestamp",
      "is not signed: signed must name {timestamp}",
    ],
    [timestamp?.in === "signature" && separator === null, "separator", "is missing between time and signature"],
    [event === "id" && !signs("{id}"), "event", "is id, and no id is signed"],
    [event === "time" && timestamp === null, "event", "is time, and no time is signed"],
  ];
  return rules.filter(([applies]) => applies).map(([, field, message]) => ({ path: `signature.${field}`, message }));
}
