import { randomBytes } from "node:crypto";
import { type IncomingMessage, type ServerResponse, validateHeaderName, validateHeaderValue } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import * as z from "zod/mini";
import { listen } from "./listener.ts";
import { type Match, match, type Route } from "./routes.ts";
import type { Outcome } from "./sandbox.ts";

/** Settings of the gateway. */
export interface GatewayOptions {
  /** See {@link routesOf} for those of a serverless.yml. */
  readonly routes: readonly Route[];
  readonly invoke: (functionName: string, event: unknown) => Promise<Outcome>;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Demand an AWS Signature Version 4 header on routes with an authorizer; the signature itself is not verified. Default false. */
  readonly requireSignature?: boolean;
  /** Default 30. */
  readonly integrationTimeoutSeconds?: number;
  /** Is asked first, and says whether it answers: for a page that stands beside the routes on this machine only. */
  readonly aside?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** A running gateway. */
export interface Gateway {
  readonly url: string;
  close(): Promise<void>;
}

/** An answer that the gateway gives by itself, without or in place of the function. */
class GatewayError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  readonly body: string | Buffer;
}

/** What a function answers a request with. */
const httpResult = z.object({
  statusCode: z.pipe(z.coerce.number(), z.int().check(z.minimum(100), z.maximum(599))),
  headers: z._default(z.record(z.string(), z.coerce.string()), {}),
  cookies: z._default(z.array(z.coerce.string()), []),
  body: z._default(z.string(), ""),
  isBase64Encoded: z._default(z.boolean(), false),
});

const bodyLimitBytes = 10 * 1024 * 1024;
const headerLimitBytes = 10_240;

/**
 * Starts a stand-in for an API Gateway HTTP API with payload format 2.0.
 *
 * Source: the developer guide's page on Lambda proxy integrations. `rawPath` is decoded, as live captures show. Not documented, and taken
 * the harder way for the function: `%2F` does not separate segments, so it arrives as `/` inside a path parameter.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    if (options.aside?.(request, response) === true) return;
    const requestId = randomBytes(8).toString("base64url");
    const result = await answer(options, request, requestId).catch((error: unknown) => {
      if (error instanceof GatewayError) return json(error.status, { message: error.message });
      if (request.complete) console.error(error);
      return json(500, { message: "Internal Server Error" });
    });
    // What is left of a body that was refused is not read: the connection cannot be used again.
    if (!request.complete) response.setHeader("connection", "close");
    send(response, requestId, result);
  };
  const server = await listen(serve, options.port, { maxHeaderSize: headerLimitBytes });
  return { url: server.url, close: server.down };
}

async function answer(options: GatewayOptions, request: IncomingMessage, requestId: string): Promise<Answer> {
  const [path = "/", rawQueryString = ""] = split(request.url ?? "/", "?");
  const found = find(options.routes, request.method ?? "GET", path);
  const { authorization = "" } = request.headers;
  if (options.requireSignature && found.route.authorized && !/^AWS4-HMAC-SHA256 .*Signature=/.test(authorization)) {
    throw new GatewayError(403, "Forbidden");
  }
  const body = await bodyOf(request);
  const event = eventOf({ request, requestId, found, path, rawQueryString, body });
  const over = new AbortController();
  const limit = delay((options.integrationTimeoutSeconds ?? 30) * 1000, undefined, { signal: over.signal });
  const outcome = await Promise.race([options.invoke(found.route.functionName, event), limit.catch(() => undefined)]);
  over.abort();
  if (outcome === undefined) throw new GatewayError(503, "Service Unavailable");
  if (!outcome.ok) throw new GatewayError(500, "Internal Server Error");
  return answerOf(outcome.result);
}

function find(routes: readonly Route[], method: string, path: string): Match {
  let found: Match | undefined;
  try {
    decodeURIComponent(path);
    found = match(routes, method, path);
  } catch {
    throw new GatewayError(400, "Bad Request");
  }
  if (found === undefined) throw new GatewayError(404, "Not Found");
  return found;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  const tooLarge = () => new GatewayError(413, "Request Entity Too Large");
  if (Number(request.headers["content-length"] ?? 0) > bodyLimitBytes) throw tooLarge();
  // Not `for await`: leaving that loop early would cut the connection before the answer is out.
  await new Promise<void>((resolve, reject) => {
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > bodyLimitBytes) {
        request.pause();
        reject(tooLarge());
      } else chunks.push(chunk);
    });
    request.once("end", resolve);
    request.once("error", reject);
  });
  return Buffer.concat(chunks);
}

interface Parts {
  readonly request: IncomingMessage;
  readonly requestId: string;
  readonly found: Match;
  readonly path: string;
  readonly rawQueryString: string;
  readonly body: Buffer;
}

/** The event as payload format 2.0 has it. */
function eventOf({ request, requestId, found, path, rawQueryString, body }: Parts): APIGatewayProxyEventV2 {
  const headers = headersOf(request, body, requestId);
  const cookies = request.headersDistinct["cookie"]?.flatMap((line) => line.split(/; ?/));
  const query = queryOf(rawQueryString);
  // API Gateway decodes the path before the function sees it, and ends it at a question mark that this brings up.
  const rawPath = split(decodeURIComponent(path), "?")[0] ?? "/";
  const now = new Date();
  const isBase64Encoded = !isText(headers["content-type"], body);
  return {
    version: "2.0",
    routeKey: found.route.routeKey,
    rawPath,
    rawQueryString,
    ...(cookies === undefined ? {} : { cookies }),
    headers,
    ...(query === undefined ? {} : { queryStringParameters: query }),
    requestContext: {
      accountId: "123456789012",
      apiId: "local",
      domainName: headers["host"] ?? "localhost",
      domainPrefix: "local",
      http: {
        method: request.method ?? "GET",
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? "127.0.0.1",
        userAgent: headers["user-agent"] ?? "",
      },
      requestId,
      routeKey: found.route.routeKey,
      stage: "$default",
      time: clfTime(now),
      timeEpoch: now.getTime(),
    },
    ...(Object.keys(found.pathParameters).length === 0 ? {} : { pathParameters: { ...found.pathParameters } }),
    ...(body.length === 0 ? {} : { body: body.toString(isBase64Encoded ? "base64" : "utf8") }),
    isBase64Encoded,
  };
}

