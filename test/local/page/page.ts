import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Fault } from "../../platform-simulator/faults.ts";
import type { PlatformSimulator } from "../../platform-simulator/simulator.ts";
import type { TicketDesk } from "../../ticket-desk/desk.ts";
import { deliver, senderOf } from "../../ticket-desk/senders.ts";
import type { LocalPlatform, PartContext } from "../local-system.ts";

const own = import.meta.dirname;
const swagger = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
const dist = join(own, "../../../dist");

const files: Readonly<Record<string, readonly [path: string, type: string]>> = {
  "/": [join(own, "index.html"), "text/html; charset=utf-8"],
  "/_local/live.js": [join(own, "live.js"), "text/javascript"],
  "/_local/style.css": [join(own, "style.css"), "text/css"],
  "/_local/reference": [join(own, "reference.html"), "text/html; charset=utf-8"],
  "/_local/reference.js": [join(own, "reference.js"), "text/javascript"],
  "/_local/swagger-ui-bundle.js": [join(swagger, "swagger-ui-bundle.js"), "text/javascript"],
  "/_local/swagger-ui.css": [join(swagger, "swagger-ui.css"), "text/css"],
  "/_local/openapi.json": [join(dist, "openapi.json"), "application/json"],
};

/** What is the same for every action: everything of the page is ours, and nothing else may be in it. */
const headers = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
};

type Action = (input: Readonly<Record<string, unknown>>, apiUrl: string) => unknown;

/**
 * The page at `/` of the local HTTP API: the reference, what the local system is doing, and hands on it. It stands
 * beside the routes on this machine only and is no part of what is deployed.
 */
export function createPage(desk: TicketDesk, context: PartContext) {
  const actions = actionsOn(desk, context);
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    if (path !== "/" && !path.startsWith("/_local/")) return false;
    const file = request.method === "GET" && Object.hasOwn(files, path) ? files[path] : undefined;
    if (file !== undefined) {
      response.writeHead(200, { ...headers, "content-type": file[1] });
      createReadStream(file[0])
        .on("error", () => response.end())
        .pipe(response);
      return true;
    }
    const name = path.slice("/_local/".length);
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    // A page elsewhere in the same browser could send a form here; JSON it cannot send without being asked first.
    const isOurs = request.method === "GET" || request.headers["content-type"] === "application/json";
    if (action === undefined || !isOurs) {
      json(response, 404, {});
      return true;
    }
    void bodyOf(request)
      .then((body) => action(body, `http://${request.headers.host}`))
      .then((result) => json(response, 200, result ?? {}))
      .catch((error: unknown) => json(response, 400, { error: String(error) }));
    return true;
  };
}

function actionsOn(desk: TicketDesk, context: PartContext): Readonly<Record<string, Action>> {
  const { platform } = context;
  if (!isSimulator(platform)) return {};
  const { devices, faults } = platform;
  let deliveries = 0;
  return {
    state: () => stateOf(platform, desk, context),
    online: ({ deviceId }) => devices.goOnline(String(deviceId)),
    offline: ({ deviceId }) => devices.goOffline(String(deviceId)),
    ticket: async ({ deviceId }, apiUrl) => {
      deliveries += 1;
      const sender = senderOf("zendesk");
      const imei = String(860_000_000_100_000 + deliveries);
      const payload = sender.payload({ deviceId: String(deviceId), imei });
      return deliver(apiUrl, sender, payload, `page-${Date.now()}-${deliveries}`);
    },
    throttle: () => faults.add(throttled),
    cut: () => faults.add(cut),
    stranger: () => platform.killToken(),
  };
}

const throttled: Fault = { kind: "code", code: "1010009", operation: "refreshDeviceKey" };
const cut: Fault = { kind: "cut", operation: "refreshDeviceKey", applied: true };

function isSimulator(platform: LocalPlatform): platform is PlatformSimulator {
  return "application" in platform;
}

function stateOf({ devices, log, counters, application }: PlatformSimulator, desk: TicketDesk, context: PartContext) {
  const { store } = context.secrets;
  const versions = [...store.find(context.secretIds.sessionSecret).versions.values()];
  const labelled = (label: string) => versions.find(({ labels }) => labels.has(label));
  return {
    devices: devices.all().map(({ deviceId, nodeId, status, activated, verifyCode, history }) => ({
      ...{ deviceId, nodeId, status, activated, verifyCode: verifyCode ?? null, refreshes: history.length },
    })),
    notes: desk.notes.slice(-20).reverse(),
    session: {
      tokenEndsAt: application.tokenEndsAtMs === 0 ? null : new Date(application.tokenEndsAtMs).toISOString(),
      lease: labelled("REKEY_LEASE")?.id ?? null,
      logins: counters.requests.login + counters.requests.refreshToken,
      storeCalls: context.secrets.counters.calls(),
    },
    calls: log.slice(-15).reverse(),
  };
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? {} : JSON.parse(text);
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { ...headers, "content-type": "application/json" }).end(JSON.stringify(body));
}
