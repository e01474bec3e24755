import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { endsWithItsReader } from "./command-line.ts";
import { type LocalPlatform, type LocalSystem, startLocalSystem } from "./local-system.ts";
import { ownSources } from "./own-sources.ts";
import { createPage } from "./page/page.ts";
import { freeOrAny } from "./ports.ts";
import { moodOf } from "./secrets-endpoint/moods.ts";
import { startFlags } from "./start-flags.ts";
import { workflowParts } from "./step-functions/part.ts";
import { startTicketDesk, type TicketDesk, ticketDeskPart } from "./ticket-desk/desk.ts";
import { sourcesOf } from "./ticket-desk/senders.ts";

// `npm start`: the whole service on this machine, on the built bundles. Ends on Ctrl-C or SIGTERM and leaves nothing behind.
const values = startFlags();

/** A source that a person at a terminal can be. */
const terminalSource = {
  preset: "shared-secret",
  secrets: ["local-terminal-secret"],
  fields: { deviceId: "deviceId", nodeId: "nodeId" },
};

interface PlatformModule {
  startPlatformSimulator(options: { readonly port: number }): Promise<LocalPlatform>;
}

let system: LocalSystem | undefined;
let watched: Parameters<typeof createPage>[2];
let ending = false;
const taken: string[] = [];
process.on("SIGINT", () => void end(0));
process.on("SIGTERM", () => void end(0));
endsWithItsReader(() => void end(0));

try {
  await run();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  await end(1);
}

async function run(): Promise<void> {
  if (!existsSync(values.bundles))
    throw new Error(`There are no bundles in ${values.bundles}: run npm run build first`);
  const { startPlatformSimulator }: PlatformModule = await import(pathToFileURL(values.platform).href);
  const startedAt = performance.now();
  const desk = await startTicketDesk(await portOf("desk-port"));
  const own = values.sources === undefined ? {} : await ownSources(values.sources, desk).catch(closing(desk));
  system = await startLocalSystem({
    platform: async () => startPlatformSimulator({ port: await portOf("platform-port") }),
    parts: [
      ticketDeskPart(desk),
      ...workflowParts({
        port: await portOf("workflows-port"),
        objectsPort: await portOf("objects-port"),
        timeScale: Number(values["time-scale"]),
        onStart: (workflows, { objects }) => {
          watched = { executions: () => workflows.executions.values(), objects: () => objects };
        },
      }),
    ],
    webhookSources: { ...sourcesOf(desk), terminal: terminalSource, ...own },
    aside: (context) => createPage(desk, context, watched),
    storeMood: moodOf(values["store-mood"]),
    bundleFolder: values.bundles,
    logLevel: values["log-level"],
    ports: {
      gateway: await portOf("port"),
      lambda: await portOf("lambda-port"),
      secrets: await portOf("secrets-port"),
      secretsControl: await portOf("control-port"),
    },
    lambda: values.quiet ? {} : { onLine: (name, line) => console.log(`${name}: ${line}`) },
  });
  // A signal that came while it was starting found nothing to end.
  if (ending) await system.close();
  else console.log(described(system, Math.round(performance.now() - startedAt), Object.keys(own)));
}

/** What ends a desk that nothing else would, before the failure goes on. */
function closing(desk: TicketDesk) {
  return async (error: unknown): Promise<never> => {
    await desk.close();
    throw error;
  };
}

/** The port that an option names; where somebody else has it, any free one, which is then said. */
async function portOf(
  option: "port" | `${"lambda" | "secrets" | "control" | "workflows" | "objects" | "desk" | "platform"}-port`,
) {
  const wanted = Number(values[option]);
  const port = await freeOrAny(wanted);
  if (port !== wanted) taken.push(`${wanted} (--${option})`);
  return port;
}

function described(running: LocalSystem, milliseconds: number, ownNames: readonly string[]): string {
  const { url, lambda, secrets, platform, parts, secretIds } = running;
  const places: [string, string][] = [
    ["HTTP API", url],
    ["  a page to look at", `${url}/`],
    ["Lambda's Invoke API", lambda.url],
    ["Secrets Manager", secrets.url],
    ["  faults and counters", `${secrets.controlUrl}/counters`],
    ["Platform (simulated)", platform.url],
    ...[...parts].map(([name, part]): [string, string] => [name, part.url ?? "no address"]),
  ];
  return [
    `Rekey runs on this machine (started in ${milliseconds} ms; Ctrl-C ends it)`,
    ...taken.map(
      (port) => `  Port ${port} is taken, perhaps by another npm start: a free one stands in for it, see below`,
    ),
    ...places.map(([name, place]) => `  ${name.padEnd(24)}${place}`),
    ...(platform.devices === undefined ? [] : [`  Devices                 ${devicesIn(platform.devices.all())}`]),
    `  Secrets                 ${Object.values(secretIds).join(", ")}`,
    ...ownNames.map(
      (name) =>
        `  Your source             ${url}/webhooks/${encodeURIComponent(name)} (its notes stay on the local desk)`,
    ),
    "Try:",
    `  curl -X PUT ${url}/devices/device-1/key -H 'Content-Type: application/json' -d '{"nodeId":"urn:imei:860000000000009"}'`,
    `  curl ${url}/devices/device-1/status`,
    `  curl -X PUT ${url}/devices/no-such-device/key -H 'Content-Type: application/json' -d '{}'`,
    `  curl -X POST ${url}/webhooks/terminal -H 'X-Rekey-Secret: local-terminal-secret' -d '{"deviceId":"device-2","nodeId":"urn:imei:860000000000017"}'`,
  ].join("\n");
}

/** `device-1, device-2; ONLINE: device-online`: what can be re-keyed first. */
function devicesIn(devices: readonly { readonly deviceId: string; readonly status: string }[]): string {
  const byStatus = Object.entries(Object.groupBy(devices, ({ status }) => status)).sort(
    ([one], [other]) => Number(other === "OFFLINE") - Number(one === "OFFLINE"),
  );
  return byStatus
    .map(([status, some = []]) => `${some.map(({ deviceId }) => deviceId).join(", ")} (${status.toLowerCase()})`)
    .join("; ");
}

async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  await system?.close();
  process.exit(code);
}
