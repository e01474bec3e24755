import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { senderOf } from "../../local/ticket-desk/senders.ts";

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

describe("npm run check-source", () => {
  let folder = "";
  const file = (name: string) => join(folder, name);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rekey-source-"));
    const { configuration, payload } = senderOf("github");
    const malformed = { preset: "jira", fields: { deviceId: "a(", nodeid: "b" }, signature: { header: "X" } };
    await writeFile(file("sources.json"), JSON.stringify({ repository: configuration, malformed }));
    await writeFile(file("payload.json"), JSON.stringify(payload({ deviceId: "meter-1", imei: "860000000000001" })));
    await writeFile(file("other.json"), JSON.stringify({ action: "opened" }));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("prints what would be done", async () => {
    const { code, said } = await run(
      "../../tools/check-source.ts",
      file("sources.json"),
      "repository",
      file("payload.json"),
    );
    expect([code, said]).toEqual([0, expect.stringContaining("repository")]);
    expect(said).toMatch(/would do +re-key this device\nsent +deviceId: meter-1\n +nodeId: urn:imei:860000000000001/);
    expect(said).toMatch(/operation id +repository-[0-9a-f]{32}/);
  });

  test("prints that nothing would be done, and why", async () => {
    const { said } = await run("../../tools/check-source.ts", file("sources.json"), "repository", file("other.json"));
    expect(said).toMatch(/would do +nothing \(the condition does not hold\)/);
  });

  test("names what is wrong with a configuration", async () => {
    const { code, said } = await run(
      "../../tools/check-source.ts",
      file("sources.json"),
      "malformed",
      file("payload.json"),
    );
    expect([code, said]).toEqual([1, expect.stringContaining("fields.nodeid is unknown")]);
  });
});
