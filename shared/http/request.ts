import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { type Fault, RekeyError } from "../errors.ts";
import { jsonOf, memberOf, valueAt } from "../json.ts";
import { invalidInput } from "./parse-input.ts";

/** The event of an API Gateway HTTP API, payload format 2.0, as far as we read it. */
export type HttpEvent = APIGatewayProxyEventV2;

/** Whether an event came through the gateway; everything else is a direct invocation's input. */
export function isHttpEvent(event: unknown): event is HttpEvent {
  const method = valueAt(event, ["requestContext", "http", "method"]);
  return memberOf(event, "version") === "2.0" && typeof method === "string";
}

/** The value of a header, whatever the spelling of its name; undefined when absent. */
export function headerOf(event: HttpEvent, name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (const [key, value] of Object.entries(event.headers ?? {})) if (key.toLowerCase() === wanted) return value;
  return undefined;
}

const maxBodyBytes = 64 * 1024;

/**
 * The bytes of a body as they were sent; the gateway hands over what it takes for binary as base64.
 *
 * @throws PayloadTooLargeError over `maxBytes`
 */
export function rawBodyOf(event: HttpEvent, maxBytes: number): Buffer {
  const body = event.body ?? "";
  const encoding = event.isBase64Encoded ? "base64" : "utf8";
  if (Buffer.byteLength(body, encoding) > maxBytes) {
    throw new RekeyError("PayloadTooLargeError", `The body has more than ${Math.floor(maxBytes / 1024)} kB`);
  }
  return Buffer.from(body, encoding);
}

/**
 * The members of a JSON body; none when the body is empty.
 *
 * @param allowed the body's fields: what belongs into path, query or a header is as unknown here as anything else
 * @param faults takes the unknown ones, so that they are told together with all others
 * @throws PayloadTooLargeError over 64 kB; UnsupportedMediaTypeError; InvalidInputError not a JSON object
 */
export function bodyOf(event: HttpEvent, allowed: readonly string[], faults: Fault[]): Record<string, unknown> {
  const text = rawBodyOf(event, maxBodyBytes).toString("utf8");
  if (text.trim() === "") return {};
  const mediaType = headerOf(event, "content-type")?.split(";")[0]?.trim().toLowerCase() ?? "application/json";
  if (mediaType !== "application/json" && !/^application\/[\w.-]+\+json$/.test(mediaType)) {
    throw new RekeyError("UnsupportedMediaTypeError", "The body's Content-Type is not application/json");
  }
  const body = jsonOf(text);
  if (body === undefined) throw invalidInput([{ path: "", message: "the body is not JSON" }]);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalidInput([{ path: "", message: "the body is not a JSON object" }]);
  }
  return onlyAllowed(body, allowed, faults);
}

/** The query's parameters; `faults` takes those that the route does not know. */
export function queryOf(event: HttpEvent, allowed: readonly string[], faults: Fault[]): Record<string, unknown> {
  return onlyAllowed(event.queryStringParameters ?? {}, allowed, faults);
}

/**
 * The idempotency key, quoted (as a structured field) or bare.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export function idempotencyKeyOf(event: HttpEvent): string | undefined {
  const value = headerOf(event, "idempotency-key")?.trim();
  const quoted = value === undefined ? null : /^"((?:[^"\\]|\\["\\])*)"$/.exec(value);
  return quoted === null ? value : quoted[1]?.replace(/\\(["\\])/g, "$1");
}

/** The caller's own request id; undefined when there is none, or none that can stand in a log and a header. */
export function requestIdOf(event: HttpEvent): string | undefined {
  const given = headerOf(event, "x-request-id");
  return given !== undefined && /^[\w.:+/=@-]{1,128}$/.test(given) ? given : undefined;
}

/** Who calls, for the audit line: the IAM principal's ARN or the token's subject. */
export function callerOf(event: HttpEvent): string {
  const authorizer = memberOf(event.requestContext, "authorizer");
  const caller = valueAt(authorizer, ["iam", "userArn"]) ?? valueAt(authorizer, ["jwt", "claims", "sub"]);
  return typeof caller === "string" ? caller : "unknown";
}

function onlyAllowed(fields: object, allowed: readonly string[], faults: Fault[]): Record<string, unknown> {
  const known: [string, unknown][] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (allowed.includes(name)) known.push([name, value]);
    else faults.push({ path: name.slice(0, 64), message: "is unknown" });
  }
  return Object.fromEntries(known);
}
