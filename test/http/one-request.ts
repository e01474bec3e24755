import type { Middleware, Request } from "../../shared/http/chain.ts";
import type { HttpEvent } from "../../shared/http/request.ts";

/** A request of middy's as a link of the chain is given it. */
export function requestOf(changes: Omit<Partial<Request>, "internal"> & { readonly internal?: object } = {}): Request {
  const internal = { startedAtMs: 0, requestId: "request-1", http: undefined, faults: [], ...changes.internal };
  const context = { awsRequestId: "invocation-1" };
  const request = { event: undefined, context, response: undefined, error: undefined, ...changes, internal };
  return request as unknown as Request;
}

/** An event of the gateway. */
export function eventOf(changes: object = {}): HttpEvent {
  const http = { version: "2.0", routeKey: "PUT /wishes/{name}", rawPath: "/wishes/one", headers: {} };
  return {
    ...{ ...http, requestContext: { http: { method: "PUT" } }, isBase64Encoded: false },
    ...changes,
  } as unknown as HttpEvent;
}

/** Sends a request through one half of a link; @returns the same request, as it is afterwards. */
export function through(link: Middleware, half: "before" | "after" | "onError", request: Request): Request {
  const returned: unknown = link[half]?.(request);
  // Whatever a link returns ends middy's chain before its time.
  if (returned !== undefined) throw new Error(`The link returned ${String(returned)}`);
  return request;
}
