import * as z from "zod/mini";
import { type Fault, RekeyError } from "../errors.ts";
import { faultsOf, listed } from "../faults.ts";
import { compileField, type Field } from "./field.ts";
import { type Preset, presetNames, presets } from "./presets.ts";
import { schemeOf, signature } from "./signature.ts";
import { type TicketApi, ticketApi } from "./ticket-api.ts";
import type { Scheme } from "./verify.ts";

/** A place in the payload: a plain dotted path, or a JSONata expression. */
const expression = z.string().check(z.minLength(1), z.maxLength(2_000));

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
  const scheme = schemeOf({ preset: presetName, signature: parsed.data.signature }, faults);
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

function malformed(name: string, faults: readonly Fault[]): RekeyError {
  // The route is open, so the answer does not say how a source is configured; the log does.
  return new RekeyError("ConfigurationError", `The webhook source "${name}" is malformed`, {
    cause: new Error(listed(faults)),
  });
}
