// `node test/mutation/report.mjs [reports/mutation.json ...]`: writes README.md of this folder from the reports of one run or
// of several that tried a part each; where two have tried the same file, the later one counts.
import { readFileSync, writeFileSync } from "node:fs";

const paths = process.argv.slice(2);
if (paths.length === 0) paths.push("reports/mutation.json");
const files = new Map();
for (const path of paths) {
  for (const [name, file] of Object.entries(JSON.parse(readFileSync(path, "utf8")).files)) {
    if (file.mutants.length > 0) files.set(name, file);
  }
}

const count = (mutants, ...states) => mutants.filter(({ status }) => states.includes(status)).length;
const percent = (part, whole) => (whole === 0 ? "" : ((100 * part) / whole).toFixed(1));

function row(name, mutants) {
  const killed = count(mutants, "Killed");
  const late = count(mutants, "Timeout");
  const survived = count(mutants, "Survived", "NoCoverage");
  const tried = killed + late + survived;
  return `| ${name} | ${tried} | ${killed} | ${late} | ${survived} | ${percent(killed + late, tried)} |`;
}

const names = [...files.keys()].sort();
const all = names.flatMap((name) => files.get(name).mutants);
const ignored = count(all, "Ignored");
const atWorst = percent(count(all, "Killed", "Timeout"), all.length);
const text = `# Mutations of functions/ and shared/, and which tests notice them

Written by \`node test/mutation/report.mjs\` from what \`npm run mutate\` found. A mutant is killed when a test of
test/{functions,fleet,http,platform,runtime,webhook} fails, late when a test does not end. ${ignored} changes to tables at module level are
left out: each needs a process of its own, and what is in the tables is tested end to end. If no test noticed any of them,
${atWorst} % of all would still be noticed.

| file | tried | killed | late | survived | score |
|---|---|---|---|---|---|
${names.map((name) => row(name, files.get(name).mutants)).join("\n")}
${row("**all**", all)}

What survived stands in reports/mutation.json, each with its place.
`;
writeFileSync(new URL("README.md", import.meta.url), text);
console.log(row("all", all));
