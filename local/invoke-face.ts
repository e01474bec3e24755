import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import type { Answering } from "./listener.ts";
import { isForeign } from "./ports.ts";
import type { Outcome } from "./sandbox.ts";

/** What the Invoke API needs of the functions behind it. */
export interface Invocable {
  has(functionName: string): boolean;
  invoke(functionName: string, event: unknown, requestId: string): Promise<Outcome>;
  invokeAsync(functionName: string, event: unknown): string;
  /** The newest part of the function's log; each line is an object of its own. */
  lines(functionName: string): readonly { readonly line: string }[];
}

const megabyte = 1024 * 1024;
const path = /^\/2015-03-31\/functions\/([^/?]+)\/invocations(?:\?|$)/;

/** Lambda's Invoke API: `POST /2015-03-31/functions/{name}/invocations`, as the AWS SDK's client calls it. */
export function invokeFace(functions: Invocable): Answering {
  return (request, response) =>
    answer(functions, request, response).catch((error: unknown) => {
      if (!response.headersSent) refuse(response, 500, "ServiceException", String(error));
    });
}

async function answer(functions: Invocable, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const named = path.exec(request.url ?? "")?.[1];
  const functionName = named === undefined ? undefined : nameOf(decodeURIComponent(named));
  const body = await buffer(request);
  // A page of another site may send a POST without being asked first, and its answer would be done all the same.
  if (isForeign(request.headers)) return refuse(response, 403, "AccessDeniedException", "Not for another site's page");
  if (request.method !== "POST" || functionName === undefined || !functions.has(functionName)) {
    return refuse(response, 404, "ResourceNotFoundException", `Function not found: ${functionName ?? request.url}`);
  }
  const type = request.headers["x-amz-invocation-type"] ?? "RequestResponse";
  if (body.length > (type === "Event" ? megabyte : 6 * megabyte)) {
    return refuse(response, 413, "RequestTooLargeException", `Request must be smaller than ${body.length} bytes`);
  }
  let event: unknown;
  try {
    event = body.length === 0 ? {} : JSON.parse(body.toString("utf8"));
  } catch {
    return refuse(response, 400, "InvalidRequestContentException", "Could not parse request body into json");
  }
  if (type === "DryRun") return send(response, 204, randomUUID(), {}, "");
  if (type === "Event") return send(response, 202, functions.invokeAsync(functionName, event), {}, "");
  const before = functions.lines(functionName).at(-1);
  const outcome = await functions.invoke(functionName, event, randomUUID());
  const lines = functions.lines(functionName);
  const seen = before === undefined ? 0 : lines.lastIndexOf(before) + 1;
  const log = lines
    .slice(seen)
    .map(({ line }) => line)
    .join("\n");
  send(
    response,
    200,
    outcome.requestId,
    {
      "x-amz-executed-version": "$LATEST",
      ...(outcome.ok ? {} : { "x-amz-function-error": "Unhandled" }),
      ...(request.headers["x-amz-log-type"] === "Tail"
        ? { "x-amz-log-result": Buffer.from(log).subarray(-4096).toString("base64") }
        : {}),
    },
    JSON.stringify(outcome.ok ? outcome.result : outcome.error),
  );
}

/**
 * The function's name out of a name, `name:qualifier`, partial or whole ARN; with or without what stands before it
 * where it is deployed, so that the runbook's commands work here with the stage `local`.
 */
function nameOf(id: string): string {
  return /(?:^|:function:)(?:rekey-local-)?([A-Za-z0-9_-]+)(?::[^:]+)?$/.exec(id)?.[1] ?? id;
}

function refuse(response: ServerResponse, status: number, type: string, message: string): void {
  send(
    response,
    status,
    randomUUID(),
    { "x-amzn-errortype": type },
    JSON.stringify({ Type: "User", Message: message }),
  );
}

function send(
  response: ServerResponse,
  status: number,
  requestId: string,
  headers: Record<string, string>,
  body: string,
): void {
  response.writeHead(status, { "content-type": "application/json", "x-amzn-requestid": requestId, ...headers });
  response.end(body);
}
