import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

test("a run of the tests that leaves no report fails npm test, which says why", () => {
  const folder = mkdtempSync(join(tmpdir(), "rekey-tools-"));
  for (const tool of ["npm", "tsc", "biome", "knip", "vitest"])
    writeFileSync(join(folder, tool), "#!/bin/sh\n", { mode: 0o755 });
  const check = join(import.meta.dirname, "../../build/check.mjs");
  const { stdout, status } = spawnSync(process.execPath, [check], { env: { PATH: folder }, encoding: "utf8" });
  rmSync(folder, { recursive: true });
  expect(stdout).toMatch(/ENOENT.*tests\.json/);
  expect(stdout).toMatch(/\n5 passed, 1 failed\n$/);
  expect(status).toBe(1);
});
