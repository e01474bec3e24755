import { setTimeout as delay } from "node:timers/promises";
import { endingOf, type Finding, holds, judged, refusedOf, rightLines, seconds, told } from "./findings.ts";
import { startStage, until } from "./stage.ts";

const latencyMs = 200;
const downMs = 60_000;
const callsPerMinute = 95;

/** The bucket refuses connections for a minute, in the middle of a run. */
export async function bucketDown(devices: number): Promise<Finding[]> {
  const stage = await startStage(latencyMs);
  try {
    const deviceIds = stage.devices("meter-", devices);
    const { ended } = await stage.begin("bucket-down", deviceIds);
    await until(() => stage.calls.length >= devices / 3, 300_000, "a third of the calls");
    await stage.objects.down();
    const downAtMs = Date.now();
    await delay(downMs);
    await stage.objects.up();
    const upAtMs = Date.now();
    const ending = await ended;
    const { calls } = stage;
    const within = calls.filter(({ atMs }) => atMs >= downAtMs && atMs < upAtMs);
    const lastMs = (within.at(-1)?.atMs ?? downAtMs) - downAtMs;
    const next = calls.find(({ atMs }) => atMs >= upAtMs);
    const tookMs = (calls.at(-1)?.atMs ?? 0) - (calls[0]?.atMs ?? 0);
    return [
      holds("the execution", endingOf(ending), "SUCCEEDED"),
      ...rightLines(stage, "bucket-down", deviceIds),
      told("calls while the bucket was down", `${within.length}, the last after ${seconds(lastMs)}`),
      judged("calls more than devices", calls.length - devices, { most: within.length + 10 }),
      told("calls refused", refusedOf(calls)),
      told("the next call after it was back", next === undefined ? "none" : seconds(next.atMs - upAtMs)),
      told("what the run lost", seconds(tookMs - ((devices - 1) * 60_000) / callsPerMinute)),
    ];
  } finally {
    await stage.close();
  }
}
