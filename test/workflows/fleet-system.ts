import type { ResultLine } from "../../shared/fleet/lines.ts";
import type { RunProgress } from "../../shared/fleet/run-store.ts";
import { startWorkflowSystem, type WorkflowSystem } from "./system.ts";

// The platform's minute lasts three seconds here, and 80 of its 100 calls are a run's: a pause of this process, which
// is the simulator too, weighs twenty times as much as it would against a real minute.
export const windowMs = 3_000;
export const callsPerMinute = (80 * 60_000) / windowMs;

export let local: WorkflowSystem;
/** When each request came that was no login. */
export let callsAtMs: number[];

/** Starts it all; to be closed by the test. */
export async function begin(quotaWindowMs = windowMs): Promise<void> {
  local = await startWorkflowSystem(0.03, { quota: { calls: 100, windowMs: quotaWindowMs }, latencyMs: 15 });
  const { faults } = local.simulator;
  const hit = faults.hit.bind(faults);
  callsAtMs = [];
  faults.hit = (operation, deviceId) => {
    if (operation !== "login" && operation !== "refreshToken") callsAtMs.push(Date.now());
    return hit(operation, deviceId);
  };
}

export const csvOf = (deviceIds: readonly string[]) =>
  `deviceId,nodeId\n${deviceIds.map((deviceId) => `${deviceId},urn:imei:new-${deviceId}\n`).join("")}`;
export const linesOf = (run: string) =>
  local
    .object(`runs/${run}/result.jsonl`)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as ResultLine);
export const progressOf = (run: string) => JSON.parse(local.object(`runs/${run}/progress.json`)) as RunProgress;
export const codesOf = (deviceId: string) =>
  new Set(local.simulator.devices.get(deviceId)?.history.map(({ verifyCode }) => verifyCode));
export const timesDone = (lines: readonly ResultLine[]) =>
  Object.fromEntries(lines.map((one) => [one.deviceId, one.status]));
