import * as z from "zod/mini";
import { type Hash, hashOf } from "./hash-index.ts";

const device = {
  /** Line of the input, from 1. */
  line: z.int(),
  deviceId: z.string(),
  nodeId: z.optional(z.string()),
  expectedNodeId: z.optional(z.string()),
  verifyCode: z.optional(z.string()),
  timeout: z.optional(z.number()),
  appId: z.optional(z.string()),
};

/** One device of a fleet's input. */
export type FleetDevice = z.infer<z.ZodMiniObject<typeof device>>;

/** A device and what is known of it; what a run carries from batch to batch and from round to round. */
export const fleetLine = z.object({
  ...device,
  /** Absent: never tried. `waiting` ones are taken up again in a later round. */
  status: z.optional(z.enum(["done", "failed", "waiting"])),
  /** When it was first found to wait, in milliseconds since 1970: the limit counts from there. */
  triedAtMs: z.optional(z.number()),
  /** Which key its code was derived with, so that it can be derived again; absent: the code is its own, or the nodeId. */
  codeKeyId: z.optional(z.string()),
  /** When the code ends; null when it never does, or when the device has already connected. */
  expiresAt: z.optional(z.nullable(z.string())),
  replayed: z.optional(z.boolean()),
  error: z.optional(z.string()),
  detail: z.optional(z.string()),
  advice: z.optional(z.string()),
  /** When this became known. */
  at: z.optional(z.string()),
});

/** One of {@link fleetLine}. */
export type FleetLine = z.infer<typeof fleetLine>;

/**
 * What a run's result says of a device, one JSON line each: verifyCode only where codes were asked for; no status where
 * its turn has not come.
 */
export type ResultLine = Omit<FleetLine, "expectedNodeId" | "timeout" | "appId" | "triedAtMs" | "codeKeyId">;

/** The code of a line that is done; undefined where it cannot be known any more. */
export type CodeOf = (line: FleetLine) => string | undefined;

/** What the result says of a line. @param codeOf absent: no codes */
export function resultOf(line: FleetLine, codeOf?: CodeOf): ResultLine {
  const { expectedNodeId: _1, timeout: _2, appId: _3, triedAtMs: _4, codeKeyId: _5, verifyCode, ...said } = line;
  if (codeOf === undefined || line.status !== "done") return said;
  const code = verifyCode ?? codeOf(line);
  return code === undefined ? said : { ...said, verifyCode: code };
}

/** What makes a line the same one in another input: its device, its hardware, its code and whose it is. */
export function identityOf({ deviceId, nodeId, verifyCode, appId }: FleetDevice): Hash {
  return hashOf(JSON.stringify([deviceId, nodeId ?? null, verifyCode ?? null, appId ?? null]));
}

/** JSON lines of values. */
export function toLines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}
