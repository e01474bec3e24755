import { RekeyError } from "../errors.ts";
import type { Route, Routes } from "./operation.ts";
import type { HttpEvent } from "./request.ts";

/**
 * The route of an operation that the gateway chose for a request.
 *
 * Its key alone is not believed: method and path must fit it. They alone are not believed either, since the gateway
 * asks for an authorization by the route's key.
 *
 * @param others keys of the routes that other functions answer
 * @throws MethodNotAllowedError another method has a route with this path; RouteNotFoundError
 */
export function routeOf(routes: Routes, event: HttpEvent, others: readonly string[] = []): Route {
  const { routeKey, rawPath, requestContext } = event;
  const { method } = requestContext.http;
  const own = Object.entries(routes).find(([key]) => key === routeKey)?.[1];
  // The gateway has decoded the path: a parameter of it can hold slashes. A stage, or a base path, may stand before it.
  if (own !== undefined && fits(routeKey.replace(" ", " .*"), ".+", `${method} ${rawPath}`)) return own;
  const allow = [...Object.keys(routes), ...others]
    .map((key) => key.split(" "))
    .flatMap(([takes = "", path = ""]) => (fits(path, "[^/]+", rawPath) ? [takes] : []));
  if (allow.length === 0 || allow.includes(method)) {
    throw new RekeyError("RouteNotFoundError", "There is no such route");
  }
  throw new RekeyError("MethodNotAllowedError", `This route takes ${allow.join(", ")}`, { allow });
}

function fits(template: string, parameter: string, text: string): boolean {
  return new RegExp(`^${template.replaceAll(/\{\w+\}/g, parameter)}$`, "s").test(text);
}
