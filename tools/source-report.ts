import { imeiWarnings } from "../shared/imei.ts";
import { type Order, type Reading, readDelivery } from "../shared/webhook/delivery.ts";
import { type Finding, findingsOf } from "../shared/webhook/findings.ts";
import { noteText } from "../shared/webhook/note.ts";
import type { Delivered } from "../shared/webhook/operation.ts";
import { payloadOf, textOfBody } from "../shared/webhook/payload.ts";
import type { Source } from "../shared/webhook/source.ts";
import { mayHoldCode } from "../shared/webhook/ticket-api.ts";
import { ticketIdAdvice } from "../shared/webhook/ticket-ids.ts";

/** A label, and what is said under it; lines of a text stay lines. */
export type Row = readonly [label: string, value: string];

/** What a source would make of a delivery. */
export interface Verdict {
  readonly rows: readonly Row[];
  /** Whether an event of it would be refused. */
  readonly isRefused: boolean;
}

const enoughMs = 60_000;

/**
 * What a source finds in each event of a delivery, what it would do and send, and what the ticket would be told.
 *
 * @throws InvalidInputError the delivery cannot be read; ConfigurationError
 */
export async function describeEvents(source: Source, delivered: Delivered): Promise<Verdict> {
  const readings = await readDelivery(source, delivered, enoughMs);
  const findings = await findingsIn(source, delivered);
  const rows = readings.flatMap((reading, at): Row[] => [
    ...(readings.length === 1 ? [] : [["event", `${at + 1} of ${readings.length}`] satisfies Row]),
    ...found(source, findings[at]),
    ...done(source, reading),
  ]);
  return { rows, isRefused: readings.some(({ kind }) => kind === "faulty") };
}

async function findingsIn(source: Source, { body }: Delivered): Promise<readonly Finding[]> {
  const text = textOfBody(body) ?? "";
  const payload = payloadOf(text);
  return payload === undefined ? [] : findingsOf(source, payload, text, enoughMs);
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
  const told = source.ticket !== undefined && reading.order.ticketId !== undefined;
  if (reading.kind === "faulty") {
    return [
      ["would do", told ? "refuse it, and tell the ticket" : "refuse it"],
      ["because", reading.error.message],
    ];
  }
  const { device, operationId, ticketId } = reading.order;
  const advice =
    source.ticket === undefined || ticketId === undefined ? undefined : ticketIdAdvice(source.ticket, ticketId);
  return [
    ["would do", "re-key this device"],
    ["sent", `deviceId: ${device.deviceId}`],
    ...(device.appId === undefined ? [] : [["", `appId: ${device.appId}`] satisfies Row]),
    ["", `nodeId: ${device.nodeId ?? "unchanged"}`],
    ["", `verifyCode: ${source.code === "nodeId" ? "the nodeId itself" : "derived of the operation"}`],
    ["", `timeout: ${device.timeout === undefined ? "the platform's own (180 s)" : `${device.timeout} s`}`],
    ...(device.expectedNodeId === undefined
      ? []
      : [["only while", `the device has the nodeId ${device.expectedNodeId}, or already the new one`] satisfies Row]),
    ...imeiWarnings(device.nodeId, source.imei).map((warning): Row => ["warning", warning]),
    ["operation id", operationId],
    ...(advice === undefined ? [] : [["no note", advice] satisfies Row]),
    ...(told && advice === undefined ? [["its note", noteOf(source, reading.order)] satisfies Row] : []),
  ];
}

function noteOf({ code, imei, ticket }: Source, { device, operationId, requester }: Order): string {
  const nowMs = Date.now();
  const seconds = device.timeout ?? 180;
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
