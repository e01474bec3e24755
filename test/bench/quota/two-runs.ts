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
  told,
} from "./findings.ts";
import { startStage } from "./stage.ts";

const latencyMs = 200;

/** Two runs that begin at the same moment. */
export async function twoRuns(devices: number): Promise<Finding[]> {
  const stage = await startStage(latencyMs);
  try {
    const names = ["first", "second"] as const;
    const fleets = names.map((run) => ({ run, deviceIds: stage.devices(`${run}-`, devices) }));
    const beganAtMs = Date.now();
    const begun = await Promise.all(fleets.map(({ run, deviceIds }) => stage.begin(run, deviceIds)));
    const endings = await Promise.all(
      begun.map(async ({ ended }) => ({ ending: await ended, afterMs: Date.now() - beganAtMs })),
    );
    const findings = fleets.flatMap(({ run, deviceIds }, at) => {
      const own = stage.calls.filter(({ deviceId }) => deviceId.startsWith(`${run}-`));
      const { ending, afterMs } = endings[at] ?? { afterMs: 0 };
      const [from, to] = [own[0]?.atMs ?? 0, own.at(-1)?.atMs ?? 0].map((atMs) => seconds(atMs - beganAtMs));
      return [
        holds(`the ${run} execution`, ending === undefined ? "" : endingOf(ending), "SUCCEEDED"),
        ...rightLines(stage, run, deviceIds),
        told(
          `calls of the ${run} run`,
          `${own.length} (${rounded((100 * own.length) / stage.calls.length)} %), from ${from} to ${to}, over after ${seconds(afterMs)}`,
        ),
      ];
    });
    const all = fleets.flatMap(({ deviceIds }) => deviceIds);
    const round = firstRound(stage.calls, all);
    return [
      ...findings,
      judged("calls refused", refusedOf(stage.calls), { most: (stage.calls.length - 1) / 100 }),
      judged("calls a minute of both", perMinute(round), { most: 96 }),
      told("both over after", seconds(Math.max(...endings.map(({ afterMs }) => afterMs)))),
      told("as long as one run of as many devices at 95 a minute", seconds((all.length * 60_000) / 95)),
      told("whose calls followed each other", turnsOf(round.map(({ deviceId }) => deviceId.split("-")[0] ?? ""))),
    ];
  } finally {
    await stage.close();
  }
}

/** Such as "first 100, second 100". */
function turnsOf(whose: readonly string[]): string {
  const turns: { readonly run: string; calls: number }[] = [];
  for (const run of whose) {
    const last = turns.at(-1);
    if (last?.run === run) last.calls += 1;
    else turns.push({ run, calls: 1 });
  }
  return turns.map(({ run, calls }) => `${run} ${calls}`).join(", ");
}
