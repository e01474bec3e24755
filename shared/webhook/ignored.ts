import type { Log } from "../runtime/log.ts";
import type { Reading } from "./delivery.ts";

/**
 * Does nothing for a delivery of which nothing is our business, and says so in the log. A path of the source that breaks off in it may be mistyped, of
 * which nobody else would ever hear, since the sender gets a 204: that is a warning, which holds the path and no payload.
 */
export function ignore(readings: readonly Reading[], source: string, log: Log): { readonly ignored: true } {
  const ignored = readings.filter((reading) => reading.kind === "ignored");
  const reason = [...new Set(ignored.map((one) => one.reason))].join("; ");
  const paths = new Set(ignored.flatMap(({ deadEnd }) => deadEnd ?? []));
  if (paths.size === 0) log.info("Delivery ignored", { source, reason });
  else log.warn("Delivery ignored", { source, reason, cause: `Nothing is at ${[...paths].join(", ")}` });
  return { ignored: true };
}
