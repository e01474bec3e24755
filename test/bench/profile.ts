import { parseArgs } from "node:util";
import { runtimeClient } from "./container.ts";
import { spreadOf } from "./figures.ts";
import { importsByOwner } from "./imports.ts";
import { measurePhases, type Phases, phases } from "./phases.ts";

const usage = `npm run profile -- [--rounds <number>] [--function <name>]

Takes a cold start apart: what evaluating the bundle costs, by package, and when each call is made, by what its other end
sees. Of a function other than refreshDeviceKey the bundle alone. 9 rounds are the default.
`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    function: { type: "string", default: "refreshDeviceKey" },
    help: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
if (values.help || !Number.isInteger(rounds) || rounds < 1) {
  console.log(usage);
  process.exit(values.help ? 0 : 1);
}

const name = values.function;
console.log(`Runtime client: ${runtimeClient.name}, Node ${process.versions.node}, ${rounds} rounds\n`);
const owners = await importsByOwner(name, rounds);
console.log(`| import of ${name} | kB | ms (lower quarter) |\n|---|---|---|`);
for (const { owner, bytes, ms } of owners) console.log(`| ${owner} | ${(bytes / 1e3).toFixed(1)} | ${ms.toFixed(2)} |`);

if (name === "refreshDeviceKey") {
  for (const roundTripMs of [0, 20]) {
    const { bare, floor, ours } = await measurePhases(rounds, roundTripMs);
    console.log(
      `\n| ms from the start (median), platform ${roundTripMs} ms away | bare | floor | ours | ours - floor |\n|---|---|---|---|---|`,
    );
    for (const phase of phases) {
      const at = (found: readonly Phases[]) => found.map((one) => one[phase]).filter((ms) => ms !== undefined);
      const shown = (found: readonly Phases[]) => (at(found).length === 0 ? "" : spreadOf(at(found)).median.toFixed(1));
      const later = at(ours).map((ms, round) => ms - (at(floor)[round] ?? Number.NaN));
      const { median, lower, upper } = spreadOf(later);
      const difference = `${median.toFixed(1)} (${lower.toFixed(1)} to ${upper.toFixed(1)})`;
      console.log(`| ${phase} | ${shown(bare)} | ${shown(floor)} | ${shown(ours)} | ${difference} |`);
    }
  }
}
