import { type Sender, secretOf } from "../sender.ts";

const ownSecret = secretOf("fresh");

/** Freshdesk: an automation's webhook, with a password in place of a signature. */
export const sharedSecret: Sender = {
  source: "fresh",
  system: "freshdesk",
  ticketId: "812",
  configuration: {
    preset: "shared-secret",
    secrets: [ownSecret],
    signature: { user: "freshdesk" },
    reply: "ack",
    fields: {
      deviceId: "freshdesk_webhook.ticket_cf_device",
      nodeId: "freshdesk_webhook.ticket_cf_imei",
      ticketId: "freshdesk_webhook.ticket_id",
    },
  },
  payload: ({ deviceId, imei }) => ({
    freshdesk_webhook: {
      ticket_id: 812,
      ticket_subject: "Meter dead",
      ticket_cf_device: deviceId,
      ticket_cf_imei: imei,
    },
  }),
  headers: (_body, _deliveryId, secret = ownSecret) => ({
    Authorization: `Basic ${Buffer.from(`freshdesk:${secret}`).toString("base64")}`,
  }),
};
