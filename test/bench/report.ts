import { ratioOf, type Spread, shown, spreadOf } from "./figures.ts";
import type { Measured, Samples } from "./measure.ts";
import { type Contender, contenders } from "./stage.ts";
import { type MeasuredSteps, type Step, stepsTable } from "./steps.ts";

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

/** A goal, which is a ratio of the same run, and what came of it; undefined where it was not measured. */
interface Goal {
  readonly what: string;
  readonly goal: number;
  readonly found: Spread | undefined;
}

/** The most that a cold start and a warm call may take, in those of the floor, by the platform's distance. */
const toFloor = {
  "0": { cold: 1.3, warm: 1.2 },
  "20": { cold: 1.12, warm: 1.03 },
  "50": { cold: 1.08, warm: 1.02 },
} as const;

function goalsOf({ measured, measuredSteps }: Run): Goal[] {
  const far = Object.entries(toFloor).flatMap(([roundTripMs, { cold, warm }]) => {
    const { ours, floor } = measured[roundTripMs] ?? {};
    const ratio = (of: "coldMs" | "warmMs") => (ours && floor ? ratioOf(ours[of], floor[of]) : undefined);
    return [
      { what: `cold / floor, platform ${roundTripMs} ms away`, goal: cold, found: ratio("coldMs") },
      { what: `warm / floor, platform ${roundTripMs} ms away`, goal: warm, found: ratio("warmMs") },
    ];
  });
  const { ours, bare } = measured["0"] ?? {};
  const cold = (step: Step) => measuredSteps?.steps[step]?.coldMs;
  const [webhook, refresh] = [cold("ticketWebhook, plain paths"), cold("refreshDeviceKey")];
  return [
    ...far.filter(({ what }) => what.startsWith("cold")),
    ...far.filter(({ what }) => what.startsWith("warm")),
    {
      what: "ticketWebhook, plain paths / refreshDeviceKey, cold",
      goal: 1.15,
      found: webhook && refresh ? ratioOf(webhook, refresh) : undefined,
    },
    {
      what: "memory / bare",
      goal: 1.25,
      found: ours && bare ? ratioOf(ours.residentBytes, bare.residentBytes) : undefined,
    },
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
        `| ${what} | ${goal.toFixed(2)} | ${found === undefined ? "not measured" : shown(found, 3)} | ${verdictOf(goal, found)} |`,
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

function verdictOf(goal: number, found: Spread | undefined): string {
  if (found === undefined) return "";
  return found.median <= goal ? "reached" : "missed";
}
