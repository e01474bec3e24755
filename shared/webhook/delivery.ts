import { appId, deviceId, nodeId } from "../device.ts";
import { type Fault, RekeyError } from "../errors.ts";
import { hasCheckDigit, imeiIn } from "../imei.ts";
import { faultsOf, listed } from "../input-faults.ts";
import { maxSeconds } from "../seconds.ts";
import { deadEndsOf } from "./dead-ends.ts";
import { type Finding, findingsOf } from "./findings.ts";
import { type Delivered, type OperationNames, operationNames } from "./operation.ts";
import { eventsIn, payloadOf, textOfBody } from "./payload.ts";
import { plainFaults, type TicketFault } from "./plain-words.ts";
import type { Source } from "./source.ts";
import { isTicketId } from "./ticket-api.ts";

/** What a delivery asks for. */
export interface Order extends OperationNames {
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

/** It is for us, but does not say what it has to; the ticket can be told so. */
export interface Faulty {
  readonly kind: "faulty";
  /** For the sender, by the names of the source's fields. */
  readonly error: RekeyError;
  /** For the technician, in plain words. */
  readonly told: string;
  /** With what of the device could be read. */
  readonly order: Omit<Order, "device"> & { readonly device: Partial<Order["device"]> };
}

/** What became of reading a delivery. */
export type Reading =
  | { readonly kind: "order"; readonly order: Order }
  | Faulty
  /** None of our business, and why; with the source's path that breaks off in the payload, where that is why. */
  | { readonly kind: "ignored"; readonly reason: string; readonly deadEnd?: string | undefined };

/** More than any system is known to send at once; HubSpot sends as many. */
const maxEvents = 100;

/**
 * Reads what a delivery asks for, by its source's fields: one reading for each of its events, of which a payload that is a
 * list has several.
 *
 * Without a condition of its own (`when`) a source acts on whatever names a device, and the new hardware where the
 * source has a field for it; with one, a payload that meets it and names none is faulty.
 *
 * @param leftMs what there is time for, in milliseconds
 * @throws InvalidInputError when the body is not JSON, the condition cannot be evaluated over it, or it asks for more
 * than an answer can tell of; ConfigurationError when an expression of the source cannot be compiled
 */
export async function readDelivery(
  source: Source,
  delivered: Delivered,
  leftMs: number,
): Promise<readonly [Reading, ...Reading[]]> {
  const text = textOfBody(delivered.body);
  if (text === undefined) throw faulty([{ path: "", message: "the body is not UTF-8" }]);
  const payload = payloadOf(text);
  if (payload === undefined) throw faulty([{ path: "", message: "the body is not JSON" }]);
  if (source.preset.isPing(delivered.headers, payload.document)) return [{ kind: "ignored", reason: "a test call" }];
  const events = eventsIn(payload.document);
  const count = events.length;
  if (count > maxEvents)
    throw faulty([{ path: "", message: `the body holds ${count} events, not ${maxEvents} at most` }]);
  const findings = await findingsOf(source, payload, text, leftMs);
  const named = new Set<string>();
  const [reading = { kind: "ignored", reason: "no event" }, ...others] = findings.map((finding, at) => {
    const id = textUnder("deliveryId", finding);
    // The name that a source gives to an event is its name in whatever company it comes.
    const part = id === undefined || named.has(id) ? at : 0;
    if (id !== undefined) named.add(id);
    return readEvent(source, finding, { event: events[at], names: () => operationNames(source, id, delivered, part) });
  });
  const asking = [reading, ...others].filter(({ kind }) => kind !== "ignored").length;
  if (asking > 1 && source.reply === "result") {
    throw faulty([{ path: "", message: `the body holds ${asking} events, and the answer can tell of one only` }]);
  }
  return [reading, ...others];
}

function textUnder(name: string, { values }: Finding): string | undefined {
  const value = values[name];
  return value !== undefined && "text" in value ? value.text : undefined;
}

interface Event {
  readonly event: unknown;
  readonly names: () => OperationNames;
}

function readEvent(source: Source, { when, values }: Finding, { event, names }: Event): Reading {
  if (typeof when === "object") throw faulty([{ path: "when", message: when.fault }]);
  if (!when) return { kind: "ignored", reason: "the condition does not hold" };
  const faults: TicketFault[] = [];
  const texts = new Map<string, string>();
  for (const [name, value] of Object.entries(values)) {
    if ("text" in value) texts.set(name, value.text);
    else faults.push({ path: name, message: value.fault, written: value.written });
  }
  for (const name of ["deviceId", "nodeId"]) {
    if (!Object.hasOwn(source.fields, name) || Object.hasOwn(values, name)) continue;
    if (source.when === undefined) {
      const [deadEnd] = deadEndsOf(source.fields[name]?.expression ?? "", event);
      return { kind: "ignored", reason: `no ${name}`, deadEnd: deadEnd?.path };
    }
    faults.push({ path: name, message: "is missing" });
  }
  const ticketId = ticketIdOf(texts.get("ticketId"), faults);
  const identifiers = identifiersOf(texts, source, faults);
  const device = {
    nodeId: identifiers["nodeId"],
    expectedNodeId: identifiers["expectedNodeId"],
    timeout: secondsOf(texts.get("timeout"), faults),
    appId: identifiers["appId"],
  };
  const order = {
    ...names(),
    ticketId,
    requester: texts.get("requester"),
  };
  const deviceId = identifiers["deviceId"];
  if (faults.length > 0 || deviceId === undefined) {
    const known = deviceId === undefined ? {} : { deviceId };
    return {
      kind: "faulty",
      error: faulty(faults),
      told: plainFaults(faults, source.imei),
      order: { ...order, device: known },
    };
  }
  return { kind: "order", order: { ...order, device: { deviceId, ...device } } };
}

function ticketIdOf(text: string | undefined, faults: Fault[]): string | undefined {
  if (text === undefined || isTicketId(text)) return text;
  faults.push({ path: "ticketId", message: "is not the id of a ticket" });
  return undefined;
}

function secondsOf(text: string | undefined, faults: Fault[]): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text) && Number(text) <= maxSeconds) return Number(text);
  faults.push({ path: "timeout", message: "is not a number of seconds" });
  return undefined;
}

