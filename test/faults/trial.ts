import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Mood } from "../../local/secrets-endpoint/moods.ts";
import { isErrorName } from "../../shared/errors.ts";
import { errorOf, type Rekey, resultOf, startRekey } from "../end-to-end/rekey.ts";
import type { Case } from "./cases.ts";

/** What became of one case. */
export interface Trial {
  readonly part: string;
  readonly what: string;
  /** `ok`, the error's name, or what Lambda says of a sandbox that died. */
  readonly answer: string;
  readonly ms: number;
  /** What is not as it must be; empty when all is well. */
  readonly wrong: readonly string[];
  readonly logins: number;
}

const codeKey = Buffer.alloc(32, 3).toString("base64");
const invocationMs = 20_000;

/** Tries one case on a system of its own, in processes of their own: the request, then its repeat with nothing wrong. */
export async function tryCase(one: Case, mood: Mood = "documented"): Promise<Trial> {
  const folder = await mkdtemp(join(tmpdir(), "rekey-faults-"));
  const stepFile = join(folder, "step");
  await writeFile(stepFile, "0");
  const preload = new URL("stepped-clock.mjs", import.meta.url).href;
  const stepped = { NODE_OPTIONS: `--import=${preload}`, REKEY_CLOCK_STEP_FILE: stepFile };
  const rekey = await startRekey({}, { codeKey }, one.stepsClock === true ? stepped : {}, mood);
  try {
    return await tryOn(rekey, one, "device-1", (milliseconds) => writeFile(stepFile, String(milliseconds)));
  } finally {
    await rekey.close();
    await rm(folder, { recursive: true });
  }
}

/** Tries one case on a running system. */
export async function tryOn(
  rekey: Rekey,
  one: Case,
  deviceId: string,
  setClock: (milliseconds: number) => Promise<void> = async () => undefined,
): Promise<Trial> {
  const { simulator, secrets } = rekey;
  const request = { deviceId, nodeId: `urn:imei:new-${deviceId}`, idempotencyKey: `fault ${deviceId}` };
  const oldNodeId = simulator.devices.set(deviceId).nodeId;
  if (one.session === "live") resultOf(await rekey.refresh({ deviceId: "device-9" }));
  const loginsBefore = logins(rekey);
  await one.strike(rekey, deviceId, setClock);
  const startedAt = performance.now();
  const outcome = await rekey.refresh(request);
  const ms = Math.round(performance.now() - startedAt);
  await secrets.up();
  await simulator.up();
  secrets.faults.clear();
  simulator.faults.clear();

  const wrong: string[] = [];
  const answer = errorOf(outcome);
  const killed = one.part === "sandbox killed";
  if (answer !== "ok" && !isErrorName(answer) && !(killed && answer === "Runtime.ExitError"))
    wrong.push(`answer ${answer}`);
  if (ms > invocationMs) wrong.push(`answer after ${ms} ms`);
  const repeat = await rekey.refresh(request);
  const codes = new Set(simulator.devices.get(deviceId)?.history.map(({ verifyCode }) => verifyCode));
  const nodes = new Set(simulator.devices.get(deviceId)?.history.map(({ nodeId }) => nodeId));
  if (codes.size !== 1) wrong.push(`${codes.size} codes`);
  if ([...nodes].some((node) => node !== request.nodeId && node !== oldNodeId))
    wrong.push("a nodeId that nobody asked for");
  if (simulator.devices.get(deviceId)?.nodeId !== request.nodeId) wrong.push("not the wanted nodeId");
  const online = simulator.devices.get(deviceId)?.status === "ONLINE";
  if (!online && errorOf(repeat) !== "ok") wrong.push(`repeat ${errorOf(repeat)}`);
  for (const answered of [outcome, repeat]) {
    if (answered.ok && !codes.has(resultOf<{ verifyCode: string }>(answered).verifyCode)) wrong.push("another code");
  }
  const count = logins(rekey) - loginsBefore;
  if (count > one.logins) wrong.push(`${count} logins`);
  return { part: one.part, what: one.what, answer, ms, wrong, logins: count };
}

function logins({ simulator }: Rekey): number {
  return simulator.counters.requests.login + simulator.counters.requests.refreshToken;
}
