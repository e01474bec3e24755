import * as z from "zod/mini";
import { RekeyError } from "../shared/errors.ts";
import { errorsOf, type RouteDescriptions } from "../shared/http/description.ts";
import { defineOperation, type Invocation } from "../shared/http/operation.ts";
import { inBody, inQuery } from "../shared/http/route-input.ts";
import { createPlatform, type Platform } from "../shared/platform/client.ts";
import type { Token } from "../shared/platform/session-document.ts";
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
  // Asking for the end of the current token alone concerns nobody else.
  const audit = (outcome: string) => {
    if (renew || includeToken) log.audit("Access token request", { caller, renew, includeToken, outcome });
  };
  let token: Token;
  try {
    token = await (renew ? session.renew(deadline) : session.current(deadline));
  } catch (error) {
    audit(error instanceof RekeyError ? error.name : "UnexpectedError");
    throw error;
  }
  audit("ok");
  return {
    expiresAt: isoTime(token.expiresAtMs),
    expiresIn: Math.max(0, Math.floor((token.expiresAtMs - clock.now()) / 1000)),
    tokenType: "Bearer",
    ...(includeToken ? { accessToken: token.accessToken } : {}),
  };
}

/** What the API's description says of it. */
export const descriptions = (): RouteDescriptions => ({
  "POST /authenticate": {
    operationId: "authenticate",
    summary: "Hands out the application's current token, logging in only when there is none",
    answers: { 200: ["Until when the token is valid, and on demand the token", authenticateOutput] },
    errors: [...errorsOf.edge, ...errorsOf.body, ...errorsOf.session, ...errorsOf.platform],
  },
});

/** `POST /authenticate`, and invoked directly. */
export const authenticate = defineOperation({
  input: authenticateInput,
  output: authenticateOutput,
  routes: {
    "POST /authenticate": { takes: [inQuery(), inBody("renew", "includeToken")] },
  },
  secrets: ["secretId", "sessionSecretId"],
  readAhead: ["sessionSecretId"],
  dependencies: (sandbox) => ({ platform: createPlatform({ ...sandbox, ...sandbox.config }), clock: sandbox.clock }),
  run,
});