/** Names in lower case, repeated ones joined with commas, cookies apart, and what the gateway adds. */
function headersOf(request: IncomingMessage, body: Buffer, requestId: string): Record<string, string> {
  const given = Object.entries(request.headersDistinct).flatMap(([name, values]) =>
    ["cookie", "connection", "transfer-encoding", "expect"].includes(name) ? [] : [[name, (values ?? []).join(",")]],
  );
  return {
    ...Object.fromEntries(given),
    "content-length": String(body.length),
    "x-amzn-trace-id": `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${Buffer.from(requestId).toString("hex")}`,
    "x-forwarded-for": request.socket.remoteAddress ?? "127.0.0.1",
    "x-forwarded-port": String(request.socket.localPort ?? 0),
    "x-forwarded-proto": "http",
  };
}

/** Repeated names joined with commas; undefined without a query. */
function queryOf(rawQueryString: string): Record<string, string> | undefined {
  if (rawQueryString === "") return undefined;
  const joined = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(rawQueryString)) {
    const before = joined.get(name);
    joined.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(joined);
}

/** Whether the body is handed over as it is; anything else (forms too) comes base64-encoded. */
function isText(contentType: string | undefined, body: Buffer): boolean {
  if (body.length === 0) return true;
  const type = contentType?.split(";")[0]?.trim().toLowerCase() ?? "text/plain";
  const textual = type.startsWith("text/") || /^application\/(json|javascript|xml)$/.test(type);
  // What is not UTF-8 would be damaged as text.
  return textual && Buffer.from(body.toString("utf8"), "utf8").equals(body);
}

/** The function's result as an answer: with a statusCode as it says, else all of it as JSON. */
function answerOf(result: unknown): Answer {
  if (typeof result !== "object" || result === null || !("statusCode" in result)) return json(200, result);
  const { statusCode: status, headers, cookies, body, isBase64Encoded } = httpResult.parse(result);
  const named = Object.entries(headers).map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  for (const [name, value] of [...named, ...cookies.map((cookie): [string, string] => ["set-cookie", cookie])]) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  return {
    status,
    headers: { "content-type": "text/plain;charset=UTF-8", ...Object.fromEntries(named) },
    cookies,
    body: isBase64Encoded ? Buffer.from(body, "base64") : body,
  };
}

function json(status: number, value: unknown): Answer {
  return { status, headers: { "content-type": "application/json" }, cookies: [], body: JSON.stringify(value) };
}

function send(response: ServerResponse, requestId: string, answer: Answer): void {
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
  if (answer.cookies.length > 0) response.setHeader("set-cookie", answer.cookies);
  response.setHeader("apigw-requestid", requestId);
  response.setHeader("content-length", Buffer.byteLength(answer.body));
  response.statusCode = answer.status;
  response.end(answer.body);
}

/** `24/Nov/2026:14:03:58 +0000` */
function clfTime(time: Date): string {
  const [, day, month, year, clock] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+) GMT$/.exec(time.toUTCString()) ?? [];
  return `${day}/${month}/${year}:${clock} +0000`;
}

/** At the first separator only. */
function split(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
