import { hmacSha256, type Sender, secretOf } from "../sender.ts";

const ownSecret = secretOf("desk");

/** Zendesk: its signature, and a trigger's own text. */
export const zendesk: Sender = {
  source: "desk",
  system: "zendesk",
  ticketId: "35436",
  configuration: {
    preset: "zendesk",
    secrets: [ownSecret],
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
  headers: (body, deliveryId, secret = ownSecret) => {
    const time = new Date().toISOString();
    return {
      "X-Zendesk-Webhook-Signature": hmacSha256(secret, time + body).digest("base64"),
      "X-Zendesk-Webhook-Signature-Timestamp": time,
      "X-Zendesk-Webhook-Invocation-Id": deliveryId,
    };
  },
};
