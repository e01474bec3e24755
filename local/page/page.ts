import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import * as z from "zod/mini";
import { listed } from "../../shared/input-faults.ts";
import { jsonOf } from "../../shared/json.ts";
import { readSource, sourceFaults } from "../../shared/webhook/source.ts";
import type { LocalPlatform, PartContext } from "../local-system.ts";
import type { PlatformSimulator } from "../platform-simulator/simulator.ts";
import { isForeign } from "../ports.ts";
import type { TicketDesk } from "../ticket-desk/desk.ts";
import { deliver, senderOf } from "../ticket-desk/senders.ts";
import { signed } from "../ticket-desk/signer.ts";
import { offeredPresets, type PlatformState, sourcesIn, viewOf, type Watched } from "./view.ts";

const here = (path: string) => new URL(path, import.meta.url);
const installed = (path: string) => new URL(import.meta.resolve(path));

/** Everything the page is made of; none of it comes from elsewhere. */
const files: Readonly<Record<string, readonly [type: string, file: URL]>> = {
  "/": ["text/html", here("./index.html")],
  "/_local/page.js": ["text/javascript", here("./page.js")],
  "/_local/page.css": ["text/css", here("./page.css")],
  "/_local/openapi.json": ["application/json", here("../../dist/openapi.json")],
  "/_local/swagger-ui-bundle.js": ["text/javascript", installed("swagger-ui-dist/swagger-ui-bundle.js")],
  "/_local/swagger-ui.css": ["text/css", installed("swagger-ui-dist/swagger-ui.css")],
};

const headers = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // The reference's styles are partly inline, its icons are data.
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
};

const action = z.discriminatedUnion("do", [
  z.strictObject({ do: z.literal("device"), deviceId: z.string(), online: z.boolean() }),
  z.strictObject({
    do: z.literal("ticket"),
    preset: z.enum(offeredPresets),
    deviceId: z.string(),
    imei: z.string().check(z.regex(/^\d{15}$/)),
  }),
  z.strictObject({ do: z.literal("payload"), source: z.string(), text: z.string() }),
  z.strictObject({ do: z.literal("platform"), state: z.enum(["works", "throttled", "cut"]) }),
  z.strictObject({ do: z.literal("trouble"), kind: z.enum(["lostAnswer", "stranger"]) }),
]);
type Action = z.infer<typeof action>;

const noWorkflows: Pick<Watched, "executions" | "objects"> = { executions: () => [], objects: () => new Map() };

/** Whether a platform can be looked into; one that somebody brings along need not be such. */
function isSimulator(platform: LocalPlatform): platform is PlatformSimulator {
  return "devices" in platform && "faults" in platform && "log" in platform;
}

/**
 * The page at `/` of the local HTTP API and what it asks for under `/_local/`; every other request is the gateway's. It
 * stands on this machine only and is no part of what is deployed.
 *
 * @returns a function that answers the page's requests and says whether a request was one
 */
export function createPage(
  desk: TicketDesk,
  { platform, ...system }: PartContext,
  { executions, objects }: Pick<Watched, "executions" | "objects"> = noWorkflows,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const live = isSimulator(platform)
    ? createLive({ simulator: platform, desk, system, executions, objects })
    : undefined;

  async function answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const json = (status: number, body: object) =>
      void response.writeHead(status, { ...headers, "content-type": "application/json" }).end(JSON.stringify(body));
    const file = request.method === "GET" && Object.hasOwn(files, path) ? files[path] : undefined;
    if (file !== undefined) {
      const content = await readFile(fileURLToPath(file[1]));
      response.writeHead(200, { ...headers, "content-type": `${file[0]};charset=utf-8` }).end(content);
      return;
    }
    // Neither another site's page nor a name that somebody pointed at this machine sees or presses anything.
    if (isForeign(request.headers)) return json(403, { said: "Only the page on this machine may ask." });
    if (live === undefined) return json(404, { said: "This platform cannot be looked into." });
    if (request.method === "GET" && path === "/_local/state") return json(200, live.view());
    if (request.method !== "POST" || path !== "/_local/do") return json(404, { said: "There is nothing here." });
    if (request.headers["content-type"] !== "application/json") return json(415, { said: "Not JSON." });
    const wanted = action.safeParse(jsonOf(await text(request)));
    if (!wanted.success) return json(400, { said: z.prettifyError(wanted.error) });
    return json(200, { said: await live.act(wanted.data, `http://127.0.0.1:${request.socket.localPort}`) });
  }

  return (request, response) => {
    const [path = ""] = (request.url ?? "").split("?");
    if (!path.startsWith("/_local/") && !(path === "/" && request.method === "GET")) return false;
    answer(request, response, path).catch((error: unknown) => {
      console.error(error);
      response.destroy();
    });
    return true;
  };
}

const troubles = {
  stranger: "Another system logged in: the token that Rekey holds is dead.",
  lostAnswer: "The next change will be done, but its answer will be lost.",
} as const;
const states: Readonly<Record<PlatformState, string>> = {
  works: "The platform works.",
  throttled: "The platform throttles every call.",
  cut: "The platform is cut off.",
};

/** The live half: what is seen, and what the buttons do. */
function createLive(watched: Watched) {
  const { devices, faults, down, up, killToken } = watched.simulator;
  let state: PlatformState = "works";
  return {
    view: () => viewOf(watched, state),
    /** @returns what was done, in words */
    act: async (wanted: Action, gatewayUrl: string): Promise<string> => {
      switch (wanted.do) {
        case "device":
          if (devices.get(wanted.deviceId) === undefined) return "There is no such device.";
          devices.set(wanted.deviceId, { status: wanted.online ? "ONLINE" : "OFFLINE" });
          return `${wanted.deviceId} is ${wanted.online ? "online" : "offline"}.`;
        case "ticket": {
          const sender = senderOf(wanted.preset);
          const { status, text, ms } = await deliver(gatewayUrl, sender, sender.payload(wanted), randomUUID());
          return `${wanted.preset} was answered ${status} after ${ms} ms${operationIn(text)}`;
        }
        case "payload":
          return sendPayload(sourcesIn(watched)[wanted.source], wanted, gatewayUrl);
        case "trouble":
          if (wanted.kind === "stranger") killToken();
          else faults.add({ kind: "cut", operation: "refreshDeviceKey", applied: true });
          return troubles[wanted.kind];
        case "platform":
          faults.clear();
          if (wanted.state === "throttled") faults.add({ kind: "code", code: "1010009", count: 0 });
          await (wanted.state === "cut" ? down() : up());
          state = wanted.state;
          return states[state];
      }
    },
  };
}

/** Sends a pasted payload as the source's own system would: signed with its secret. @returns what was answered, in words */
async function sendPayload(
  configuration: unknown,
  { source, text }: Extract<Action, { do: "payload" }>,
  gatewayUrl: string,
): Promise<string> {
  try {
    const { body, headers: proof } = signed(await readSource(source, configuration), text, Date.now());
    const response = await fetch(`${gatewayUrl}/webhooks/${source}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...proof },
      body,
    });
    return `${source} was answered ${response.status}${operationIn(await response.text())}`;
  } catch (error) {
    return `Nothing was sent: ${listed(sourceFaults(error)) || (error instanceof Error ? error.message : "unknown")}`;
  }
}

/** The operation that an answer names, else the answer itself. */
function operationIn(text: string): string {
  const operationId = /"operationId":"([^"]+)"/.exec(text)?.[1];
  return operationId === undefined ? `: ${text}` : `; its operation is ${operationId}`;
}
