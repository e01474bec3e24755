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

/** A view that reckons the pace from what it was told in the last minute. */
export function createFleetView(): FleetView {
  const samples: Sample[] = [];
  return {
    line(progress, nowMs) {
      const { total, done, failed, waiting, round, updatedAtMs, finished } = progress;
      const settled = done + failed + (round === 1 ? waiting : 0);
      if (samples.at(-1)?.atMs !== updatedAtMs) samples.push({ atMs: updatedAtMs, settled });
      while (samples.length > 2 && (samples[1]?.atMs ?? 0) < nowMs - rateOverMs) samples.shift();
      const perMinute = rateOf(samples);
      const percent = Math.floor((100 * (done + failed)) / Math.max(1, total));
      const counts = `${done} done, ${failed} failed, ${waiting} waiting of ${total} (${percent} %)`;
      if (finished) return counts;
      const left = total - done - failed - waiting;
      return `${counts}, ${perMinute} a minute, ${prospect(left, waiting, perMinute, nowMs)}`;
    },
  };
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
