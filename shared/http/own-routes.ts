import { type Fault, RekeyError } from "../errors.ts";
import type { Middleware, Request } from "./chain.ts";
import type { Route, Routes } from "./operation.ts";
import type { HttpEvent } from "./request.ts";

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
  const own = new Map(Object.entries(routes));
  const known = [...own.keys(), ...otherRoutes].map(knownRoute);
  const ownRoutesBefore = (request: Request): void => {
    const { internal } = request;
    if (internal.http === undefined) return;
    const faults: Fault[] = [];
    request.event = routeOf(internal.http).input(internal.http, faults);
    internal.faults = faults;
  };

  function routeOf({ routeKey, rawPath, requestContext: { http } }: HttpEvent): Route {
    const chosen = known.find(({ key }) => key === routeKey);
    const route = own.get(routeKey);
    if (route !== undefined && chosen?.method === http.method && chosen.decoded.test(rawPath)) return route;
    const allow = known.filter(({ path }) => path.test(rawPath)).map(({ method }) => method);
    if (allow.length === 0 || allow.includes(http.method)) {
      throw new RekeyError("RouteNotFoundError", "There is no such route");
    }
    throw new RekeyError("MethodNotAllowedError", `This route takes ${allow.join(", ")}`, { allow });
  }
  return { before: ownRoutesBefore };
}

function knownRoute(key: string) {
  const [, method, path] = /^([A-Z]+) (\/.*)$/.exec(key) ?? [];
  if (method === undefined || path === undefined) throw new TypeError(`"${key}" is not a route's key`);
  const pattern = (parameter: string) => path.replaceAll(/\{\w+\}/g, parameter);
  return {
    key,
    method,
    path: new RegExp(`^${pattern("[^/]+")}$`),
    // The gateway has decoded it: a parameter can hold slashes. A stage, or a domain's base path, may stand before it.
    decoded: new RegExp(`${pattern(".+")}$`, "s"),
  };
}
