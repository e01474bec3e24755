import type { Fault } from "../errors.ts";
import type { RequestPart } from "./operation.ts";
import { bodyOf, type HttpEvent, headerOf, queryOf } from "./request.ts";

/** Fields of a JSON body; whatever else stands there is a fault. A route without this looks at no body. */
export function inBody(...fields: readonly string[]): RequestPart {
  return { in: "body", fields, read: (event, faults) => bodyOf(event, fields, faults) };
}

/** Fields of the query, none when none is named; whatever else stands there is a fault. */
export function inQuery(...fields: readonly string[]): RequestPart {
  return { in: "query", fields, read: (event, faults) => queryOf(event, fields, faults) };
}

/** A field that is a header's value, as it was sent or as `read` reads it. */
export function inHeader(
  field: string,
  name: string,
  read: (event: HttpEvent) => string | undefined = (event) => headerOf(event, name),
): RequestPart {
  return { in: "header", fields: [field], name, read: (event) => ({ [field]: read(event) }) };
}

/** Fields that the route makes of the request as a whole. */
export function ofRequest(read: (event: HttpEvent) => object): RequestPart {
  return { in: "request", fields: [], read };
}

/** The parameters in the path of a route's key, in their order. */
export function pathParameters(key: string): readonly string[] {
  return [...key.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) => name ?? []);
}

/**
 * The operation's input out of a request. A parameter of the path that the gateway does not tell is empty, not absent:
 * the schema refuses it.
 *
 * @param faults takes what does not belong where it stands, so that it is told together with all else
 * @throws what the parts' reading throws
 */
export function routeInput(
  parts: readonly RequestPart[],
  parameters: readonly string[],
  event: HttpEvent,
  faults: Fault[],
): object {
  const fields = parts.map((part) => part.read(event, faults));
  const path = parameters.map((name) => [name, event.pathParameters?.[name] ?? ""]);
  return Object.assign({}, ...fields, Object.fromEntries(path));
}
