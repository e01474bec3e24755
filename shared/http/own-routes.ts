import { type Fault, RekeyError } from "../errors.ts";
import type { Middleware, Request } from "./chain.ts";
import type { Routes } from "./operation.ts";
import { pathParameters, routeInput } from "./route-input.ts";

interface OwnRoutesOptions {
  readonly routes: Routes;
  /** Keys of the routes that other functions answer, for the one that answers whatever the gateway has no route for. */
  readonly otherRoutes?: readonly string[];
}

/**
 * Puts the operation's input together out of a request, by the route that the gateway chose; refuses every other path
 * and method. What was invoked directly is the input already.
 *
 * Its key alone makes no route: method and path must fit it. They alone make none either, since the gateway asks for an
 * authorization by the route's key.
 *
 * @throws TypeError a key is not written as API Gateway writes it
 */
export function ownRoutes({ routes, otherRoutes = [] }: OwnRoutesOptions): Middleware {
  const own = new Map(Object.entries(routes).map(([key, { takes = [] }]) => [key, { ...knownRoute(key), takes }]));
  const known = [...own.values(), ...otherRoutes.map(knownRoute)];
  const ownRoutesBefore = (request: Request): void => {
    const { http } = request.internal;
    if (http === undefined) return;
    const { rawPath, routeKey, requestContext } = http;
    const { method } = requestContext.http;
    const chosen = own.get(routeKey);
    if (chosen?.method !== method || !chosen.decoded.test(rawPath)) {
      throw refusal(
        method,
        known.filter(({ path }) => path.test(rawPath)),
      );
    }
    const faults: Fault[] = [];
    request.event = routeInput(chosen.takes, chosen.parameters, http, faults);
    request.internal.faults = faults;
  };
  return { before: ownRoutesBefore };
}

function refusal(method: string, samePath: readonly { readonly method: string }[]): RekeyError {
  const allow = samePath.map((route) => route.method);
  if (allow.length === 0 || allow.includes(method)) {
    return new RekeyError("RouteNotFoundError", "There is no such route");
  }
  return new RekeyError("MethodNotAllowedError", `This route takes ${allow.join(", ")}`, { allow });
}

function knownRoute(key: string) {
  const [, method, path] = /^([A-Z]+) (\/.*)$/.exec(key) ?? [];
  if (method === undefined || path === undefined) throw new TypeError(`"${key}" is not a route's key`);
  const pattern = (parameter: string) => path.replaceAll(/\{\w+\}/g, parameter);
  return {
    method,
    parameters: pathParameters(key),
    path: new RegExp(`^${pattern("[^/]+")}$`),
    // The gateway has decoded it: a parameter can hold slashes. A stage, or a domain's base path, may stand before it.
    decoded: new RegExp(`${pattern(".+")}$`, "s"),
  };
}
