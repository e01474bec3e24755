import type { RunProgress } from "../shared/fleet/run-store.ts";

/** Tells how a fleet run stands, in one line. */
export interface FleetView {
  /** Takes in what the run wrote down, and says it. @param nowMs milliseconds since 1970 */
  line(progress: RunProgress, nowMs: number): string;
}

interface Sample {
  readonly atMs: number;
  readonly settled: number;
}

const rateOverMs = 60_000;
const barWidth = 20;

/** A view that reckons the pace from what it was told in the last minute. @param hasBar whether to draw one */
export function createFleetView(hasBar = false): FleetView {
  const samples: Sample[] = [];
  return {
    line(progress, nowMs) {
      const { total, done, failed, waiting, round, updatedAtMs, finished } = progress;
      const settled = done + failed + (round === 1 ? waiting : 0);
      if (samples.at(-1)?.atMs !== updatedAtMs) samples.push({ atMs: updatedAtMs, settled });
      while (samples.length > 2 && (samples[1]?.atMs ?? 0) < nowMs - rateOverMs) samples.shift();
      const share = (done + failed) / Math.max(1, total);
      const bar = hasBar ? `[${"#".repeat(Math.floor(share * barWidth)).padEnd(barWidth, ".")}] ` : "";
      const counts = `${bar}${done} done, ${failed} failed${errorsOf(progress)}, ${waiting} waiting of ${total} (${Math.floor(100 * share)} %)`;
      if (finished) return counts;
      if (progress.stopped !== undefined) return `${counts}, ${outageOf(progress.stopped, nowMs)}`;
      const perMinute = rateOf(samples);
      const left = total - done - failed - waiting;
      const pace = perMinute === 0 ? "" : `, ${perMinute} a minute`;
      return `${counts}${pace}, ${prospect(left, waiting, perMinute, nowMs)}`;
    },
  };
}

/** The errors that most failed by, with their share of what was tried. */
function errorsOf({ errors, done, failed }: RunProgress): string {
  const most = Object.entries(errors).sort(([, one], [, other]) => other - one);
  if (most.length === 0) return "";
  const said = most.slice(0, 2).map(([error, count]) => `${error} ${((100 * count) / (done + failed)).toFixed(1)} %`);
  return ` (${said.join(", ")})`;
}

/** Nothing is promised while nothing goes on. */
function outageOf({ error, cause, nextTryAtMs }: NonNullable<RunProgress["stopped"]>, nowMs: number): string {
  if (nextTryAtMs === undefined) return `stopped: ${error}: ${cause}`;
  const seconds = Math.max(0, Math.ceil((nextTryAtMs - nowMs) / 1_000));
  return `waits: ${error}, tried again ${seconds === 0 ? "now" : `in ${seconds} s`}`;
}

function rateOf(samples: readonly Sample[]): number {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.atMs === first.atMs) return 0;
  return Math.max(0, Math.round(((last.settled - first.settled) * 60_000) / (last.atMs - first.atMs)));
}

/** When it will be over; a device that is online comes to an end when somebody unplugs it, which nobody can reckon. */
function prospect(left: number, waiting: number, perMinute: number, nowMs: number): string {
  if (left === 0) return waiting === 0 ? "writing the result" : "the rest is tried again";
  if (perMinute === 0) return "pace not known yet";
  const over = new Date(nowMs + (left / perMinute) * 60_000);
  const time = `${over.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  return waiting === 0 ? `over at ${time}` : `over at ${time}, but for those that wait`;
}
