import { type TicketDesk, ticketApiOf } from "./desk.ts";
import { type Sender, secretOf } from "./sender.ts";
import { github } from "./senders/github.ts";
import { hmac } from "./senders/hmac.ts";
import { jira } from "./senders/jira.ts";
import { linear } from "./senders/linear.ts";
import { pagerduty } from "./senders/pagerduty.ts";
import { sharedSecret } from "./senders/shared-secret.ts";
import { standardWebhooks } from "./senders/standard-webhooks.ts";
import { zendesk } from "./senders/zendesk.ts";

/** One sender for every preset, its payload as its own documentation shows one. */
export const senders: Readonly<Record<string, Sender>> = {
  zendesk,
  jira,
  pagerduty,
  github,
  linear,
  "standard-webhooks": standardWebhooks,
  "shared-secret": sharedSecret,
  hmac,
};

/** The webhooks secret with a source for every sender, and every sender's ticket opened. */
export function sourcesOf(desk: TicketDesk): Record<string, object> {
  const sources: Record<string, object> = {};
  for (const { source, system, ticketId, configuration } of Object.values(senders)) {
    desk.open(system, ticketId);
    sources[source] = { ...configuration, ticket: ticketApiOf(desk, system) };
  }
  return sources;
}

/** A sender by its preset. */
export function senderOf(preset: string): Sender {
  const sender = senders[preset];
  if (sender === undefined) throw new RangeError(`There is no sender ${preset}`);
  return sender;
}

/** The same sender at another source, which has a secret of its own. */
export function senderAt(preset: string, source: string): Sender {
  const sender = senderOf(preset);
  return { ...sender, source, headers: (body, deliveryId) => sender.headers(body, deliveryId, secretOf(source)) };
}

/** Sends one delivery as its sender does, to the gateway at `url`. */
export async function deliver(
  url: string,
  sender: Sender,
  payload: object,
  deliveryId: string,
): Promise<{ readonly status: number; readonly text: string; readonly ms: number }> {
  const body = JSON.stringify(sender.stamped?.(payload) ?? payload);
  const startedAt = performance.now();
  const response = await fetch(`${url}/webhooks/${sender.source}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...sender.headers(body, deliveryId) },
    body,
  });
  const text = await response.text();
  return { status: response.status, text, ms: Math.round(performance.now() - startedAt) };
}
