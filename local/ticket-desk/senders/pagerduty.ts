import { hmacSha256, type Sender, secret } from "../sender.ts";

/** PagerDuty: its webhook v3 of an incident's custom fields. */
export const pagerduty: Sender = {
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
    "X-PagerDuty-Signature": `v2=0000,v1=${hmacSha256(secret, body).digest("hex")}`,
    "X-Webhook-Id": deliveryId,
  }),
};
