import { createHmac } from "node:crypto";
import type { HmacScheme, Scheme } from "./scheme.ts";
import type { Source } from "./source.ts";
import { type Headers, headerValue, type Proof } from "./verify.ts";

/** One verified delivery, as it came. */
export interface Delivered {
  readonly headers: Headers;
  /** The raw bytes of the body. */
  readonly body: Uint8Array;
  /** What its sender vouches for. */
  readonly proof: Proof;
}

/** The names of what a delivery asks for: made of what its sender vouches for, under a key that no ticket's writer has. */
export interface OperationNames {
  /**
   * `<source>-<32 hex digits>`: the same for every try of an event. The first 20 are the same for every event that asks
   * for the same.
   */
  readonly operationId: string;
  /** What the code is derived of, the same for every event that asks for the same: another one arms the same code again. */
  readonly idempotencyKey: string;
  /**
   * The sender's own name for the delivery, made unreadable: two with the same one are one. Undefined where the signed
   * bytes tell it already, or the sender has none.
   */
  readonly tryOf: string | undefined;
  /**
   * The operation's id where the same is asked for again long after; undefined where the signed bytes tell repeats
   * from events, and so nothing else may. @param times how long after
   */
  readonly laterOne: ((times: number) => string) | undefined;
}

const digitsOfContent = 20;

/** What the operation ids of all events begin with that ask for the same. */
export function contentOf(operationId: string): string {
  return operationId.slice(0, operationId.lastIndexOf("-") + 1 + digitsOfContent);
}

/**
 * Names what a delivery asks for.
 *
 * @param configured the value of the source's field `deliveryId`, where it has one: it alone is the name then
 * @param part which of several events that came in one delivery, counted from 0
 */
export function operationNames(
  { name, scheme, preset }: Pick<Source, "name" | "scheme" | "preset">,
  configured: string | undefined,
  { headers, body, proof }: Delivered,
  part = 0,
): OperationNames {
  const key = createHmac("sha256", proof.secret).update("rekey: operations of a source").digest();
  const digest = (kind: string, value: string | Uint8Array) =>
    createHmac("sha256", key)
      .update(`${name}\0${part === 0 ? kind : `${kind} ${part}`}\0`)
      .update(value)
      .digest("hex");
  const content =
    configured === undefined ? digest("body", withoutSendingTime(scheme, body)) : digest("id", configured);
  const idempotencyKey = `${name}-${content.slice(0, 32)}`;
  const another = (kind: string, value: string) =>
    `${contentOf(idempotencyKey)}${digest(kind, value).slice(0, 32 - digitsOfContent)}`;
  const none = { tryOf: undefined, laterOne: undefined };
  if (configured !== undefined) return { ...none, operationId: idempotencyKey, idempotencyKey };
  if (scheme.kind === "shared-secret") {
    const laterOne = (times: number) => another("later", String(times));
    return { ...none, operationId: idempotencyKey, idempotencyKey, laterOne };
  }
  const event = eventOf(scheme, proof);
  if (event === undefined) return { ...none, operationId: idempotencyKey, idempotencyKey };
  const { deliveryIdHeader } = preset;
  const sent = scheme.event === "id" || deliveryIdHeader === null ? undefined : headerValue(headers, deliveryIdHeader);
  return {
    ...none,
    operationId: another("event", event),
    idempotencyKey,
    // Of another content it would be another delivery, whatever its unsigned id says.
    tryOf: sent === undefined ? undefined : digest("try", `${content}${sent}`).slice(0, 12),
  };
}

/** What tells two events with the same body apart; undefined where nothing does that is signed. */
function eventOf({ event }: HmacScheme, { id, time }: Proof): string | undefined {
  if (event === "body") return undefined;
  return event === "id" ? id : time;
}

/**
 * The body but for the time of sending, where the sender writes it there anew with every try: Linear's
 * `webhookTimestamp`. It is cut out of the text, since a number read and written again may be another one.
 */
function withoutSendingTime(scheme: Scheme, body: Uint8Array): string | Uint8Array {
  if (scheme.kind === "shared-secret" || scheme.timestamp?.in !== "field" || scheme.event === "time") return body;
  const member = new RegExp(`"${scheme.timestamp.name}"\\s*:\\s*(?:"[^"\\\\]*"|[-+.\\w]+)`, "g");
  // Bytes one to one: the text need not be UTF-8 to be cut.
  return Buffer.from(Buffer.from(body).toString("latin1").replace(member, ""), "latin1");
}
