import { expect, test } from "vitest";
import { codesInThem, type Mangled, mangledFiles, spreadsheets } from "../fleet/mangled.ts";
import { startFleet } from "./fleet-process.ts";

// Nothing answers there: a dry run of a file with faults asks nobody.
const nowhere = { workflows: "http://127.0.0.1:9", objects: "http://127.0.0.1:9", folder: spreadsheets };

async function toldOf({ file, faults, warnings = [] }: Mangled): Promise<void> {
  const { code, said } = await startFleet(nowhere, file, "--dry-run").ended;
  expect([file, code]).toEqual([file, faults.length > 0 ? 1 : 0]);
  for (const [line, column, words] of [...faults, ...warnings]) {
    const place = column === "" ? `${file}:${line}` : `${file}:${line} (${column})`;
    const told = said.split("\n").filter((one) => one.startsWith(`${place}: `) && one.includes(words));
    expect(told, `${place}: ${words}`).toHaveLength(1);
  }
  expect(said).not.toMatch(codesInThem);
  expect(said).toContain("nothing was sent");
}

test("a dry run tells of every mangled spreadsheet where it is wrong, and never a code", async () => {
  const left = [...mangledFiles];
  const worker = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await toldOf(one);
  };
  await Promise.all([worker(), worker(), worker()]);
});
