import { createHmac } from "node:crypto";

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

/** What every sender but the one of Standard Webhooks signs with. */
export const secret = "a secret of the sender's own";
/** HMAC-SHA256 over `text`, not yet encoded. */
export const hmacSha256 = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text);
/** The present time as senders write it: whole seconds since 1970. */
export const nowSeconds = () => String(Math.floor(Date.now() / 1000));
