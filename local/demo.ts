import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { endsWithItsReader, flagsOf, helpedBy } from "./command-line.ts";
import { startLocalSystem } from "./local-system.ts";
import { type PlatformSimulator, startPlatformSimulator } from "./platform-simulator/simulator.ts";
import { workflowParts } from "./step-functions/part.ts";
import { startTicketDesk, ticketDeskPart } from "./ticket-desk/desk.ts";
import { deliver, senderOf, sourcesOf } from "./ticket-desk/senders.ts";

// `npm run demo`: a ticket's story from its event to its note, on the built bundles, in less than a minute. Ends with 1
// when the story does not come true. A second of the workflow's waiting lasts a hundredth of one.
const help = `npm run demo

Tells a ticket's story on the built bundles, from its event to its note, in less than a minute: the platform, Zendesk and AWS
are played on this machine, on free ports. Ends with 1 if the story does not come true.`;
const { values } = flagsOf(() => parseArgs({ options: { help: { type: "boolean", default: false } } }), "npm run demo");
helpedBy(values.help, help);
// Told to nobody, the story goes on to its end, which stops what it has started.
endsWithItsReader(() => undefined);

const deviceId = "meter-in-elm-street";
const oldNodeId = "urn:imei:860000000000900";
const imei = "860000000000918";
const laterImei = "860000000000926";
const zendesk = senderOf("zendesk");

const startedAt = performance.now();
const say = (line: string) =>
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(2).padStart(6)} s  ${line}`);
const detail = (text: string) => console.log(text.replace(/^/gm, "            | "));
const must = (holds: boolean, what: string) => {
  if (!holds) throw new Error(`This should not have happened: ${what}`);
};

const desk = await startTicketDesk();
let simulator: PlatformSimulator | undefined;
const system = await startLocalSystem({
  platform: async () => (simulator = await startPlatformSimulator({})),
  parts: [ticketDeskPart(desk), ...workflowParts({ timeScale: 0.01 })],
  webhookSources: { ...sourcesOf(desk), desk: { ...sourcesOf(desk)["desk"], limitSeconds: 120 } },
});

try {
  if (simulator === undefined) throw new Error("The platform did not start");
  await story(simulator);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await system.close();
}

async function story({ devices, counters, url }: PlatformSimulator): Promise<void> {
  devices.set(deviceId, { nodeId: oldNodeId });
  const state = () => devices.get(deviceId);
  const changes = () => state()?.history.length ?? 0;
  say(`Rekey runs: ${system.url}; the platform, over mutual TLS: ${url}`);
  say(`The meter ${deviceId} is dead. On the platform it is still ${oldNodeId}.`);

  say(`Ines puts the new IMEI ${imei} into ticket 35436; Zendesk signs the event and sends it.`);
  const first = await send("delivery-1");
  say(`Rekey answers Zendesk after ${first.ms} ms: ${first.status} ${first.text}`);
  await noted(1);
  say("The ticket has an internal note:");
  detail(desk.on("zendesk", "35436").at(-1)?.text ?? "");
  say(`The platform now has ${state()?.nodeId} with the code ${state()?.verifyCode}.`);
  must(desk.on("zendesk", "35436")[0]?.text.includes(state()?.verifyCode ?? "?") === true, "the note lacks the code");
  must(!first.text.includes(state()?.verifyCode ?? "?"), "the answer told the code");

  const calls = counters.total;
  say("Zendesk heard nothing, it believes, and sends the same delivery again.");
  const again = await send("delivery-1");
  await delay(500);
  say(`Rekey answers ${again.status} ${again.text}: the same operation.`);
  say(`Calls to the platform since: ${counters.total - calls}. Notes on the ticket: ${notes()}.`);
  must(
    again.text === first.text && counters.total === calls && notes() === 1 && changes() === 1,
    "a repeat did something",
  );

  devices.goOnline(deviceId);
  say(`A week later the meter is replaced again. Ines notes the IMEI ${laterImei}, but the old one is still online.`);
  await send("delivery-2", laterImei);
  await noted(2);
  say("Rekey tries for as long as it is told to (here two minutes, shortened), then the ticket says:");
  detail(desk.on("zendesk", "35436").at(-1)?.text ?? "");
  must(changes() === 1, "an online device was re-keyed");

  devices.goOffline(deviceId);
  say("Somebody pulls the plug, and touches the ticket.");
  await send("delivery-3", laterImei);
  await noted(3);
  say("The ticket says:");
  detail(desk.on("zendesk", "35436").at(-1)?.text ?? "");
  must(changes() === 2, "the device was not re-keyed, or twice");
  must(state()?.nodeId === `urn:imei:${laterImei}`, "the platform has other hardware");
  say("That is all.");
}

function send(deliveryId: string, hardware = imei) {
  return deliver(system.url, zendesk, zendesk.payload({ deviceId, imei: hardware }), deliveryId);
}

function notes(): number {
  return desk.on("zendesk", "35436").length;
}

async function noted(count: number): Promise<void> {
  for (let left = 1_000; left > 0 && notes() < count; left -= 1) await delay(20);
  must(notes() === count, `the ticket has ${notes()} notes in place of ${count}`);
}
