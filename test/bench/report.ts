import { ratioOf, type Spread, spreadOf } from "./figures.ts";
import type { Measured, Samples } from "./measure.ts";
import { type Contender, contenders } from "./stage.ts";
import { type MeasuredSteps, stepsTable } from "./steps.ts";

/** One run as it is written down. */
export interface Run {
  readonly at: string;
  readonly runtimeClient: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  /** Processes that wanted a core, averaged over the run's last five minutes, at its end. */
  readonly load: number;
  readonly rounds: number;
  readonly bundleBytes: number;
  readonly measured: Measured;
  /** Absent in a run from before they were measured. */
  readonly measuredSteps?: MeasuredSteps;
  /** Failed calls in a hundred after a freeze, by contender. */
  readonly freezeFailures: Readonly<Partial<Record<Contender, number>>>;
}

/** A goal, and what came of it. */
export interface Goal {
  readonly what: string;
  readonly goal: number;
  readonly found: Spread;
}

/** The goals that are ratios, at the platform's doorstep. */
export function goalsOf({ measured }: Run): Goal[] {
  const here = measured["0"];
  if (here === undefined) throw new RangeError("Nothing was measured at 0 ms");
  const { bare, floor, naive, ours } = here;
  return [
    { what: "cold / floor", goal: 1.25, found: ratioOf(ours.coldMs, floor.coldMs) },
    { what: "cold / naive", goal: 0.3, found: ratioOf(ours.coldMs, naive.coldMs) },
    { what: "warm / floor", goal: 1.1, found: ratioOf(ours.warmMs, floor.warmMs) },
    { what: "warm / naive", goal: 1 / 15, found: ratioOf(ours.warmMs, naive.warmMs) },
    { what: "memory / bare", goal: 1.35, found: ratioOf(ours.residentBytes, bare.residentBytes) },
  ];
}

/** The run as Markdown. */
export function markdownOf(run: Run): string {
  const { at, runtimeClient, node, cpu, cores, load, rounds } = run;
  const lines = [
    `Run of ${at.slice(0, 16).replace("T", " ")} UTC: ${runtimeClient}, Node ${node}, ${cores} cores (${cpu}), load ${load.toFixed(1)};`,
    `${rounds} rounds, medians with the middle half in brackets. Trust the ratios, which are taken round by round.`,
    "",
    ...Object.entries(run.measured).flatMap(([roundTripMs, samples]) => tableOf(Number(roundTripMs), samples)),
    ...(run.measuredSteps === undefined ? [] : stepsTable(run.measuredSteps)),
    "| ours | goal | found | |",
    "|---|---|---|---|",
    ...goalsOf(run).map(
      ({ what, goal, found }) =>
        `| ${what} | ${goal.toFixed(3)} | ${shown(found, 3)} | ${found.median <= goal ? "reached" : "missed"} |`,
    ),
    "",
    `Failed calls in a hundred after a freeze in which the platform closed the connections: ${Object.entries(
      run.freezeFailures,
    )
      .map(([contender, failed]) => `${contender} ${failed}`)
      .join(", ")}.`,
    "",
  ];
  return lines.join("\n");
}

function tableOf(roundTripMs: number, samples: Record<Contender, Samples>): string[] {
  const row = (contender: Contender) => {
    const { coldMs, warmMs, residentBytes } = samples[contender];
    const megabytes = residentBytes.map((bytes) => bytes / 1e6);
    return `| ${contender} | ${shown(spreadOf(coldMs), 0)} | ${shown(ratioOf(coldMs, samples.floor.coldMs), 2)} | ${shown(spreadOf(warmMs), 2)} | ${spreadOf(megabytes).median.toFixed(0)} |`;
  };
  return [
    `| platform ${roundTripMs} ms away | cold, ms | to floor | warm, ms | memory, MB |`,
    "|---|---|---|---|---|",
    ...contenders.map(row),
    "",
  ];
}

function shown({ median, lower, upper }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${lower.toFixed(digits)} to ${upper.toFixed(digits)})`;
}
