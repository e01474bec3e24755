import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { RekeyError } from "../shared/errors.ts";
import { readDelivery } from "../shared/webhook/delivery.ts";
import { noteText } from "../shared/webhook/note.ts";
import { zendeskTestSecret } from "../shared/webhook/secret.ts";
import { expressionFaults, malformed, readSource, type Source } from "../shared/webhook/source.ts";
import { mayHoldCode, ticketIdAdvice } from "../shared/webhook/ticket-api.ts";

// `npm run check-source -- <configuration.json> <source> <payload.json> [--header "Name: value"]...`: what a source
// would make of a payload. Nothing is sent to anybody, and signatures are not looked at.
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { header: { type: "string", multiple: true, default: [] } },
});
const [configurationFile, name, payloadFile] = positionals;

try {
  if (configurationFile === undefined || name === undefined || payloadFile === undefined) {
    throw new Error("Usage: npm run check-source -- configuration.json source payload.json [--header 'Name: value']");
  }
  const sources: unknown = JSON.parse(await readFile(configurationFile, "utf8"));
  if (typeof sources !== "object" || sources === null || !Object.hasOwn(sources, name)) {
    throw new Error(`${configurationFile} has no source "${name}"`);
  }
  const source = await readSource(name, Reflect.get(sources, name));
  const faults = await expressionFaults(source, 60_000);
  if (faults.length > 0) throw malformed(name, faults);
  print(described(source));
  print(await outcomeOf(source, await readFile(payloadFile)));
} catch (error) {
  console.error(reasonOf(error));
  process.exitCode = 1;
}

function described(source: Source): [string, string][] {
  const { secrets, reply, ticket } = source;
  const usable = secrets.filter((secret) => secret !== "" && secret !== zendeskTestSecret);
  return [
    ["source", source.name],
    ["secrets", usable.length === 0 ? "none that verifies anything: every delivery gets 401" : String(usable.length)],
    ...(secrets.includes(zendeskTestSecret)
      ? [["refused", "Zendesk's public test secret, which everybody knows"] satisfies [string, string]]
      : []),
    ["answer", reply === "ack" ? "202 with an operation id, never the code" : "200 with the code"],
    ["answer within", `${source.preset.answerWithinMs} ms`],
    ["note", ticket === undefined ? "none: no ticket is configured" : `on ${ticket.system}`],
  ];
}

async function outcomeOf(source: Source, body: Buffer): Promise<[string, string][]> {
  const headers = Object.fromEntries(
    values.header.map((line) => {
      const [header = "", ...rest] = line.split(":");
      return [header.trim(), rest.join(":").trim()];
    }),
  );
  const proof = { secret: source.secrets[0] ?? "", id: undefined, time: undefined };
  const [reading] = await readDelivery(source, { headers, body, proof }, 60_000);
  if (reading.kind === "ignored") return [["would do", `nothing (${reading.reason}); the answer is 204`]];
  const { operationId, ticketId, requester } = reading.order;
  if (reading.kind === "faulty") {
    return [
      ["would do", "refuse it"],
      ["because", reading.error.message],
    ];
  }
  const { device } = reading.order;
  const fields = Object.entries({ ...device, ticketId, requester }).filter(([, value]) => value !== undefined);
  const text = noteText(
    {
      ...device,
      ...{ requester, operationId, requestId: "the id of the request" },
      outcome: {
        ok: true,
        verifyCode: source.ticket !== undefined && mayHoldCode(source.ticket) ? "the code" : undefined,
        timeout: device.timeout ?? 180,
        expiresAtMs: device.timeout === 0 ? null : Date.now() + (device.timeout ?? 180) * 1000,
      },
    },
    Date.now(),
  );
  return [
    ["would do", "re-key this device"],
    ...fields.map(([field, value]): [string, string] => [`  ${field}`, String(value)]),
    ["operation id", operationId],
    ...adviceOn(source, ticketId),
    ...(source.ticket === undefined || ticketId === undefined ? [] : [["its note", text] satisfies [string, string]]),
  ];
}

/** What to use in place of a ticket's id that its system does not take. */
function adviceOn({ ticket }: Source, ticketId: string | undefined): [string, string][] {
  const advice = ticket === undefined || ticketId === undefined ? undefined : ticketIdAdvice(ticket, ticketId);
  return advice === undefined ? [] : [["no note", advice]];
}

function print(rows: readonly [string, string][]): void {
  for (const [label, value] of rows) console.log(`${label.padEnd(16)}${value.replaceAll("\n", `\n${" ".repeat(16)}`)}`);
}

function reasonOf(error: unknown): string {
  if (error instanceof RekeyError && error.cause instanceof Error) return `${error.message}: ${error.cause.message}`;
  return error instanceof Error ? error.message : String(error);
}
