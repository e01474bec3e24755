import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const repository = join(import.meta.dirname, "../..");
const rows = readFileSync(join(repository, "SECURITY.md"), "utf8").matchAll(/\| (test\/\S+\.test\.ts): (.+) \|$/gm);

test.each([...rows].map(([, file = "", title = ""]) => ({ file, title })))("$file tries: $title", ({ file, title }) => {
  const source = readFileSync(join(repository, file), "utf8");
  const texts = [...source.matchAll(/"([^"\n]+)"/g)].map(([, text = ""]) => text);
  expect(texts.some((text) => text.includes(title))).toBe(true);
});
