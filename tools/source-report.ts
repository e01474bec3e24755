import { hasCheckDigit, imeiIn, imeiWarnings } from "../shared/imei.ts";
import { defaultTimeoutSeconds } from "../shared/seconds.ts";
import { deadEndsOf } from "../shared/webhook/dead-ends.ts";
import { type Faulty, type Order, type Reading, readDelivery } from "../shared/webhook/delivery.ts";
import { type Finding, findingsOf } from "../shared/webhook/findings.ts";
import { noteText } from "../shared/webhook/note.ts";
import type { Delivered } from "../shared/webhook/operation.ts";
import { eventsIn, payloadOf, textOfBody } from "../shared/webhook/payload.ts";
import { correctTicket } from "../shared/webhook/plain-words.ts";
import type { Source } from "../shared/webhook/source.ts";
import { markupOf, mayHoldCode } from "../shared/webhook/ticket-api.ts";
import { ticketIdAdvice } from "../shared/webhook/ticket-ids.ts";

/** A label, and what is said under it; lines of a text stay lines. */
export type Row = readonly [label: string, value: string];

/** What a source would make of a delivery. */
export interface Verdict {
  readonly rows: readonly Row[];
  /** Whether an event of it would be refused, or a place of the source is not there. */
  readonly isAmiss: boolean;
}

const enoughMs = 60_000;
const maxShown = 20;
/** What it may well take until somebody has read a note and stands at the hardware. */
const secondsToRead = 3_600;

/**
 * What a source finds in each event of a delivery, what it would do and send, and what the ticket would be told.
 *
 * @throws InvalidInputError the delivery cannot be read; ConfigurationError
 */
export async function describeEvents(source: Source, delivered: Delivered): Promise<Verdict> {
  const readings = await readDelivery(source, delivered, enoughMs);
  const payload = payloadOf(textOfBody(delivered.body) ?? "");
  const findings =
    payload === undefined ? [] : await findingsOf(source, payload, textOfBody(delivered.body) ?? "", enoughMs);
  let isAmiss = readings.some(({ kind }) => kind === "faulty");
  const rows = readings.flatMap((reading, at): Row[] => {
    const missing = placesMissing(source, findings[at], eventsIn(payload?.document)[at]);
    isAmiss ||= missing.length > 0;
    return [
      ...(readings.length === 1 ? [] : [["event", `${at + 1} of ${readings.length}`] satisfies Row]),
      ...found(source, findings[at]),
      ...missing,
      ...done(source, reading),
    ];
  });
  return { rows, isAmiss };
}

/** Paths of the source that break off in an event: it is not one that the source was made for, or a path is mistyped. */
function placesMissing({ when, fields }: Source, finding: Finding | undefined, event: unknown): Row[] {
  if (finding === undefined) return [];
  const looked = finding.when === true ? Object.entries(fields) : [];
  const asked = [...(when === undefined ? [] : [["condition", when] as const]), ...looked];
  return asked.flatMap(([name, { expression }]) =>
    deadEndsOf(expression, event).map(({ path, under, missing, present }): Row => {
      const all = present.slice(0, maxShown).join(", ") + (present.length > maxShown ? ", ..." : "");
      const place = under === "" ? "the payload" : under;
      const other = present.length === 0 ? "has no keys" : `has ${all}`;
      return ["warning", `${name}: nothing is at ${path}, for ${place} has no ${missing}; it ${other}`];
    }),
  );
}

/** What each field found, and where it looked. */
function found({ when, fields }: Source, finding: Finding | undefined): Row[] {
  if (finding === undefined) return [];
  const condition = typeof finding.when === "object" ? finding.when.fault : finding.when ? "holds" : "does not hold";
  const rows = when === undefined ? [] : [["condition", `${condition}: ${when.expression}`] satisfies Row];
  if (finding.when !== true) return rows;
  return [
    ...rows,
    ...Object.entries(fields).map(([name, { expression }], at): Row => {
      const value = finding.values[name];
      const said = value === undefined ? "nothing" : "text" in value ? value.text : value.fault;
      return [at === 0 ? "found" : "", `${name}: ${said} (at ${expression})`];
    }),
  ];
}

