import type { Context } from "aws-lambda";
import { type Clock, deadlineIn } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Middleware, Request } from "./chain.ts";
import type { Routes } from "./operation.ts";
import { callerOf, isHttpEvent, requestIdOf } from "./request.ts";

interface InvocationContextOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** They say whose request ids are taken over. */
  readonly routes: Routes;
}

// What is left of the invocation for writing the answer and the log.
const marginMs = 400;
const longestMs = 20_000;

/** Puts into Lambda's context what an operation is given beside its input: deadline, log, request id, caller. */
export function invocationContext({ clock, log, routes }: InvocationContextOptions): Middleware {
  const byKey = new Map(Object.entries(routes));
  const invocationContextBefore = (request: Request): void => {
    const { event, context, internal } = request;
    const http = isHttpEvent(event) ? event : undefined;
    const given = http === undefined || byKey.get(http.routeKey)?.ownRequestId ? undefined : requestIdOf(http);
    const requestId = given ?? context.awsRequestId ?? "local";
    const caller = http === undefined ? "direct invocation" : callerOf(http);
    internal.http = http;
    internal.requestId = requestId;
    request.context = {
      ...context,
      invocation: { deadline: deadlineIn(timeLeft(context), clock), log, requestId, caller },
    };
  };
  return { before: invocationContextBefore };
}

/** What an invocation that begins now may take, in milliseconds. */
function timeLeft(context: Context): number {
  const told = typeof context.getRemainingTimeInMillis === "function" ? context.getRemainingTimeInMillis() : longestMs;
  // Lambda tells it by the sandbox's wall clock. No invocation begins without time: then the clock was set ahead.
  const left = told > 0 ? Math.min(told, longestMs) : longestMs;
  return Math.max(0, left - marginMs);
}
