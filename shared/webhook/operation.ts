import { createHash } from "node:crypto";
import type { Source } from "./source.ts";
import { type Headers, headerValue } from "./verify.ts";

/** One verified delivery, as it came. */
export interface Delivered {
  readonly headers: Headers;
  /** The raw bytes of the body. */
  readonly body: Uint8Array;
}

/** The name of what a delivery asks for. A sender without an id of a delivery sends the same bytes when it repeats one. */
export function operationIdOf({ name, preset }: Source, configured: string | undefined, delivered: Delivered): string {
  const { deliveryIdHeader } = preset;
  const sent = deliveryIdHeader === null ? undefined : headerValue(delivered.headers, deliveryIdHeader);
  const id = configured ?? sent;
  const hash = createHash("sha256").update(name).update("\0");
  if (id === undefined) hash.update("body\0").update(delivered.body);
  else hash.update("id\0").update(id);
  return `${name}-${hash.digest("hex").slice(0, 32)}`;
}
