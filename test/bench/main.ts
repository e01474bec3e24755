import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { measureAgainst } from "./against.ts";
import { runtimeClient } from "./container.ts";
import { freezeAndThaw, measure } from "./measure.ts";
import { pictureOf } from "./picture.ts";
import { markdownOf, type Run } from "./report.ts";
import { measureSteps } from "./steps.ts";

const usage = `npm run bench -- [--rounds <number>] [--save] [--against <folder>]

Measures the built refreshDeviceKey beside a handler that does nothing, one written by hand and a naive one: cold starts,
warm calls, memory, and calls after a freeze; then each step of a ticket, and the whole way to its note. 15 rounds (the
default) take five to ten minutes on two cores.

--save      writes test/bench/results/ (bench.json, bench.md, bench.svg)
--against   measures this checkout's bundles beside those of another, which stands in that folder and is built
`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "15" },
    save: { type: "boolean", default: false },
    against: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
if (values.help || !Number.isInteger(rounds) || rounds < 1) {
  console.log(usage);
  process.exit(values.help ? 0 : 1);
}

console.log(`Runtime client: ${runtimeClient.name}`);
if (values.against !== undefined) {
  console.log(`\n${await measureAgainst(values.against, rounds)}`);
  process.exit();
}
const measured = await measure(rounds, (line) => console.log(line));
const measuredSteps = await measureSteps(rounds);
const freezeFailures = { floor: await freezeAndThaw("floor", 100), ours: await freezeAndThaw("ours", 100) };
const run: Run = {
  at: new Date().toISOString(),
  runtimeClient: runtimeClient.name,
  node: process.versions.node,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  load: loadavg()[1] ?? 0,
  rounds,
  bundleBytes: statSync(new URL("../../dist/refreshDeviceKey.mjs", import.meta.url)).size,
  measured,
  measuredSteps,
  freezeFailures,
};
console.log(`\n${markdownOf(run)}`);
if (values.save) {
  const folder = new URL("results/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL("bench.json", folder), `${JSON.stringify(run, null, 2)}\n`);
  writeFileSync(new URL("bench.md", folder), markdownOf(run));
  writeFileSync(new URL("bench.svg", folder), pictureOf(run));
}
