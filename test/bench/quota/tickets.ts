import { setTimeout as delay } from "node:timers/promises";
import { deliver, senderOf } from "../../../local/ticket-desk/senders.ts";
import { spreadOf } from "../figures.ts";
import {
  endingOf,
  type Finding,
  firstRound,
  holds,
  judged,
  perMinute,
  refusedOf,
  rightLines,
  rounded,
  seconds,
  shareRefused,
  told,
} from "./findings.ts";
import { type Stage, startStage } from "./stage.ts";

const latencyMs = 200;
const everyMs = 20_000;
const burst = 12;
const callsPerMinute = 95;

/** Tickets for devices of their own, and how long each waits from its webhook to its note. */
function createTickets({ system, desk, simulator }: Stage) {
  const sender = senderOf("zendesk");
  let count = 0;
  const open = async (): Promise<number> => {
    count += 1;
    const deviceId = `ticket-${String(count).padStart(3, "0")}`;
    simulator.devices.set(deviceId);
    const beganAtMs = Date.now();
    const payload = sender.payload({ deviceId, imei: String(860_000_000_000_000 + count) });
    for (let tries = 1; ; tries += 1) {
      const { status, text } = await deliver(system.url, sender, payload, deviceId);
      if (status === 202) break;
      // Its sender repeats what could not be taken just then: twelve sandboxes start at once on a busy machine.
      if (status < 500 || tries === 10) throw new Error(`The webhook answered ${status}: ${text}`);
      await delay(2_000);
    }
    for (;;) {
      const note = desk.on(sender.system, sender.ticketId).find((one) => one.text.includes(deviceId));
      if (note !== undefined) return note.atMs - beganAtMs;
      if (Date.now() - beganAtMs > 600_000) throw new Error(`${deviceId} has no note`);
      await delay(50);
    }
  };
  return { open, openMany: (many: number) => Promise.all(Array.from({ length: many }, open)), count: () => count };
}

const shown = (waitsMs: readonly number[]) =>
  `${seconds(spreadOf(waitsMs).median)}, ${seconds(Math.max(...waitsMs))} (${waitsMs.length})`;

/** Tickets beside a run: one every 20 s, and twelve at once in its middle. */
export async function ticketsBesideRun(devices: number): Promise<Finding[]> {
  const stage = await startStage(latencyMs);
  try {
    const tickets = createTickets(stage);
    // Sandboxes that start are no part of it: tickets open them, and others show what waits where there is no run.
    await tickets.openMany(burst);
    const aloneMs = await tickets.openMany(burst);
    await delay(61_000);
    const before = stage.calls.length;
    const deviceIds = stage.devices("meter-", devices);
    const { ended } = await stage.begin("beside", deviceIds);
    let isOver = false;
    const over = ended.then((ending) => {
      isOver = true;
      return ending;
    });
    const steady: Promise<number>[] = [];
    let burstMs: Promise<readonly number[]> = Promise.resolve([]);
    const middleMs = (devices * 60_000) / callsPerMinute / 2;
    for (let sinceMs = everyMs; ; sinceMs += everyMs) {
      await delay(everyMs);
      if (isOver) break;
      steady.push(tickets.open());
      if (sinceMs >= middleMs && sinceMs - everyMs < middleMs) burstMs = tickets.openMany(burst);
    }
    const [ending, steadyMs, atOnceMs] = [await over, await Promise.all(steady), await burstMs];
    const calls = stage.calls.slice(before);
    const round = firstRound(calls, deviceIds);
    const own = round.filter(({ deviceId }) => deviceId.startsWith("meter-"));
    const theirs = calls.filter(({ deviceId }) => deviceId.startsWith("ticket-"));
    const lostMs = (own.at(-1)?.atMs ?? 0) - (own[0]?.atMs ?? 0) - ((devices - 1) * 60_000) / callsPerMinute;
    const waitsMs = [...steadyMs, ...atOnceMs];
    return [
      holds("the execution", endingOf(ending), "SUCCEEDED"),
      ...rightLines(stage, "beside", deviceIds),
      told(`webhook to note, ${burst} at once without a run: median, worst`, shown(aloneMs)),
      told(`webhook to note, one every ${seconds(everyMs)} beside the run`, shown(steadyMs)),
      told(`webhook to note, ${burst} at once beside the run`, shown(atOnceMs)),
      judged("the median ticket waits", spreadOf(waitsMs).median / 1_000, { most: 10 }, " s"),
      judged("the slowest ticket waits", Math.max(...waitsMs) / 1_000, { most: 30 }, " s"),
      told("calls of tickets", `${theirs.length}, ${refusedOf(theirs)} refused`),
      told("calls of the run", `${own.length}, ${refusedOf(own)} refused (${rounded(shareRefused(own))} %)`),
      told("calls a minute of the run", rounded(perMinute(own))),
      told("what the run lost", seconds(lostMs)),
    ];
  } finally {
    await stage.close();
  }
}
