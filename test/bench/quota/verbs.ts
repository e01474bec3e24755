import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { endingOf, type Finding, holds, judged, rightLines, seconds, told } from "./findings.ts";
import { type Stage, startStage, until } from "./stage.ts";

const latencyMs = 2_000;
const settledMs = 20_000;
const slowPace = 40;
const tool = fileURLToPath(new URL("../../../tools/fleet.ts", import.meta.url));

/** Types a verb. @returns when it was acknowledged, which is when the tool has said so */
async function type(stage: Stage, ...args: string[]): Promise<{ said: string; atMs: number; child: ChildProcess }> {
  const child = spawn(process.execPath, [tool, ...args], { env: { ...process.env, ...stage.environment } });
  const failed = once(child, "exit").then(([code]) => Promise.reject(new Error(`${args[0]} ended with ${code}`)));
  failed.catch(() => undefined);
  const [chunk] = await Promise.race([once(child.stdout, "data"), failed]);
  return { said: String(chunk).trim(), atMs: Date.now(), child };
}

const begunAfter = ({ calls }: Stage, atMs: number) => calls.filter((call) => call.atMs > atMs);

/** Each verb of an operator against a run that is under way, the platform 2 s away. */
export async function verbs(devices: number): Promise<Finding[]> {
  const stage = await startStage(latencyMs);
  try {
    const deviceIds = stage.devices("meter-", devices);
    const first = await stage.begin("verbs", deviceIds);
    await until(() => stage.calls.length > 20, 120_000, "a run under way");
    return [
      await status(stage),
      ...(await pace(stage)),
      ...(await halt(stage, "pause", first.ended.then(endingOf))),
      ...(await resume(stage)),
      ...(await stop(stage)),
      ...(await finish(stage, deviceIds)),
      ...(await stopOfWaiting(stage)),
    ];
  } finally {
    await stage.close();
  }
}

async function status(stage: Stage): Promise<Finding> {
  const before = stage.calls.length;
  const { said } = await type(stage, "status", "verbs");
  const done = Number(/^(\d+) done/.exec(said)?.[1]);
  const isTrue = done <= before && done > before - 20;
  return holds("status: tells what is done, give or take what is under way", isTrue ? "yes" : said, "yes");
}

/** Slower, as the next minute shows, and back again. */
async function pace(stage: Stage): Promise<Finding[]> {
  const { atMs } = await type(stage, "pace", "verbs", String(slowPace));
  let effectMs = 0;
  await until(
    async () => (await stage.store("verbs").readProgress())?.callsPerMinute === slowPace,
    60_000,
    "the new pace",
  );
  effectMs = Date.now() - atMs;
  await delay(60_000);
  const begun = stage.calls.filter((call) => call.atMs > atMs && call.atMs <= atMs + 60_000).length;
  await type(stage, "pace", "verbs", "95");
  return [
    judged(`pace ${slowPace}: calls that began in the next minute`, begun, { most: slowPace + 10 }),
    told(`pace ${slowPace}: told by progress after`, seconds(effectMs)),
  ];
}

async function halt(stage: Stage, verb: "pause" | "stop", ended: Promise<string>): Promise<Finding[]> {
  await delay(settledMs);
  const { atMs } = await type(stage, verb, "verbs");
  const ending = await ended;
  const overMs = Date.now() - atMs;
  await delay(5_000);
  const begun = begunAfter(stage, atMs);
  return [
    judged(`${verb}: calls that began after it`, begun.length, { most: 10 }),
    told(`${verb}: the last call began after`, seconds((begun.at(-1)?.atMs ?? atMs) - atMs)),
    told(`${verb}: the execution was over after`, seconds(overMs)),
    holds(`${verb}: the execution`, ending, verb === "pause" ? "FAILED RunPaused" : "FAILED RunStopped"),
  ];
}

async function resume(stage: Stage): Promise<Finding[]> {
  const { atMs, child } = await type(stage, "resume", "verbs", "--out", join(tmpdir(), "bench-quota.result.jsonl"));
  await until(() => begunAfter(stage, atMs).length > 0, 120_000, "a call after resume");
  child.kill();
  return [told("resume: the next call began after", seconds((begunAfter(stage, atMs)[0]?.atMs ?? 0) - atMs))];
}

/** Of the execution that resume started, which has no name here. */
async function stop(stage: Stage): Promise<Finding[]> {
  const store = stage.store("verbs");
  const ended = until(
    async () => (await store.readPlan())?.state === "stopped",
    300_000,
    "the end of a run that was stopped",
  ).then(async () => `FAILED ${(await store.readProgress())?.stopped?.error}`);
  return halt(stage, "stop", ended);
}

async function finish(stage: Stage, deviceIds: readonly string[]): Promise<Finding[]> {
  const { ended } = await stage.begin("verbs", deviceIds);
  return [
    holds("started again: the execution", endingOf(await ended), "SUCCEEDED"),
    ...rightLines(stage, "verbs", deviceIds),
    judged("all calls, for each device", stage.calls.length / deviceIds.length, { most: 1.01 }),
  ];
}

/** Nothing computes while a run waits for devices that are online. */
async function stopOfWaiting(stage: Stage): Promise<Finding[]> {
  const deviceIds = stage.devices("waiting-", 3);
  for (const deviceId of deviceIds) stage.simulator.devices.goOnline(deviceId);
  const { ended } = await stage.begin("waiting", deviceIds, { toleratedFailurePercentage: 100 });
  await until(async () => (await stage.store("waiting").readProgress())?.round === 2, 120_000, "a run that waits");
  await delay(3_000);
  const { atMs } = await type(stage, "stop", "waiting");
  const ending = await ended;
  return [
    judged("stop of a run that waits: calls that began after it", begunAfter(stage, atMs).length, { most: 10 }),
    told("stop of a run that waits: the execution was over after", seconds(Date.now() - atMs)),
    holds("stop of a run that waits: the execution", endingOf(ending), "FAILED RunStopped"),
  ];
}
