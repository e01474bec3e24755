import { readFile } from "node:fs/promises";
import * as z from "zod/mini";
import { listed } from "../shared/input-faults.ts";
import { memberOf } from "../shared/json.ts";
import { expressionFaults, readSource, sourceFaults } from "../shared/webhook/source.ts";
import { type TicketDesk, ticketApiOf } from "./ticket-desk/desk.ts";

const enoughMs = 60_000;

/**
 * Webhook sources of one's own for the local system, as the webhooks secret holds them. Their notes go to the local desk,
 * in the manner of their system, and never to the system itself: what is tried here must not write on a real ticket.
 *
 * @throws Error the file cannot be read, is no JSON, or holds a source that is malformed; it names the file and the place
 */
export async function ownSources(file: string, desk: TicketDesk): Promise<Record<string, object>> {
  const sources: Record<string, object> = {};
  for (const [name, configuration] of Object.entries(await objectIn(file))) {
    const faults = await faultsOf(name, configuration);
    if (faults !== "") throw new Error(`${file}, source "${name}": ${faults}`);
    const system = memberOf(memberOf(configuration, "ticket"), "system");
    if (typeof system === "string") desk.openAll(system);
    sources[name] = {
      ...Object(configuration),
      ...(typeof system === "string" ? { ticket: ticketApiOf(desk, system) } : {}),
    };
  }
  return sources;
}

async function faultsOf(name: string, configuration: unknown): Promise<string> {
  try {
    return listed(await expressionFaults(await readSource(name, configuration), enoughMs));
  } catch (error) {
    const faults = listed(sourceFaults(error));
    return faults === "" ? String(error) : faults;
  }
}

const object = z.record(z.string(), z.unknown());

async function objectIn(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) throw new Error(`${file} cannot be read`);
  try {
    return object.parse(JSON.parse(text.replace(/^\uFEFF/, "")));
  } catch {
    // The parser's words quote the file, which holds secrets.
    throw new Error(`${file} is not a JSON object of sources`);
  }
}
