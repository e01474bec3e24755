import * as z from "zod/mini";
import { type CodeOrigin, codeOrigin } from "../device.ts";
import { type Fault, RekeyError } from "../errors.ts";
import type { ImeiForm } from "../imei.ts";
import { faultsOf, listed } from "../input-faults.ts";
import { limitSeconds } from "../patience.ts";
import { evaluate, type Task } from "./expressions.ts";
import { type Field, fieldOf } from "./field.ts";
import { type Preset, presetNames, presets } from "./presets.ts";
import type { Scheme } from "./scheme.ts";
import { isUsable, secretFaults } from "./secret.ts";
import { schemeOf, signature } from "./signature.ts";
import { type TicketApi, ticketApi } from "./ticket-api.ts";

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
  /** An IMEI whose check digit does not fit is told in the note, or refused; absent: told. */
  imeiCheckDigit: z.optional(z.enum(["tell", "refuse"])),
  /** How the code is made; absent: derived. `nodeId` is for hardware whose agent wants its nodeId for a code. */
  code: z.optional(codeOrigin),
  /** `result` puts the code into the answer, `ack` answers 202; absent: the preset's. */
  reply: z.optional(z.enum(["ack", "result"])),
  /** How long the workflow goes on trying, in seconds; absent: a day. */
  limitSeconds: z.optional(limitSeconds),
  /** Where notes are written; absent: nowhere. */
  ticket: z.optional(ticketApi),
});

/** What a source's deliveries are verified with. */
export interface Gate {
  readonly preset: Preset;
  readonly scheme: Scheme;
  readonly secrets: readonly string[];
}

/** A source, ready for use. */
export interface Source extends Gate {
  readonly name: string;
  readonly when: Field | undefined;
  /** By name, in the order of the schema. */
  readonly fields: Readonly<Record<string, Field>>;
  readonly imei: ImeiForm | undefined;
  readonly imeiCheckDigit: "tell" | "refuse";
  readonly code: CodeOrigin;
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
  const { preset: presetName, secrets = [], when, reply, imei, imeiCheckDigit, code, ticket } = parsed.data;
  const preset = presets[presetName];
  const faults: Fault[] = [];
  const scheme = schemeOf({ preset: presetName, signature: parsed.data.signature }, faults);
  for (const [index, secret] of secrets.entries()) {
    const found = scheme === undefined ? [] : secretFaults(scheme, secret);
    faults.push(...found.map((message) => ({ path: `secrets.${index}`, message })));
  }
  if (code === "nodeId" && parsed.data.fields.nodeId === undefined) {
    faults.push({ path: "fields.nodeId", message: 'is missing, and code is "nodeId"' });
  }
  if (imeiCheckDigit !== undefined && imei === undefined) {
    faults.push({ path: "imei", message: "is missing, and imeiCheckDigit needs it" });
  }
  const fields: Record<string, Field> = {};
  for (const [field, text] of Object.entries(parsed.data.fields)) if (text !== undefined) fields[field] = fieldOf(text);
  if (scheme === undefined || faults.length > 0) throw malformed(name, faults);
  return {
    name,
    preset,
    scheme,
    secrets,
    when: when === undefined ? undefined : fieldOf(when),
    fields,
    imei,
    imeiCheckDigit: imeiCheckDigit ?? "tell",
    code: code ?? "derived",
    limitSeconds: parsed.data.limitSeconds,
    ticket,
    reply: reply ?? preset.reply,
  };
}

/** The part of a source's configuration that says who may send. */
const gateConfiguration = z.object({
  preset: z.enum(presetNames),
  secrets: z.optional(z.array(z.unknown())),
  signature: z.optional(signature),
});

/**
 * What verifies a source's deliveries, also where something else of the source is malformed: so that a stranger is told
 * apart from the sender before anybody is told of it.
 *
 * @returns undefined where the configuration does not say how a delivery is verified
 */
export function gateOf(configuration: unknown): Gate | undefined {
  const parsed = gateConfiguration.safeParse(configuration);
  if (!parsed.success) return undefined;
  const { preset, secrets = [], signature: given } = parsed.data;
  const scheme = schemeOf({ preset, signature: given }, []);
  if (scheme === undefined) return undefined;
  const texts = secrets.filter((secret) => typeof secret === "string");
  return { preset: presets[preset], scheme, secrets: texts.filter((secret) => isUsable(scheme, secret)) };
}

/** Why a source cannot be used: the cause of its ConfigurationError, which only the log and the operator's check see. */
class SourceFaults extends Error {
  readonly faults: readonly Fault[];
  constructor(faults: readonly Fault[]) {
    super(listed(faults));
    this.faults = faults;
  }
}

/** The faults that {@link readSource} found. */
export function sourceFaults(error: unknown): readonly Fault[] {
  return error instanceof RekeyError && error.cause instanceof SourceFaults ? error.cause.faults : [];
}

/** What of a source only the engine can evaluate; undefined where it is not needed. */
export function engineTaskOf({ when, fields }: Pick<Source, "when" | "fields">): Task | undefined {
  const condition = when !== undefined && when.find === undefined ? when.expression : undefined;
  const others = Object.entries(fields).filter(([, field]) => field.find === undefined);
  if (condition === undefined && others.length === 0) return undefined;
  return { when: condition, fields: Object.fromEntries(others.map(([name, { expression: text }]) => [name, text])) };
}

/** Which expressions of a source cannot be compiled; the engine is started for it. */
export async function expressionFaults(source: Pick<Source, "when" | "fields">, leftMs: number): Promise<Fault[]> {
  const task = engineTaskOf(source);
  if (task === undefined) return [];
  const outcome = await evaluate(task, "", leftMs);
  return "ended" in outcome ? [{ path: "fields", message: `cannot be checked: ${outcome.ended}` }] : outcome.faults;
}

/** The error of a source that cannot be used; its cause, for the log alone, names every field that is wrong. */
export function malformed(name: string, faults: readonly Fault[]): RekeyError {
  // The route is open, so the answer does not say how a source is configured; the log does.
  return new RekeyError("ConfigurationError", `The webhook source "${name}" is malformed`, {
    cause: new SourceFaults(faults),
  });
}
