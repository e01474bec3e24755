import { type Fault, RekeyError } from "../errors.ts";
import { listed } from "../faults.ts";
import { jsonOf } from "../json.ts";
import { type Field, reasonOf } from "./field.ts";
import { type Delivered, operationIdOf } from "./operation.ts";
import type { Source } from "./source.ts";
import { isTicketId } from "./ticket-api.ts";

/** What a delivery asks for. */
export interface Order {
  /** `<source>-<32 hex digits>`: the same for every repeat of a delivery; idempotency key, execution name, reference in a note. */
  readonly operationId: string;
  readonly device: {
    readonly deviceId: string;
    readonly nodeId?: string | undefined;
    readonly expectedNodeId?: string | undefined;
    /** Seconds until the code ends. */
    readonly timeout?: number | undefined;
    readonly appId?: string | undefined;
  };
  readonly ticketId: string | undefined;
  /** Who asked, for the note alone: it is a person's name or address. */
  readonly requester: string | undefined;
}

/** What became of reading a delivery. */
export type Reading =
  | { readonly kind: "order"; readonly order: Order }
  /** It is for us, but does not say what it has to; the ticket can be told so. */
  | { readonly kind: "faulty"; readonly error: RekeyError; readonly order: Omit<Order, "device"> }
  /** None of our business, and why. */
  | { readonly kind: "ignored"; readonly reason: string };

/**
 * Reads what a delivery asks for, by its source's fields.
 *
 * Without a condition of its own (`when`) a source acts on whatever names a device, and the new hardware where the
 * source has a field for it; with one, a payload that meets it and names none is faulty.
 *
 * @throws InvalidInputError when the body is not JSON, or an expression fails over it
 */
export async function readDelivery(source: Source, delivered: Delivered): Promise<Reading> {
  const payload = jsonOf(Buffer.from(delivered.body).toString("utf8"));
  if (payload === undefined) throw faulty([{ path: "", message: "the body is not JSON" }]);
  if (source.preset.isPing(delivered.headers, payload)) return { kind: "ignored", reason: "a test call" };
  if (source.when !== undefined && (await evaluated(source.when, "when", payload)) !== true) {
    return { kind: "ignored", reason: "the condition does not hold" };
  }
  const faults: Fault[] = [];
  const texts = new Map<string, string>();
  for (const [name, field] of Object.entries(source.fields)) {
    const text = textOf(await evaluated(field, name, payload), name, faults);
    if (text !== undefined) texts.set(name, text);
  }
  for (const name of ["deviceId", "nodeId"]) {
    if (!Object.hasOwn(source.fields, name) || texts.has(name) || faults.some(({ path }) => path === name)) continue;
    if (source.when === undefined) return { kind: "ignored", reason: `no ${name}` };
    faults.push({ path: name, message: "is missing" });
  }
  const ticketId = ticketIdOf(texts.get("ticketId"), faults);
  const timeout = secondsOf(texts.get("timeout"), faults);
  const order = {
    operationId: operationIdOf(source, texts.get("deliveryId"), delivered),
    ticketId,
    requester: texts.get("requester"),
  };
  if (faults.length > 0) return { kind: "faulty", error: faulty(faults), order };
  return {
    kind: "order",
    order: {
      ...order,
      device: {
        deviceId: texts.get("deviceId") ?? "",
        nodeId: withForm(texts.get("nodeId"), source.imei),
        expectedNodeId: withForm(texts.get("expectedNodeId"), source.imei),
        timeout,
        appId: texts.get("appId"),
      },
    },
  };
}

async function evaluated(field: Field, name: string, payload: unknown): Promise<unknown> {
  try {
    return await field.read(payload);
  } catch (error) {
    throw faulty([{ path: name, message: `cannot be read from this payload: ${reasonOf(error)}` }]);
  }
}

const maxTextLength = 1_000;

/** A text, or a number as one; nothing, null and blanks are no value. */
function textOf(value: unknown, name: string, faults: Fault[]): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string") {
    faults.push({ path: name, message: Array.isArray(value) ? "has several values" : "is not a text or a number" });
    return undefined;
  }
  if (text.length > maxTextLength) faults.push({ path: name, message: `has more than ${maxTextLength} characters` });
  return text.trim() === "" ? undefined : text.trim();
}

function ticketIdOf(text: string | undefined, faults: Fault[]): string | undefined {
  if (text === undefined || isTicketId(text)) return text;
  faults.push({ path: "ticketId", message: "is not the id of a ticket" });
  return undefined;
}

function secondsOf(text: string | undefined, faults: Fault[]): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text) && Number(text) <= 2_147_483_647) return Number(text);
  faults.push({ path: "timeout", message: "is not a number of seconds" });
  return undefined;
}

/** An IMEI in the form that the chips of this source's devices have; anything else unchanged. */
function withForm(nodeId: string | undefined, form: Source["imei"]): string | undefined {
  const imei = nodeId === undefined ? undefined : /^(?:urn:imei:)?(\d{15})$/i.exec(nodeId)?.[1];
  if (imei === undefined || form === undefined) return nodeId;
  return form === "urn" ? `urn:imei:${imei}` : imei;
}

function faulty(faults: readonly Fault[]): RekeyError {
  return new RekeyError("InvalidInputError", `The delivery is not valid: ${listed(faults)}`, { faults });
}
