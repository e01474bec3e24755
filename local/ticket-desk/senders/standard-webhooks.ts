import { hmacSha256, nowSeconds, type Sender } from "../sender.ts";

/** A sender that signs as standardwebhooks.com says. */
export const standardWebhooks: Sender = {
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
    const timestamp = nowSeconds();
    const key = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64");
    return {
      "webhook-id": deliveryId,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${hmacSha256(key, `${deliveryId}.${timestamp}.${body}`).digest("base64")}`,
    };
  },
};
