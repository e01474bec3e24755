import * as z from "zod/mini";
import { type Fault, RekeyError } from "../errors.ts";
import { faultsOf, listed } from "../faults.ts";
import { compileField, type Field } from "./field.ts";
import { hmacDefaults, type Preset, presetNames, presets, sharedSecretDefaults } from "./presets.ts";
import { type TicketApi, ticketApi } from "./ticket-api.ts";
import type { Scheme } from "./verify.ts";

/** A place in the payload: a plain dotted path, or a JSONata expression. */
const expression = z.string().check(z.minLength(1), z.maxLength(2_000));
const headerName = z.string().check(z.regex(/^[\w-]{1,128}$/, "must be the name of a header"));
const shortText = z.string().check(z.maxLength(128));

/** How a sender signs, for `hmac` all of it, for `shared-secret` where the secret stands. Only `header` has no default. */
const signature = z.strictObject({
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

/** One ticketing system, as the webhooks secret describes it under its name. */
export const sourceConfiguration = z.strictObject({
  preset: z.enum(presetNames),
  /** Current first, previous behind it; without one nothing verifies. */
  secrets: z.optional(z.array(z.string())),
  signature: z.optional(signature),
  /** Acts only where this is true; absent: wherever the payload names a device. */
  when: z.optional(expression),
  fields: z.strictObject({
    deviceId: expression,
    nodeId: z.optional(expression),
    expectedNodeId: z.optional(expression),
    timeout: z.optional(expression),
    appId: z.optional(expression),
    ticketId: z.optional(expression),
    requester: z.optional(expression),
    deliveryId: z.optional(expression),
  }),
  /** Form of an IMEI in nodeId: `urn` for Qualcomm chips (`urn:imei:<IMEI>`), `bare` for HiSilicon; absent: unchanged. */
  imei: z.optional(z.enum(["urn", "bare"])),
  /** `result` puts the code into the answer, `ack` answers 202; absent: the preset's. */
  reply: z.optional(z.enum(["ack", "result"])),
  /** How long the workflow goes on trying, in seconds; absent: a day. */
  limitSeconds: z.optional(z.int().check(z.minimum(0), z.maximum(31_536_000))),
  /** Where notes are written; absent: nowhere. */
  ticket: z.optional(ticketApi),
});

/** A source, ready for use. */
export interface Source {
  readonly name: string;
  readonly preset: Preset;
  readonly scheme: Scheme;
  readonly secrets: readonly string[];
  readonly when: Field | undefined;
  /** By name, in the order of the schema. */
  readonly fields: Readonly<Record<string, Field>>;
  readonly imei: "urn" | "bare" | undefined;
  readonly reply: "ack" | "result";
  readonly limitSeconds: number | undefined;
  readonly ticket: TicketApi | undefined;
}

type Configuration = z.infer<typeof sourceConfiguration>;

/** Names that can stand in a path and in an execution's name. */
export function isSourceName(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,40}$/.test(text);
}

/**
 * Makes a source of its configuration.
 *
 * @throws ConfigurationError whose cause names every field that is wrong, and in its words no secret
 */
export async function readSource(name: string, configuration: unknown): Promise<Source> {
  const parsed = sourceConfiguration.safeParse(configuration, { reportInput: true });
  if (!parsed.success) throw malformed(name, parsed.error.issues.flatMap(faultsOf));
  const { preset: presetName, secrets = [], when, reply, imei, limitSeconds, ticket } = parsed.data;
  const preset = presets[presetName];
  const faults: Fault[] = [];
  const scheme = schemeOf(parsed.data, preset, faults);
  const compiled = async (path: string, text: string): Promise<Field> => {
    try {
      return await compileField(text);
    } catch (error) {
      faults.push({ path, message: error instanceof Error ? error.message : "cannot be read" });
      return { expression: text, read: async () => undefined };
    }
  };
  const fields: Record<string, Field> = {};
  for (const [field, text] of Object.entries(parsed.data.fields)) {
    if (text !== undefined) fields[field] = await compiled(`fields.${field}`, text);
  }
  const condition = when === undefined ? undefined : await compiled("when", when);
  if (faults.length > 0) throw malformed(name, faults);
  return {
    name,
    preset,
    scheme,
    secrets,
    when: condition,
    fields,
    imei,
    limitSeconds,
    ticket,
    reply: reply ?? preset.reply,
  };
}

function schemeOf({ preset: name, signature: given }: Configuration, preset: Preset, faults: Fault[]): Scheme {
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

function malformed(name: string, faults: readonly Fault[]): RekeyError {
  // The route is open, so the answer does not say how a source is configured; the log does.
  return new RekeyError("ConfigurationError", `The webhook source "${name}" is malformed`, {
    cause: new Error(listed(faults)),
  });
}
