import { hmacSha256, type Sender, secretOf } from "../sender.ts";

const ownSecret = secretOf("linear");

/** Linear: an issue that came into another state. */
export const linear: Sender = {
  source: "linear",
  system: "linear",
  ticketId: "539068e2-ae88-4d09-bd75-22eb4a59612f",
  configuration: {
    preset: "linear",
    secrets: [ownSecret],
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
    createdAt: new Date().toISOString(),
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
  stamped: (payload) => ({ ...payload, webhookTimestamp: Date.now() }),
  headers: (body, deliveryId, secret = ownSecret) => ({
    "Linear-Signature": hmacSha256(secret, body).digest("hex"),
    "Linear-Delivery": deliveryId,
  }),
};
