// `node test/mutation/report.mjs [reports/mutation.json ...]`: writes README.md of this folder from the reports of one run or
// of several that tried a part each; where two have tried the same file, the later one counts.
import { readFileSync, writeFileSync } from "node:fs";
import { reasonFor } from "./reasons.mjs";

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

/** What stood there, and what was put in its place; in one line each. */
function change(source, { location, replacement }) {
  const { start, end } = location;
  const lines = source.split("\n").slice(start.line - 1, end.line);
  const last = lines.length - 1;
  lines[last] = lines[last].slice(0, end.column - 1);
  lines[0] = lines[0].slice(start.column - 1);
  const short = (text) => text.replace(/\s+/g, " ").slice(0, 100);
  return { before: short(lines.join("\n")), after: short(replacement ?? "") };
}

const code = (text) => (text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``).replaceAll("|", "\\|");

function survivors(name, { mutants, source }) {
  const left = mutants.filter(({ status }) => status === "Survived" || status === "NoCoverage");
  const lines = left
    .sort((one, other) => one.location.start.line - other.location.start.line)
    .map((mutant) => {
      const { before, after } = change(source, mutant);
      const reason = reasonFor(name, mutant.mutatorName, before, after);
      return `| ${name.replace("shared/", "")}:${mutant.location.start.line} | ${code(before)} | ${code(after)} | ${reason} |`;
    });
  return lines;
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

## What survived, and why
| where | was | became | why nothing notices |
|---|---|---|---|
${names.flatMap((name) => survivors(name, files.get(name))).join("\n")}
`;
writeFileSync(new URL("README.md", import.meta.url), text);
console.log(row("all", all));
const open = text.split("\n").filter((line) => line.endsWith("| not looked at |"));
if (open.length > 0) console.log(`${open.length} survivors have no reason\n${open.join("\n")}`);
