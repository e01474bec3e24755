import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

interface Ended {
  readonly code: number;
  readonly said: string;
}

function run(script: string, ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, script), ...args], (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), said: stdout + stderr }),
    );
  });
}

/** The lines of a story without what differs each time: times, ids, codes. */
const linesOf = (text: string): string[] =>
  text
    .split("\n")
    .map((line) =>
      line
        .replace(/^ *[\d.]+ s +|^ +\| |\d+(?= ms)/g, "")
        .replace(/desk-[0-9a-f]{32}/g, "desk-...")
        .replace(/(?<=code:? )[0-9a-z]{16}/g, "..."),
    )
    .filter((line) => line !== "");

test("npm run demo tells a story that comes true, and the README the same one", async () => {
  const { code, said } = await run("../../local/demo.ts");
  expect([code, said.trimEnd().split("\n").at(-1)]).toEqual([0, expect.stringContaining("That is all.")]);
  expect(said.match(/Verification code: /g)).toHaveLength(2);
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const told = linesOf(/tells this story.*?```\n(.*?)```/s.exec(readme)?.[1] ?? "");
  expect(told.length).toBeGreaterThan(10);
  // In order, with nothing else in it: what is left of the README's lines once the demo's are taken away.
  const left = linesOf(said).reduce((rest, line) => (rest[0] === line ? rest.slice(1) : rest), told);
  expect(left).toEqual([]);
});
