import { randomUUID } from "node:crypto";
import { hmacSha256, nowSeconds, type Sender, secretOf } from "../sender.ts";

const ownSecret = secretOf("own");

/** A sender of one's own that signs time and body. */
export const hmac: Sender = {
  source: "own",
  system: "servicenow",
  ticketId: "9d385017c611228701d22104cc95c371",
  configuration: {
    preset: "hmac",
    secrets: [ownSecret],
    signature: {
      header: "X-Acme-Signature",
      encoding: "base64",
      signed: "{timestamp}:{body}",
      timestamp: { in: "header", name: "X-Acme-Time", unit: "s" },
    },
    fields: { deviceId: "device.id", nodeId: "device.imei", ticketId: "incident.sys_id", deliveryId: "delivery" },
  },
  payload: ({ deviceId, imei }) => ({
    delivery: randomUUID(),
    incident: { sys_id: "9d385017c611228701d22104cc95c371" },
    device: { id: deviceId, imei },
  }),
  headers: (body, _deliveryId, secret = ownSecret) => {
    const time = nowSeconds();
    return { "X-Acme-Time": time, "X-Acme-Signature": hmacSha256(secret, `${time}:${body}`).digest("base64") };
  },
};
