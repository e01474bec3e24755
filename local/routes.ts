import { readFile } from "node:fs/promises";
import { parse } from "yaml";

/** One route of the gateway. */
export interface Route {
  /** `PUT /devices/{deviceId}/key`, `ANY /x/{rest+}` or `$default`. */
  readonly routeKey: string;
  readonly functionName: string;
  /** Whether serverless.yml names an authorizer. */
  readonly authorized: boolean;
}

/** The route that takes a request, and its path parameters, decoded. */
export interface Match {
  readonly route: Route;
  readonly pathParameters: Readonly<Record<string, string>>;
}

/** The `httpApi` events of a serverless.yml. */
export async function routesOf(serverlessFile: string): Promise<Route[]> {
  const root = asRecord(parse(await readFile(serverlessFile, "utf8"), { logLevel: "error" }));
  return Object.entries(asRecord(root["functions"])).flatMap(([functionName, settings]) => {
    const events = asRecord(settings)["events"];
    if (!Array.isArray(events)) return [];
    return events.flatMap((event) => {
      const httpApi: unknown = asRecord(event)["httpApi"];
      return httpApi === undefined ? [] : [routeOf(functionName, httpApi)];
    });
  });
}

function routeOf(functionName: string, httpApi: unknown): Route {
  if (typeof httpApi === "string") return { routeKey: keyOf(httpApi), functionName, authorized: false };
  const { method = "*", path = "*", authorizer } = asRecord(httpApi);
  return { routeKey: keyOf(`${method} ${path}`), functionName, authorized: authorizer !== undefined };
}

/** `*` is every request, `* /path` every method. */
function keyOf(text: string): string {
  const [method = "*", path = "*"] = text.trim().split(/\s+/);
  if (path === "*") return "$default";
  return `${method === "*" ? "ANY" : method.toUpperCase()} ${path}`;
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/**
 * The most specific route for a request: a whole match before a greedy one, fixed segments before parameters, the method before `ANY`,
 * `$default` last.
 *
 * @param path as it was sent, still percent-encoded
 * @throws {URIError} when the encoding is malformed
 */
export function match(routes: readonly Route[], method: string, path: string): Match | undefined {
  const matches = routes.flatMap((route) => {
    const [wantedMethod = "", pattern = ""] = route.routeKey.split(" ");
    if (wantedMethod !== "ANY" && wantedMethod !== method) return [];
    const found = segments(pattern, path);
    return found === undefined
      ? []
      : [{ route, pathParameters: found.parameters, rank: `${found.rank}${wantedMethod === "ANY" ? 1 : 0}` }];
  });
  const [best] = matches.sort((one, other) => (one.rank < other.rank ? -1 : 1));
  if (best !== undefined) return best;
  const fallback = routes.find((route) => route.routeKey === "$default");
  return fallback === undefined ? undefined : { route: fallback, pathParameters: {} };
}

/** Path parameters and how general the match is, segment by segment: 0 fixed, 1 parameter, 2 greedy; smaller wins. */
function segments(pattern: string, path: string): { parameters: Record<string, string>; rank: string } | undefined {
  const wanted = pattern.split("/");
  const given = path.split("/");
  const parameters: Record<string, string> = {};
  let rank = "";
  for (const [index, part] of wanted.entries()) {
    const [, name, greedy] = /^\{([^}+]+)(\+?)\}$/.exec(part) ?? [];
    const value = given[index];
    if (value === undefined || (name !== undefined && value === "")) return undefined;
    if (name === undefined) {
      if (part !== value) return undefined;
      rank += "0";
    } else if (greedy === "+") {
      parameters[name] = decodeURIComponent(given.slice(index).join("/"));
      return { parameters, rank: `${rank}2` };
    } else {
      parameters[name] = decodeURIComponent(value);
      rank += "1";
    }
  }
  return given.length === wanted.length ? { parameters, rank } : undefined;
}