const identifierSchemas = { deviceId, nodeId, expectedNodeId: nodeId, appId };
const hardware = ["nodeId", "expectedNodeId"];

/** What a ticket says of a device, by the schemas of all who do; an IMEI in the form that the source wants. */
function identifiersOf(
  texts: ReadonlyMap<string, string>,
  { imei, imeiCheckDigit }: Source,
  faults: TicketFault[],
): Readonly<Record<string, string>> {
  const identifiers: Record<string, string> = {};
  for (const [name, schema] of Object.entries(identifierSchemas)) {
    const text = texts.get(name);
    if (text === undefined) continue;
    const read = imei !== undefined && hardware.includes(name) ? imeiIn(text, imei) : { nodeId: text };
    const parsed = schema.safeParse("nodeId" in read ? read.nodeId : text, { reportInput: true });
    const fault = (message: string) => faults.push({ path: name, message, written: text });
    if ("fault" in read) fault(read.fault);
    else if (imeiCheckDigit === "refuse" && name === "nodeId" && !hasCheckDigit(read.nodeId)) {
      fault("has a last digit that does not fit the others: compare it with the label");
    } else if (parsed.success) identifiers[name] = parsed.data;
    else for (const { message } of parsed.error.issues.flatMap(faultsOf)) fault(message);
  }
  return identifiers;
}

function faulty(found: readonly Fault[]): RekeyError {
  const faults = found.map(({ path, message }) => ({ path, message }));
  return new RekeyError("InvalidInputError", `The delivery is not valid: ${listed(faults)}`, { faults });
}
