import { createHmac } from "node:crypto";
import { type TicketDesk, ticketApiOf } from "./desk.ts";

/** A ticketing system as it sends: its source's configuration, its payload, how it signs. */
export interface Sender {
  /** The source's name. */
  readonly source: string;
  /** Where its notes are written. */
  readonly system: string;
  readonly ticketId: string;
  /** Without `ticket`, which depends on the desk's address. */
  readonly configuration: { readonly preset: string; readonly secrets: readonly string[] } & Record<string, unknown>;
  payload(device: Device): object;
  /** @param deliveryId the same for the repeats of a delivery */
  headers(body: string, deliveryId: string): Record<string, string>;
}

/** What the ticket says. */
export interface Device {
  readonly deviceId: string;
  /** Fifteen digits. */
  readonly imei: string;
}

const secret = "a secret of the sender's own";
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text);
const seconds = () => String(Math.floor(Date.now() / 1000));
/** One sender for every preset, its payload as its own documentation shows one. */
export const senders: Readonly<Record<string, Sender>> = {
  zendesk: {
    source: "desk",
    system: "zendesk",
    ticketId: "35436",
    configuration: {
      preset: "zendesk",
      secrets: [secret],
      fields: {
        deviceId: "ticket.device",
        nodeId: "ticket.imei",
        timeout: "3600",
        ticketId: "ticket.id",
        requester: "ticket.requester",
      },
      imei: "urn",
    },
    // Zendesk's own ticket events carry no custom fields: a trigger writes this, from {{ticket.ticket_field_4417}} etc.
    payload: ({ deviceId, imei }) => ({
      ticket: {
        id: "35436",
        title: "Meter replaced in Elm Street 4",
        requester: "Ines",
        device: deviceId,
        imei,
      },
    }),
    headers: (body, deliveryId) => {
      const time = new Date().toISOString();
      return {
        "X-Zendesk-Webhook-Signature": hmac(secret, time + body).digest("base64"),
        "X-Zendesk-Webhook-Signature-Timestamp": time,
        "X-Zendesk-Webhook-Invocation-Id": deliveryId,
      };
    },
  },
  jira: {
    source: "field-service",
    system: "jira-service-management",
    ticketId: "FIELD-17",
    configuration: {
      preset: "jira",
      secrets: [secret],
      when: 'webhookEvent = "jira:issue_updated" and changelog.items[field = "status"].toString = "Replaced"',
      fields: {
        deviceId: "issue.fields.customfield_10010",
        nodeId: "issue.fields.customfield_10011",
        ticketId: "issue.key",
      },
    },
    payload: ({ deviceId, imei }) => ({
      timestamp: 1764101521000,
      webhookEvent: "jira:issue_updated",
      issue_event_type_name: "issue_generic",
      issue: {
        id: "10016",
        key: "FIELD-17",
        fields: { status: { name: "Replaced" }, customfield_10010: deviceId, customfield_10011: imei },
      },
      changelog: { id: "10231", items: [{ field: "status", fromString: "Open", toString: "Replaced" }] },
    }),
    headers: (body, deliveryId) => ({
      "X-Hub-Signature": `sha256=${hmac(secret, body).digest("hex")}`,
      "X-Atlassian-Webhook-Identifier": deliveryId,
    }),
  },
  pagerduty: {
    source: "incidents",
    system: "pagerduty",
    ticketId: "Q02JTSNZWHSEKV",
    configuration: {
      preset: "pagerduty",
      secrets: ["the secret before", secret],
      fields: {
        deviceId: 'event.data.custom_fields[name="device_id"].value',
        nodeId: 'event.data.custom_fields[name="new_imei"].value',
        ticketId: "event.data.incident.id",
      },
    },
    payload: ({ deviceId, imei }) => ({
      event: {
        id: "01DK3LZXPOZ2OK9SDU5Y6Y9Z",
        event_type: "incident.custom_field_values.updated",
        resource_type: "incident",
        occurred_at: "2026-11-25T20:12:01.000Z",
        data: {
          incident: { id: "Q02JTSNZWHSEKV", type: "incident_reference" },
          custom_fields: [
            { id: "P8CQ2QV", name: "device_id", value: deviceId },
            { id: "P8CQ2QW", name: "new_imei", value: imei },
          ],
        },
      },
    }),
    headers: (body, deliveryId) => ({
      "X-PagerDuty-Signature": `v2=0000,v1=${hmac(secret, body).digest("hex")}`,
      "X-Webhook-Id": deliveryId,
    }),
  },
  github: {
    source: "repository",
    system: "github",
    ticketId: "7",
    configuration: {
      preset: "github",
      secrets: [secret],
      when: 'action = "labeled" and label.name = "replaced"',
      fields: {
        deviceId: "$match(issue.body, /Device: *(\\S+)/)[0].groups[0]",
        nodeId: "$match(issue.body, /New IMEI: *(\\d{15})/)[0].groups[0]",
        ticketId: "issue.number",
      },
      imei: "urn",
    },
    payload: ({ deviceId, imei }) => ({
      action: "labeled",
      label: { id: 1362934389, name: "replaced", color: "ededed" },
      issue: { number: 7, title: "Meter dead", body: `It does not answer.\nDevice: ${deviceId}\nNew IMEI: ${imei}\n` },
      repository: { full_name: "acme/devices" },
      sender: { login: "ines" },
    }),
    headers: (body, deliveryId) => ({
      "X-Hub-Signature-256": `sha256=${hmac(secret, body).digest("hex")}`,
      "X-GitHub-Event": "issues",
      "X-GitHub-Delivery": deliveryId,
    }),
  },
  linear: {
    source: "linear",
    system: "linear",
    ticketId: "539068e2-ae88-4d09-bd75-22eb4a59612f",
    configuration: {
      preset: "linear",
      secrets: [secret],
      when: 'type = "Issue" and data.state.name = "Replaced" and $exists(updatedFrom.stateId)',
      fields: {
        deviceId: "$match(data.description, /Device: *(\\S+)/)[0].groups[0]",
        nodeId: "$match(data.description, /New IMEI: *(\\d{15})/)[0].groups[0]",
        ticketId: "data.id",
      },
    },
    payload: ({ deviceId, imei }) => ({
      action: "update",
      type: "Issue",
      createdAt: "2026-11-25T20:12:01.531Z",
      data: {
        id: "539068e2-ae88-4d09-bd75-22eb4a59612f",
        title: "Meter dead",
        description: `Device: ${deviceId}\nNew IMEI: ${imei}`,
        state: { id: "2e4a1d7c-8c55-4b0a-9f3a-5f1f0a3cbb10", name: "Replaced", type: "completed" },
      },
      updatedFrom: { stateId: "61f8a7c2-1f1d-4a7f-8f5e-b6d0f0a4e1d2" },
      webhookTimestamp: Date.now(),
      webhookId: "000042e3-d123-4980-b49f-8e140eef9329",
    }),
    headers: (body, deliveryId) => ({
      "Linear-Signature": hmac(secret, body).digest("hex"),
      "Linear-Delivery": deliveryId,
    }),
  },
  "standard-webhooks": {
    source: "helpdesk",
    system: "freshservice",
    ticketId: "264",
    configuration: {
      preset: "standard-webhooks",
      secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
      fields: { deviceId: "data.device", nodeId: "data.imei", ticketId: "data.ticket" },
    },
    payload: ({ deviceId, imei }) => ({
      type: "device.replaced",
      timestamp: "2026-11-25T20:12:01.531Z",
      data: { device: deviceId, imei, ticket: 264 },
    }),
    headers: (body, deliveryId) => {
      const timestamp = seconds();
      const key = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64");
      return {
        "webhook-id": deliveryId,
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${hmac(key, `${deliveryId}.${timestamp}.${body}`).digest("base64")}`,
      };
    },
  },
  "shared-secret": {
    source: "fresh",
    system: "freshdesk",
    ticketId: "812",
    configuration: {
      preset: "shared-secret",
      secrets: [secret],
      signature: { user: "freshdesk" },
      reply: "ack",
      fields: {
        deviceId: "freshdesk_webhook.ticket_cf_device",
        nodeId: "freshdesk_webhook.ticket_cf_imei",
        ticketId: "freshdesk_webhook.ticket_id",
        deliveryId: "freshdesk_webhook.ticket_updated_at",
      },
    },
    payload: ({ deviceId, imei }) => ({
      freshdesk_webhook: {
        ticket_id: 812,
        ticket_subject: "Meter dead",
        ticket_cf_device: deviceId,
        ticket_cf_imei: imei,
        ticket_updated_at: `2026-11-25 of ${deviceId}`,
      },
    }),
    headers: () => ({ Authorization: `Basic ${Buffer.from(`freshdesk:${secret}`).toString("base64")}` }),
  },
  hmac: {
    source: "own",
    system: "servicenow",
    ticketId: "9d385017c611228701d22104cc95c371",
    configuration: {
      preset: "hmac",
      secrets: [secret],
      signature: {
        header: "X-Acme-Signature",
        encoding: "base64",
        signed: "{timestamp}:{body}",
        timestamp: { in: "header", name: "X-Acme-Time", unit: "s" },
      },
      fields: { deviceId: "device.id", nodeId: "device.imei", ticketId: "incident.sys_id", deliveryId: "delivery" },
    },
    payload: ({ deviceId, imei }) => ({
      delivery: `delivery of ${deviceId}`,
      incident: { sys_id: "9d385017c611228701d22104cc95c371" },
      device: { id: deviceId, imei },
    }),
    headers: (body) => {
      const time = seconds();
      return { "X-Acme-Time": time, "X-Acme-Signature": hmac(secret, `${time}:${body}`).digest("base64") };
    },
  },
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

/** Sends one delivery as its sender does, to the gateway at `url`. */
export async function deliver(
  url: string,
  sender: Sender,
  payload: object,
  deliveryId: string,
): Promise<{ readonly status: number; readonly text: string; readonly ms: number }> {
  const body = JSON.stringify(payload);
  const startedAt = performance.now();
  const response = await fetch(`${url}/webhooks/${sender.source}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...sender.headers(body, deliveryId) },
    body,
  });
  const text = await response.text();
  return { status: response.status, text, ms: Math.round(performance.now() - startedAt) };
}
