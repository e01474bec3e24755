import { afterAll, beforeAll, beforeEach } from "vitest";
import { ticketWebhook } from "../../functions/ticketWebhook.ts";
import { startTicketDesk, type TicketDesk, ticketApiOf } from "../../local/ticket-desk/desk.ts";
import { secretOf } from "../../local/ticket-desk/sender.ts";
import { senderAt } from "../../local/ticket-desk/senders.ts";
import type { Workflow } from "../../shared/runtime/workflow.ts";
import { createSources } from "../../shared/webhook/sources.ts";
import { createDevice, type Fate } from "../platform/one-device.ts";
import { countersOf, invocationBy, secretsOf } from "./world.ts";

/** Where notes are written, in the tests of one file. */
export let desk: TicketDesk;
beforeAll(async () => {
  desk = await startTicketDesk();
});
afterAll(() => desk.close());
/** The ticket of this test. */
export let ticketId = 0;
beforeEach(() => {
  ticketId += 1;
  for (const system of ["zendesk", "github"]) desk.open(system, String(ticketId));
});

const secret = "a secret of thirty-two characters";
const fields = {
  ...{ deviceId: "device", nodeId: "hardware", ticketId: "ticket", requester: "from", deliveryId: "id" },
  ...{ timeout: "seconds", appId: "application", expectedNodeId: "expected" },
};
const headers = { "x-secret": secret };
const signature = { header: "X-Secret" };

/** What a source says of itself beside how it verifies. */
const sources = () => ({
  ack: { reply: "ack", ticket: ticketApiOf(desk, "zendesk"), limitSeconds: 60 },
  result: { reply: "result" },
  resultAndTicket: { reply: "result", ticket: ticketApiOf(desk, "zendesk") },
  open: { reply: "ack", ticket: ticketApiOf(desk, "github") },
  mute: { reply: "ack" },
});
/** Name of a source. */
export type SourceName = keyof ReturnType<typeof sources>;

/** What is delivered, to whom and in which world. */
export interface Given {
  readonly source?: SourceName;
  /** Several events where it is a list. */
  readonly payload?: object | readonly object[];
  /** What the source has in place of, or beside, its own settings. */
  readonly settings?: object;
  /** Signs as this sender does; a shared secret when absent. */
  readonly preset?: string;
  readonly headers?: Record<string, string>;
  /** What the platform's calls meet. */
  readonly fates?: readonly Fate[];
  readonly online?: boolean;
  /** Whether there is a workflow, and whether it can be started. */
  readonly workflow?: "starts" | "fails" | "none";
  /** How long the platform says that a code is valid; 180 when absent. */
  readonly codeSeconds?: number;
  /** What a change of a device ends with, whatever happens. */
  readonly broken?: Error;
}

/** One call's fate: it goes well but for the changes. */
export const fate = (changes: Partial<Fate>): Fate => ({
  tookMs: 20,
  answer: "comes",
  acts: true,
  thenOnline: false,
  ...changes,
});

/** Delivers an event of a ticketing system. */
export async function deliver(given: Given = {}) {
  const { source = "result", payload = {}, fates = [], online = false, workflow = "none", broken } = given;
  const { preset = "shared-secret", settings = {} } = given;
  const isShared = preset === "shared-secret";
  const world = createDevice(fates);
  world.device.online = online;
  world.device.timeout = given.codeSeconds ?? 180;
  const clock = world.time.clock();
  const { invocation, lines } = invocationBy(clock, { caller: "unknown" });
  // Each has a secret of its own, or the first of two alone would be believed.
  const configured = Object.entries(sources()).map(([name, one]) => [
    name,
    name === source
      ? {
          preset,
          secrets: [isShared ? secret : secretOf(source)],
          ...(isShared ? { signature } : {}),
          fields,
          ...one,
          ...settings,
        }
      : { preset: "shared-secret", secrets: [`${name}${secret}`], signature, fields, ...one },
  ]);
  const secrets = secretsOf({ webhooks: Object.fromEntries(configured) });
  const started: { readonly name: string; readonly input: Record<string, unknown> }[] = [];
  const starting: Workflow = {
    async start(name, input) {
      if (workflow === "fails") throw Object.assign(new Error("No"), { name: "ServiceUnavailable" });
      started.push({ name, input: { ...input } });
      return true;
    },
    find: () => Promise.reject(new Error("Nobody asks")),
  };
  const usual = { device: "d", hardware: "new", ticket: String(ticketId), from: "Ines", id: `id-${ticketId}` };
  const eventOf = (one: object) => ({ ...usual, ...one });
  const body = JSON.stringify(Array.isArray(payload) ? payload.map(eventOf) : eventOf(payload));
  const signed = isShared ? headers : senderAt(preset, source).headers(body, "delivery");
  if (broken !== undefined) {
    world.platform.calls = { ...world.platform.calls, refreshDeviceKey: () => Promise.reject(broken) };
  }
  const metrics = countersOf();
  const running = ticketWebhook.run({ source, headers: given.headers ?? signed, body: Buffer.from(body) }, invocation, {
    platform: world.platform,
    sources: createSources(secrets, "webhooks", clock, invocation.log),
    workflow: workflow === "none" ? undefined : starting,
    ...{ clock, metrics },
  });
  const output = await running.catch((error: unknown) => error);
  const system = source === "open" ? "github" : "zendesk";
  const notes = desk.on(system, String(ticketId)).map(({ text }) => text);
  const status = output instanceof Error ? undefined : ticketWebhook.statusOf?.(ticketWebhook.output.parse(output));
  return { output, status, lines, started, notes, metrics, device: world.device, calls: world.calls };
}
