import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { RekeyError } from "../errors.ts";
import type { Middleware, Request } from "./chain.ts";
import { problemOf } from "./problem.ts";

type Answer = APIGatewayProxyStructuredResultV2;

interface HttpAnswerOptions {
  /** The status of an output; 200 when absent. */
  statusOf?(output: unknown): number;
}

/**
 * What a request that came over HTTP is answered with: the output as JSON, an error as a problem (RFC 9457). What was
 * invoked directly has the output itself, and its error stays thrown.
 */
export function httpAnswer(options: HttpAnswerOptions): Middleware {
  const httpAnswerAfter = (request: Request): void => {
    const { internal, response } = request;
    if (internal.http === undefined) return;
    request.response = answer(options.statusOf?.(response) ?? 200, "application/json", response, internal.requestId);
  };
  const httpAnswerOnError = (request: Request): void => {
    const { internal, error } = request;
    if (internal.http === undefined) return;
    const problem = problemOf(error, internal.requestId);
    const answered = answer(problem.status, "application/problem+json", problem, internal.requestId);
    request.response = { ...answered, headers: { ...answered.headers, ...headersOf(error, problem.status) } };
  };
  return { after: httpAnswerAfter, onError: httpAnswerOnError };
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

/** Whoever is told to come back is told when, and whoever took the wrong method, which ones there are. */
function headersOf(error: unknown, status: number): Record<string, string> {
  if (!(error instanceof RekeyError)) return {};
  const retryAfter = error.retryAfterSeconds ?? (status === 429 || status === 503 ? 5 : undefined);
  return {
    ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
    ...(error.allow === undefined ? {} : { allow: error.allow.join(", ") }),
  };
}
