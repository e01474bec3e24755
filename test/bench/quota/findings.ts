import type { Ending } from "../../../local/step-functions/engine.ts";
import { type Call, nodeIdOf, type Stage } from "./stage.ts";

/** One figure of a scenario; with a goal where the run of the script depends on it. */
export interface Finding {
  readonly what: string;
  readonly found: string;
  readonly goal?: { readonly words: string; readonly reached: boolean };
}

/** A figure that is told and judged by nobody. */
export const told = (what: string, found: string | number): Finding => ({ what, found: String(found) });

/** A figure that has to be at least, or at most, something. */
export function judged(what: string, found: number, goal: { least?: number; most?: number }, unit = ""): Finding {
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = goal;
  const words = goal.least === undefined ? `at most ${most}${unit}` : `at least ${least}${unit}`;
  return { what, found: `${rounded(found)}${unit}`, goal: { words, reached: found >= least && found <= most } };
}

/** Something that has to be so. */
export const holds = (what: string, found: string, words: string): Finding => ({
  ...{ what, found },
  goal: { words, reached: found === words },
});

export const rounded = (value: number) => String(Math.round(value * 10) / 10);
export const seconds = (milliseconds: number) => `${rounded(milliseconds / 1_000)} s`;

/** How an execution ended, in a word or two. */
export const endingOf = (ending: Ending) =>
  ending.status === "FAILED" ? `${ending.status} ${ending.error}` : ending.status;

/** How many calls the platform refused for want of quota. */
export const refusedOf = (calls: readonly Call[]) => calls.filter(({ code }) => code === "1010009").length;
export const shareRefused = (calls: readonly Call[]) => (100 * refusedOf(calls)) / Math.max(1, calls.length);

/** Calls a minute from the first one to the last. */
export function perMinute(calls: readonly Call[]): number {
  const [first, last] = [calls[0], calls.at(-1)];
  if (first === undefined || last === undefined || last.atMs === first.atMs) return 0;
  return ((calls.length - 1) * 60_000) / (last.atMs - first.atMs);
}

/** The calls until each of the devices was asked for once: from then on, a run waits for those that are online. */
export function firstRound(calls: readonly Call[], deviceIds: readonly string[]): readonly Call[] {
  const unseen = new Set(deviceIds);
  const end = calls.findIndex(({ deviceId }) => unseen.delete(deviceId) && unseen.size === 0);
  return calls.slice(0, end + 1);
}

/**
 * Compares a run's result with what the platform holds: a line for each device in the input's order, done with the code
 * that is armed, or, for the devices named, failed because they are online.
 */
export function rightLines(
  { simulator, linesOf }: Stage,
  run: string,
  deviceIds: readonly string[],
  online: ReadonlySet<string> = new Set(),
): Finding[] {
  const lines = linesOf(run);
  const isRight = (deviceId: string, at: number) => {
    const line = lines[at];
    const device = simulator.devices.get(deviceId);
    if (line?.deviceId !== deviceId) return false;
    if (online.has(deviceId)) return line.status === "failed" && line.error === "DeviceOnlineError";
    const isArmed = line.verifyCode !== undefined && line.verifyCode === device?.verifyCode;
    return line.status === "done" && isArmed && device?.nodeId === nodeIdOf(deviceId);
  };
  const right = deviceIds.filter(isRight).length;
  const codes = (deviceId: string) =>
    new Set(simulator.devices.get(deviceId)?.history.map(({ verifyCode }) => verifyCode)).size;
  const words = `${deviceIds.length} of ${deviceIds.length}`;
  return [
    holds("devices with one line, in order, as the platform has them", `${right} of ${lines.length}`, words),
    judged("devices with two codes", deviceIds.filter((one) => codes(one) > 1).length, { most: 0 }),
  ];
}
