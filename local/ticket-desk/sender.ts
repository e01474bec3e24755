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
  /** What it says of an event; another one says when it was, and so something else, where this system's payloads do. */
  payload(device: Device): object;
  /**
   * @param deliveryId the same for the repeats of a delivery
   * @param secret its source's own when absent
   */
  headers(body: string, deliveryId: string, secret?: string): Record<string, string>;
  /** The payload as one try sends it, where a system writes the time of sending into it. */
  stamped?(payload: object): object;
}

/** What the ticket says. */
export interface Device {
  readonly deviceId: string;
  /** Fifteen digits. */
  readonly imei: string;
}

/** What a source's sender signs with; every source has one of its own. */
export const secretOf = (source: string) => `the own secret of ${source}`;
/** HMAC-SHA256 over `text`, not yet encoded. */
export const hmacSha256 = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text);
/** The present time as senders write it: whole seconds since 1970. */
export const nowSeconds = () => String(Math.floor(Date.now() / 1000));
