import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LocalSystem, startLocalSystem } from "../../../local/local-system.ts";
import { createPage } from "../../../local/page/page.ts";
import { type PlatformSimulator, startPlatformSimulator } from "../../../local/platform-simulator/simulator.ts";
import { startTicketDesk, ticketDeskPart } from "../../../local/ticket-desk/desk.ts";
import { sourcesOf } from "../../../local/ticket-desk/senders.ts";

let simulator: PlatformSimulator;
let system: LocalSystem;

beforeAll(async () => {
  simulator = await startPlatformSimulator({});
  const desk = await startTicketDesk();
  system = await startLocalSystem({
    platform: async () => simulator,
    parts: [ticketDeskPart(desk)],
    webhookSources: sourcesOf(desk),
    aside: (context) => createPage(desk, context),
  });
});

afterAll(() => system.close());

describe("beside the deployed routes", () => {
  test("only / and /_local/ are the page's", async () => {
    const answers = await Promise.all(
      ["/", "/health", "/nothing", "/_local/nothing", "/_local/constructor"].map(async (path) => {
        const response = await fetch(`${system.url}${path}`);
        return [path, response.status, response.headers.get("content-type")?.split(";")[0]];
      }),
    );
    expect(answers).toEqual([
      ["/", 200, "text/html"],
      ["/health", 200, "application/json"],
      ["/nothing", 404, "application/problem+json"],
      ["/_local/nothing", 404, "application/json"],
      ["/_local/constructor", 404, "application/json"],
    ]);
    expect((await fetch(system.url, { method: "POST" })).headers.get("content-type")).toBe("application/problem+json");
  });

  test.each([
    ["text/plain", "{}", 415],
    ["application/json", "{", 400],
    ["application/json", '{"do":"ticket","preset":"zendesk","deviceId":"device-1","imei":"1"}', 400],
    ["application/json", '{"do":"payload","source":"desk"}', 400],
  ])("a button's request of type %s with %s is refused", async (type, body, status) => {
    const headers = { "content-type": type };
    expect((await fetch(`${system.url}/_local/do`, { method: "POST", headers, body })).status).toBe(status);
  });
});

/** What a browser would send: fetch does not let its Host be chosen. */
function raw(port: string, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, method: "POST", headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.once("error", reject).end('{"do":"trouble","kind":"stranger"}');
  });
}

describe("a browser that another site leads here", () => {
  const type = { "content-type": "application/json" };
  const portOf = (url: string) => new URL(url).port;

  test.each([
    ["a name that was pointed at this machine", { host: "attacker.example:3000" }],
    ["another site's page", { origin: "https://attacker.example" }],
    ["a page without an origin", { origin: "null" }],
  ])("cannot press the page's buttons: %s", async (_, headers) => {
    const before = simulator.counters.total;
    expect(await raw(portOf(system.url), "/_local/do", { ...type, ...headers })).toBe(403);
    expect(await raw(portOf(system.url), "/_local/state", { ...type, ...headers })).toBe(403);
    const path = "/2015-03-31/functions/refreshDeviceKey/invocations";
    expect(await raw(portOf(system.lambda.url), path, { "content-type": "text/plain", ...headers })).toBe(403);
    expect(simulator.counters.total).toBe(before);
  });

  test("is told from the page itself and from the SDK", async () => {
    const { host } = new URL(system.url);
    expect(await raw(portOf(system.url), "/_local/do", { ...type, host, origin: `http://${host}` })).toBe(200);
    const path = "/2015-03-31/functions/statusCheck/invocations";
    expect(await raw(portOf(system.lambda.url), path, type)).toBe(200);
  });
});
