import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Container, startContainer } from "./container.ts";
import { ratioOf, shown, spreadOf } from "./figures.ts";
import { roundTripsMs } from "./measure.ts";
import { openStage } from "./stage.ts";
import { openStepsStage, steps } from "./steps.ts";

const builds = ["before", "now"] as const;

type Build = (typeof builds)[number];

/** What one build came to, a figure a round. */
type Figures = Record<Build, { readonly coldMs: number[]; readonly warmMs: number[] }>;

const warmCalls = (roundTripMs: number) => (roundTripMs === 0 ? 100 : 10);

/**
 * Measures this checkout's bundles beside another's, in turns, each round's figures side by side.
 *
 * @param checkout a folder of another commit, built: with its bundles in `dist`
 * @returns a table of Markdown
 */
export async function measureAgainst(checkout: string, rounds: number): Promise<string> {
  const folders = { before: join(resolve(checkout), "dist"), now: join(import.meta.dirname, "../../dist") };
  if (!existsSync(folders.before)) throw new Error(`There is no ${folders.before}: build that checkout first`);
  const rows: string[] = [];
  for (const roundTripMs of roundTripsMs) {
    const figures = await refreshes(folders, roundTripMs, rounds);
    rows.push(rowOf(`refreshDeviceKey, platform ${roundTripMs} ms away`, figures));
  }
  const stage = await openStepsStage();
  try {
    for (const step of steps.filter((one) => one !== "refreshDeviceKey")) {
      if (!existsSync(join(folders.before, stage.bundleOf(step)))) continue;
      const found: Partial<Found> = {};
      const figures = await inRounds(rounds, async (order) => {
        for (const build of order) found[build] = await stage.take(step, folders[build]);
        return found as Found;
      });
      rows.push(rowOf(step, figures));
    }
  } finally {
    await stage.close();
  }
  return [
    `${rounds} rounds, medians with the middle half in brackets; the ratios are taken round by round.`,
    "",
    "| | cold before, ms | now | now / before | warm before, ms | now | now / before |",
    "|---|---|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

/** Cold starts one after the other; the warm calls of both take turns. */
async function refreshes(folders: Record<Build, string>, roundTripMs: number, rounds: number): Promise<Figures> {
  const stage = await openStage(roundTripMs);
  try {
    return await inRounds(rounds, async (order) => {
      const running = new Map<Build, Container>();
      const warmMs: Record<Build, number[]> = { before: [], now: [] };
      try {
        for (const build of order) {
          running.set(build, await startContainer(stage.containerOf("ours", folders[build]), stage.event));
        }
        for (let call = 0; call < warmCalls(roundTripMs); call += 1) {
          for (const [build, container] of running) warmMs[build].push(await timed(container, stage.event));
        }
        const found = (build: Build) => ({
          coldMs: running.get(build)?.coldMs ?? Number.NaN,
          warmMs: spreadOf(warmMs[build]).median,
        });
        return { before: found("before"), now: found("now") };
      } finally {
        for (const container of running.values()) await container.close();
      }
    });
  } finally {
    await stage.close();
  }
}

async function timed(container: Container, event: object): Promise<number> {
  const startedAt = performance.now();
  const answer = await container.invoke(event);
  if (typeof answer !== "object" || answer === null || !("verifyCode" in answer)) {
    throw new Error(`A build answers ${JSON.stringify(answer)}`);
  }
  return performance.now() - startedAt;
}

type Found = Record<Build, { readonly coldMs: number; readonly warmMs: number }>;

async function inRounds(rounds: number, take: (order: readonly Build[]) => Promise<Found>): Promise<Figures> {
  const figures: Figures = { before: { coldMs: [], warmMs: [] }, now: { coldMs: [], warmMs: [] } };
  for (let round = 0; round <= rounds; round += 1) {
    const found = await take(round % 2 === 0 ? builds : builds.toReversed());
    // The first round fills the machine's caches.
    if (round === 0) continue;
    for (const build of builds) {
      figures[build].coldMs.push(found[build].coldMs);
      figures[build].warmMs.push(found[build].warmMs);
    }
  }
  return figures;
}

function rowOf(what: string, { before, now }: Figures): string {
  const cells = (["coldMs", "warmMs"] as const).flatMap((of) => [
    shown(spreadOf(before[of]), 1),
    shown(spreadOf(now[of]), 1),
    shown(ratioOf(now[of], before[of]), 3),
  ]);
  return `| ${[what, ...cells].join(" | ")} |`;
}
