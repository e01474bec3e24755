import middy from "@middy/core";
import type { Context } from "aws-lambda";
import type * as z from "zod/mini";
import { withLogFields } from "../runtime/log.ts";
import type { Sandbox } from "../runtime/sandbox.ts";
import type { Internal } from "./chain.ts";
import { errorLine } from "./error-line.ts";
import { httpAnswer } from "./http-answer.ts";
import { invocationContext } from "./invocation-context.ts";
import { measuredLine } from "./measured-line.ts";
import type { Operation } from "./operation.ts";
import { ownRoutes } from "./own-routes.ts";
import { thrownError } from "./thrown-error.ts";
import { validator } from "./validator.ts";

/** What a function is wired with beside its operation. */
export interface Wired<Dependencies> extends Pick<Sandbox, "clock" | "log" | "metrics"> {
  /** The operation's name in logs and metrics. */
  readonly name: string;
  readonly dependencies: Dependencies;
  /** Keys of the routes that other functions answer; none when absent. */
  readonly otherRoutes?: readonly string[];
}

/** The deployed function: an HTTP answer for a gateway's event, plain JSON or a thrown error for anything else. */
export type Handler = (event: unknown, context: Context) => Promise<unknown>;

/**
 * Wraps an operation into the function that is deployed. On the way in the chain runs from the top, on the way out, with
 * an answer or an error, from the bottom.
 */
export function createHandler<Dependencies>(
  operation: Operation<z.ZodMiniType, z.ZodMiniType, Dependencies>,
  { name, dependencies, otherRoutes = [], clock, log, metrics }: Wired<Dependencies>,
): Handler {
  const { routes = {} } = operation;
  // Middy's own early time-out goes by the wall clock, and its error has no name of ours; deadlines do its work.
  return middy<unknown, unknown, Error, Context, Internal>({ timeoutEarlyInMillis: 0 })
    .use(measuredLine({ operation: name, clock, metrics }))
    .use(errorLine({ operation: name, log }))
    .use(invocationContext({ clock, log, routes }))
    .use(httpAnswer(operation))
    .use(thrownError())
    .use(ownRoutes({ routes, otherRoutes }))
    .use(validator(operation))
    .handler((input, { invocation }) =>
      // Middy calls before, handler and after one after the other; what holds during the work has to enclose the work.
      withLogFields({ requestId: invocation.requestId }, () => operation.run(input, invocation, dependencies)),
    );
}
