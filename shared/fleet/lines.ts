import * as z from "zod/mini";

/** One device of a fleet's input. */
export const fleetDevice = z.strictObject({
  /** Line of the input, from 1. */
  line: z.int(),
  deviceId: z.string(),
  nodeId: z.optional(z.string()),
  expectedNodeId: z.optional(z.string()),
  verifyCode: z.optional(z.string()),
  timeout: z.optional(z.number()),
  appId: z.optional(z.string()),
});

/** One of {@link fleetDevice}. */
export type FleetDevice = z.infer<typeof fleetDevice>;
