import middy from "@middy/core";
import type { APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import type * as z from "zod/mini";
import { type Fault, RekeyError } from "../errors.ts";
import { memberOf } from "../json.ts";
import { deadlineIn } from "../runtime/clock.ts";
import { type Log, withLogFields } from "../runtime/log.ts";
import type { Outcome } from "../runtime/metrics.ts";
import type { Sandbox } from "../runtime/sandbox.ts";
import { parseInput } from "./faults.ts";
import type { Operation } from "./operation.ts";
import { type Problem, problemOf } from "./problem.ts";
import { callerOf, isHttpEvent, requestIdOf } from "./request.ts";
import { routeOf } from "./routes.ts";

type Answer = APIGatewayProxyStructuredResultV2;

/** The deployed function: an HTTP answer for a gateway's event, plain JSON or a thrown error for anything else. */
export type Handler = (event: unknown, context: Context) => Promise<unknown>;

// What is left of the invocation for writing the answer and the log.
const marginMs = 400;
const longestMs = 20_000;

/** What a function is wired with beside its operation. */
export interface Wired<Dependencies> extends Pick<Sandbox, "clock" | "log" | "metrics"> {
  /** The operation's name in logs and metrics. */
  readonly name: string;
  readonly dependencies: Dependencies;
  /** Keys of the routes that other functions answer; none when absent. */
  readonly otherRoutes?: readonly string[];
}

/**
 * Wraps an operation into the function that is deployed, through middy: validation before, the answer or the problem
 * after, one measured line at the end of each invocation.
 */
export function createHandler<Input extends z.ZodMiniType, Output extends z.ZodMiniType, Dependencies>(
  operation: Operation<Input, Output, Dependencies>,
  { name, dependencies, otherRoutes, clock, log, metrics }: Wired<Dependencies>,
): Handler {
  type Request = middy.Request<unknown, unknown, Error, Context>;
  const idOf = (request: Request) => requestIdOf(request.event, request.context.awsRequestId ?? "local");
  const routes = operation.routes ?? {};
  let startedAtMs = 0;

  const finish = (request: Request, outcome: Outcome) => {
    const durationMs = Math.round(clock.elapsed() - startedAtMs);
    metrics.flush({ operation: name, outcome, durationMs, requestId: idOf(request) });
  };

  const run = async (event: unknown, context: Context) => {
    const requestId = requestIdOf(event, context.awsRequestId ?? "local");
    const faults: Fault[] = [];
    const raw = isHttpEvent(event) ? routeOf(routes, event, otherRoutes).input(event, faults) : event;
    const input = parseInput(operation.input, raw, faults);
    const invocation = { deadline: deadlineIn(timeLeft(context), clock), log, requestId, caller: callerOf(event) };
    const result = await withLogFields({ requestId }, () => operation.run(input, invocation, dependencies));
    const output = operation.output.parse(result);
    if (!isHttpEvent(event)) return output;
    return answer(operation.statusOf?.(output) ?? 200, "application/json", output, requestId);
  };

  // Middy's own early time-out goes by the wall clock, and its error has no name of ours; deadlines do its work.
  return middy<unknown, unknown, Error, Context>({ timeoutEarlyInMillis: 0 })
    .before(() => {
      startedAtMs = clock.elapsed();
    })
    .after((request) => finish(request, "ok"))
    .onError((request) => {
      const { error } = request;
      const family = error instanceof RekeyError;
      finish(request, family ? error.name : "UnexpectedError");
      logError(log.with({ requestId: idOf(request), operation: name }), error);
      if (!isHttpEvent(request.event)) return;
      const problem = problemOf(error, idOf(request));
      request.response = problemAnswer(problem, error);
    })
    .handler(run);
}

/** What an invocation that begins now may take, in milliseconds. */
function timeLeft(context: Context): number {
  const told = typeof context.getRemainingTimeInMillis === "function" ? context.getRemainingTimeInMillis() : longestMs;
  // Lambda tells it by the sandbox's wall clock. No invocation begins without time: then the clock was set ahead.
  const left = told > 0 ? Math.min(told, longestMs) : longestMs;
  return Math.max(0, left - marginMs);
}

function answer(statusCode: number, type: string, body: unknown, requestId: string): Answer {
  // A 204 has no body, and no type of one.
  if (statusCode === 204) return { statusCode, headers: { "x-request-id": requestId } };
  return {
    statusCode,
    headers: { "content-type": type, "x-request-id": requestId, "cache-control": "no-store" },
    body: JSON.stringify(body),
    isBase64Encoded: false,
  };
}

/** A problem as an HTTP answer, with the headers that its status calls for. */
export function problemAnswer(problem: Problem, error: unknown): Answer {
  const answered = answer(problem.status, "application/problem+json", problem, problem.requestId);
  if (!(error instanceof RekeyError)) return answered;
  const retryAfter = error.retryAfterSeconds ?? (problem.status === 429 || problem.status === 503 ? 5 : undefined);
  return {
    ...answered,
    headers: {
      ...answered.headers,
      ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
      ...(error.allow === undefined ? {} : { allow: error.allow.join(", ") }),
    },
  };
}

/** The caller's faults are news, ours and the platform's are errors; a cause goes into the log and nowhere else. */
function logError(log: Log, error: unknown): void {
  if (!(error instanceof RekeyError)) {
    log.error("Invocation failed unexpectedly", { error: describe(error), stack: stackOf(error) });
    return;
  }
  const fields = {
    error: error.name,
    detail: error.message,
    platformCode: error.platformCode,
    cause: error.cause === undefined ? undefined : describe(error.cause),
  };
  if (error.status < 500) log.info("Request refused", fields);
  else if (error.name === "ConfigurationError") log.error("Request failed", fields);
  else log.warn("Request failed", fields);
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause).slice(0, 200);
  const said = memberOf(cause, "code");
  const code = said === undefined ? "" : ` ${String(said)}`;
  return `${cause.name}${code}: ${cause.message}`.slice(0, 300);
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack?.split("\n").slice(1, 6).join(" | ") : undefined;
}
