import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { bucketDown } from "./bucket-down.ts";
import { crowded } from "./crowded.ts";
import { type Finding, rounded } from "./findings.ts";
import { ticketsBesideRun } from "./tickets.ts";
import { twoRuns } from "./two-runs.ts";
import { verbs } from "./verbs.ts";

const usage = `npm run bench:quota [-- a b c d e] [--scale <number>]

Runs fleets against the local system with the platform's own quota, 100 calls in a minute, in minutes as they are: the
built functions, the workflow, the bucket, the secrets. Each letter is a scenario; without one, all of them at once, in
some twelve minutes. Writes test/bench/results/quota.md; ends with 1 where a goal is missed.

--scale  so many devices, as a share of the usual number; nothing is written
`;

const scenarios = {
  a: {
    title: "500 devices, 5 % online for good, a stranger logs in every 20 s and calls in bursts, 2 s latency",
    devices: 500,
    run: crowded,
  },
  b: { title: "two runs of 100 devices each at once", devices: 100, run: twoRuns },
  c: { title: "300 devices and tickets beside them", devices: 300, run: ticketsBesideRun },
  d: { title: "200 devices, the bucket down for 60 s", devices: 200, run: bucketDown },
  e: { title: "300 devices and each verb, 2 s latency", devices: 300, run: verbs },
} as const;
type Letter = keyof typeof scenarios;

const { values, positionals } = parseArgs({
  options: { scale: { type: "string", default: "1" }, help: { type: "boolean", default: false } },
  allowPositionals: true,
});
const scale = Number(values.scale);
const isLetter = (one: string): one is Letter => Object.hasOwn(scenarios, one);
if (values.help || !positionals.every(isLetter) || !(scale > 0)) {
  console.log(usage);
  process.exit(values.help ? 0 : 2);
}

const file = new URL("../results/quota.md", import.meta.url);
const letters = positionals.length > 0 ? positionals.filter(isLetter) : (["a", "b", "c", "d", "e"] as const);
const sections = await Promise.all(letters.map(measure));
if (scale === 1) save(new Map(sections.map(({ letter, text }) => [letter, text])));
process.exit(sections.every(({ isReached }) => isReached) ? 0 : 1);

async function measure(letter: Letter) {
  const { title, devices, run } = scenarios[letter];
  const startedAt = new Date().toISOString().slice(0, 16).replace("T", " ");
  const loads = [loadavg()[0] ?? 0];
  const listen = setInterval(() => loads.push(loadavg()[0] ?? 0), 30_000);
  const findings = await run(Math.round(devices * scale)).catch((error: unknown): Finding[] => [
    { what: "the scenario", found: String(error), goal: { words: "runs to its end", reached: false } },
  ]);
  clearInterval(listen);
  const load = `load ${rounded(Math.min(...loads))} to ${rounded(Math.max(...loads))} on ${cpus().length} cores`;
  const head = `## ${letter}. ${title}\n\n${startedAt} UTC, Node ${process.versions.node}, ${load}\n`;
  const rows = findings.map(
    ({ what, found, goal }) =>
      `| ${what} | ${found} | ${goal?.words ?? ""} | ${goal === undefined ? "" : goal.reached ? "reached" : "missed"} |`,
  );
  const text = [head, "| | found | goal | |", "|---|---|---|---|", ...rows, ""].join("\n");
  console.log(text);
  return { letter, text, isReached: findings.every(({ goal }) => goal?.reached !== false) };
}

/** Replaces the sections that were measured; the others stay as they were. */
function save(measured: ReadonlyMap<string, string>): void {
  const before = existsSync(file) ? readFileSync(file, "utf8").split(/^(?=## )/m) : [];
  const kept = new Map(before.filter((one) => one.startsWith("## ")).map((one) => [one.slice(3, 4), one.trimEnd()]));
  for (const [letter, text] of measured) kept.set(letter, text.trimEnd());
  const intro =
    "Written by `npm run bench:quota`: the built functions, workflow, bucket and secrets against the platform simulator at\n100 calls in 60 s (counted over the last 60 s), in real time.";
  const body = [...kept].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, text]) => text);
  mkdirSync(new URL(".", file), { recursive: true });
  writeFileSync(file, `${[intro, ...body].join("\n\n")}\n`);
}