function done(source: Source, reading: Reading): Row[] {
  if (reading.kind === "ignored") return [["would do", `nothing (${reading.reason}); the answer is 204`]];
  const { ticketId } = reading.order;
  const told = source.ticket !== undefined && ticketId !== undefined;
  if (reading.kind === "faulty") {
    return [
      ["would do", told ? "refuse it, and tell the ticket" : "refuse it"],
      ["because", reading.error.message],
      ...noteRows(source, ticketId, () => refusal(source, reading)),
    ];
  }
  const { device, operationId } = reading.order;
  return [
    ["would do", "re-key this device"],
    ["sent", `deviceId: ${device.deviceId}`],
    ...(device.appId === undefined ? [] : [["", `appId: ${device.appId}`] satisfies Row]),
    ["", `nodeId: ${device.nodeId ?? "unchanged"}`],
    ["", `verifyCode: ${source.code === "nodeId" ? "the nodeId itself" : "derived of the operation"}`],
    [
      "",
      `timeout: ${device.timeout === undefined ? `the platform's own (${defaultTimeoutSeconds} s)` : `${device.timeout} s`}`,
    ],
    ...(device.expectedNodeId === undefined
      ? []
      : [["only while", `the device has the nodeId ${device.expectedNodeId}, or already the new one`] satisfies Row]),
    ...warningsOf(source, reading.order).map((warning): Row => ["warning", warning]),
    ["operation id", operationId],
    ...noteRows(source, ticketId, () => noteOf(source, reading.order)),
  ];
}

/** What is done as the source says, and may all the same not be what was meant. */
function warningsOf({ code, imei, reply, ticket }: Source, { device, ticketId }: Order): string[] {
  const { nodeId, timeout = defaultTimeoutSeconds } = device;
  const warnings = imeiWarnings(nodeId, imei);
  if (imei === undefined && nodeId !== undefined && isAlmostImei(nodeId)) {
    warnings.push(`${nodeId} looks like an IMEI that is not one: give \`imei\`, so that the ticket is told`);
  }
  if (ticket !== undefined && ticketId !== undefined && timeout !== 0 && timeout < secondsToRead) {
    warnings.push(
      `the code ends ${timeout} s after it was made, maybe before anybody reads the note: give fields.timeout, "${secondsToRead}" or more`,
    );
  }
  // A code that is the nodeId stands on the hardware.
  if (ticket === undefined && reply === "ack" && code === "derived") {
    warnings.push(
      "nobody is told the code: configure `ticket`, or ask refreshDeviceKey for it with the operation id as Idempotency-Key",
    );
  }
  return warnings;
}

/** Whether it was an IMEI before somebody mistyped it, or a spreadsheet rounded it: `8.63704E+14`. */
function isAlmostImei(nodeId: string): boolean {
  const read = imeiIn(nodeId, "bare");
  if ("nodeId" in read) return !hasCheckDigit(read.nodeId);
  return /^(urn:imei:)?(\d{14}|\d{16}|\d([.,]\d+)?e\+?1[345])$/i.test(nodeId);
}

/** To which ticket the note goes, and what it says; or why there is none. */
function noteRows({ ticket, fields }: Source, ticketId: string | undefined, text: () => string): Row[] {
  if (ticket === undefined) return [];
  if (ticketId === undefined) {
    return [
      ["no note", fields["ticketId"] === undefined ? "the source has no field ticketId" : "no ticketId was read"],
    ];
  }
  const advice = ticketIdAdvice(ticket, ticketId);
  if (advice !== undefined) return [["no note", advice]];
  return [
    ["note to", `ticket ${ticketId} on ${ticket.system}`],
    ["its note", text()],
  ];
}

function refusal({ ticket }: Source, { told, order: { device, requester, operationId } }: Faulty): string {
  const outcome = { ok: false, error: "InvalidInputError", detail: told, advice: correctTicket } as const;
  return noteText(
    { deviceId: device.deviceId, requester, operationId, requestId: "the id of the request", outcome },
    Date.now(),
    ticket === undefined ? {} : { markup: markupOf(ticket) },
  );
}

function noteOf({ code, imei, ticket }: Source, { device, operationId, requester }: Order): string {
  const nowMs = Date.now();
  const seconds = device.timeout ?? defaultTimeoutSeconds;
  return noteText(
    {
      ...device,
      ...{ requester, operationId, requestId: "the id of the request" },
      warnings: imeiWarnings(device.nodeId, imei),
      outcome: {
        ok: true,
        verifyCode: ticket !== undefined && mayHoldCode(ticket) ? "the code" : undefined,
        code,
        timeout: seconds,
        expiresAtMs: seconds === 0 ? null : nowMs + seconds * 1000,
      },
    },
    nowMs,
  );
}
