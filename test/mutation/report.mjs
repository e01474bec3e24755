// `node test/mutation/report.mjs [reports/mutation.json ...]`: brings README.md of this folder up to date from the reports of
// one run or of several that tried a part each. A file that none of them has tried keeps its row and the day of it; one
// that is gone loses it.
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";

const paths = process.argv.slice(2);
if (paths.length === 0) paths.push("reports/mutation.json");
const readme = new URL("README.md", import.meta.url);

/** What was found, by file: the day, and how many were tried, killed, late, left out. */
const rows = new Map();
for (const line of readFileSync(readme, "utf8").split("\n")) {
  const [, name, day, ...counts] = line.split("|").map((cell) => cell.trim());
  if (!/^(functions|shared)\/[\w./-]+\.ts$/.test(name ?? "") || !existsSync(name)) continue;
  const [tried, killed, late] = counts.map(Number);
  rows.set(name, { day, tried, killed, late });
}
for (const path of paths) {
  const day = statSync(path).mtime.toISOString().slice(0, 10);
  for (const [name, { mutants }] of Object.entries(JSON.parse(readFileSync(path, "utf8")).files)) {
    const count = (...states) => mutants.filter(({ status }) => states.includes(status)).length;
    const [killed, late] = [count("Killed"), count("Timeout")];
    const tried = killed + late + count("Survived", "NoCoverage");
    if (tried > 0) rows.set(name, { day, tried, killed, late });
  }
}

function row(name, { day, tried, killed, late }) {
  const score = ((100 * (killed + late)) / tried).toFixed(1);
  return `| ${name} | ${day} | ${tried} | ${killed} | ${late} | ${tried - killed - late} | ${score} |`;
}

function sum(some) {
  const total = (key) => some.reduce((all, one) => all + one[key], 0);
  return { day: "", tried: total("tried"), killed: total("killed"), late: total("late") };
}

const names = [...rows.keys()].filter((name) => rows.get(name).tried > 0).sort();
const under = (folder) => names.filter((name) => name.startsWith(folder)).map((name) => rows.get(name));
const text = `# Mutations of functions/ and shared/, and which tests notice them

Written by \`node test/mutation/report.mjs\` from what \`npm run mutate\` found, a part at a time; the day says of which build
a row is, and what has been changed since is not in it. A mutant is killed when a test of
test/{functions,fleet,http,platform,runtime,webhook} fails, late when a test does not end. Changes to tables at module
level are left out: each needs a process of its own, and what is in the tables is tested end to end. session-step.ts,
convergence.ts and patience.ts were tried against their own tables' tests alone, without those that play whole sessions:
their scores are lower bounds.

| file | day | tried | killed | late | survived | score |
|---|---|---|---|---|---|---|
${names.map((name) => row(name, rows.get(name))).join("\n")}
${row("**functions/**", sum(under("functions/")))}
${row("**shared/**", sum(under("shared/")))}

## Why the others survive

A run's own report, reports/mutation.json, has each with its place. They are of these kinds:

- What joins an operation to its sandbox (\`{ ...sandbox, ...sandbox.config }\`): only the bundles run it, and in these nothing
  is mutated. test/end-to-end runs them.
- A log line's or a message's words, where a test looks for what it is about and not for its wording.
- \`?.\` and \`?? ""\` that the compiler asks for and an earlier row or check has ruled out.
- A limit's own millisecond, at which both sides are right, and a shortcut to what the longer way finds too.
- In session-step.ts: what an allowance or a token's early end decides only together with a store, which the tests of whole
  sessions (renewal, early-renewal, any-schedule) hold.
`;
writeFileSync(readme, text);
for (const folder of ["functions/", "shared/"]) console.log(row(folder, sum(under(folder))));
