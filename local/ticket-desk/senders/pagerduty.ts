import { randomUUID } from "node:crypto";
import { hmacSha256, type Sender, secretOf } from "../sender.ts";

const ownSecret = secretOf("incidents");

/** PagerDuty: its webhook v3 of an incident's custom fields. */
export const pagerduty: Sender = {
  source: "incidents",
  system: "pagerduty",
  ticketId: "Q02JTSNZWHSEKV",
  configuration: {
    preset: "pagerduty",
    secrets: ["the secret before", ownSecret],
    fields: {
      deviceId: 'event.data.custom_fields[name="device_id"].value',
      nodeId: 'event.data.custom_fields[name="new_imei"].value',
      ticketId: "event.data.incident.id",
    },
  },
  payload: ({ deviceId, imei }) => ({
    event: {
      id: randomUUID(),
      event_type: "incident.custom_field_values.updated",
      resource_type: "incident",
      occurred_at: new Date().toISOString(),
      data: {
        incident: { id: "Q02JTSNZWHSEKV", type: "incident_reference" },
        custom_fields: [
          { id: "P8CQ2QV", name: "device_id", value: deviceId },
          { id: "P8CQ2QW", name: "new_imei", value: imei },
        ],
      },
    },
  }),
  headers: (body, deliveryId, secret = ownSecret) => ({
    "X-PagerDuty-Signature": `v2=0000,v1=${hmacSha256(secret, body).digest("hex")}`,
    "X-Webhook-Id": deliveryId,
  }),
};
