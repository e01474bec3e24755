import * as z from "zod/mini";
import { defineOperation, type Invocation } from "../shared/http/operation.ts";
import { bodyOf, queryOf } from "../shared/http/request.ts";
import { createPlatform, type Platform } from "../shared/platform/platform.ts";
import { type Clock, isoTime } from "../shared/runtime/clock.ts";

/** Whether to log in afresh, and whether the token itself is wanted; both false when absent. */
export const authenticateInput = z.strictObject({
  renew: z.optional(z.boolean()),
  includeToken: z.optional(z.boolean()),
});

/** Until when the current token is valid, and on demand the token; `expiresIn` in seconds. */
export const authenticateOutput = z.object({
  expiresAt: z.string(),
  expiresIn: z.int(),
  tokenType: z.literal("Bearer"),
  accessToken: z.optional(z.string()),
});

/** Hands out the token that the store holds now, logging in only when there is none or when asked to. */
async function run(
  { renew = false, includeToken = false }: z.infer<typeof authenticateInput>,
  { deadline, log, caller }: Invocation,
  { platform, clock }: { readonly platform: Platform; readonly clock: Clock },
): Promise<z.infer<typeof authenticateOutput>> {
  const { session } = platform;
  const token = renew ? await session.renew(deadline) : await session.current(deadline);
  if (renew || includeToken) log.audit("Access token handed out", { caller, renew, includeToken });
  return {
    expiresAt: isoTime(token.expiresAtMs),
    expiresIn: Math.max(0, Math.floor((token.expiresAtMs - clock.now()) / 1000)),
    tokenType: "Bearer",
    ...(includeToken ? { accessToken: token.accessToken } : {}),
  };
}

/** `POST /authenticate`, and invoked directly. */
export const authenticate = defineOperation({
  input: authenticateInput,
  output: authenticateOutput,
  routes: {
    "POST /authenticate": {
      input: (event, faults) => ({
        ...queryOf(event, [], faults),
        ...bodyOf(event, ["renew", "includeToken"], faults),
      }),
    },
  },
  secrets: ["secretId", "sessionSecretId"],
  readAhead: false,
  dependencies: (sandbox) => ({ platform: createPlatform({ ...sandbox, ...sandbox.config }), clock: sandbox.clock }),
  run,
});
