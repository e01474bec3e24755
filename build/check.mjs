import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { holds, proofsIn } from "./threats.ts";

// `npm test`: every check, each run even when one before it failed; the last line counts what passed.
const folder = mkdtempSync(join(tmpdir(), "rekey-check-"));
const report = join(folder, "tests.json");
let passed = 0;
let failed = 0;

const run = (name, command, ...args) => {
  process.stdout.write(`\n== ${name}\n`);
  return spawnSync(command, args, { stdio: "inherit", shell: process.platform === "win32" }).status === 0;
};
const count = (ok) => {
  if (ok) passed += 1;
  else failed += 1;
};

count(run("build", "npm", "run", "--silent", "build"));
count(run("types", "tsc", "-p", "."));
count(run("lint", "biome", "check", "--error-on-warnings", "."));
count(run("unused code", "knip"));
const testsPassed = run(
  "tests",
  "vitest",
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
);
try {
  const results = JSON.parse(readFileSync(report, "utf8"));
  passed += results.numPassedTests;
  failed += results.numFailedTests;
  if (results.numPendingTests > 0) process.stdout.write(`\n${results.numPendingTests} tests LEFT OUT, see above why\n`);
  // A file that could not be loaded or prepared has no failed test to count.
  const broken = ({ status, assertionResults }) =>
    status === "failed" && !assertionResults.some((result) => result.status === "failed");
  failed += results.testResults.filter(broken).length;
  if (!testsPassed && failed === 0) failed += 1;
  process.stdout.write("\n== threats of SECURITY.md, by the tests of this run\n");
  for (const proof of proofsIn(readFileSync(new URL("../SECURITY.md", import.meta.url), "utf8"))) {
    const proven = holds(proof, results);
    count(proven);
    if (!proven) process.stdout.write(`NOT PROVEN: ${proof.threat} (${proof.file}: ${proof.title})\n`);
  }
} catch {
  failed += 1;
}
rmSync(folder, { recursive: true });
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
