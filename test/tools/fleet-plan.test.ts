import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRun } from "../../shared/fleet/run-store.ts";
import { Sketch } from "../../shared/fleet/sketch.ts";
import { compare, findRun } from "../../tools/fleet-plan.ts";
import { createRun, done } from "../fleet/whole-run.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rekey-fleet-plan-"));
});
afterAll(() => rm(folder, { recursive: true }));

const csv = (...numbers: number[]) => ["deviceId,nodeId", ...numbers.map((one) => `d-${one},n-${one}`)];

test("lines that an input left out are told of once, not at each later start", async () => {
  const { plan, work, end, store, objects } = createRun();
  const leftOut = async (...numbers: number[]) => {
    const file = join(folder, "devices.csv");
    await writeFile(file, csv(...numbers).join("\n"));
    const known = (await store.readPlan()) ?? expect.fail("There is no plan");
    const lines = await compare(
      objects,
      { run: "june", plan: known, share: 1 },
      { file, imei: undefined, code: "derived" },
      {
        timeout: 600,
      },
    );
    return [lines.leftOut, lines.done];
  };
  await plan(csv(1, 2, 3, 4));
  await work(done);
  await end();
  expect(await leftOut(1, 2, 3, 9)).toEqual([1, 3]);
  await plan(csv(1, 2, 3, 9));
  // Under way with this very input.
  expect(await leftOut(1, 2, 3, 9)).toEqual([0, 3]);
  await work(done);
  await end();
  expect(await leftOut(1, 2, 3, 9)).toEqual([0, 4]);
  // One more is left out; one that was is there again, as done as it was.
  expect(await leftOut(1, 2, 9)).toEqual([1, 3]);
  expect(await leftOut(1, 2, 4, 9)).toEqual([1, 4]);
});

test("an input is known as its run's however many runs there are, and whatever they are called", async () => {
  const { plan, store, objects } = createRun("a-first-by-its-name");
  await plan(csv(1, 2, 3));
  const known = (await store.readPlan()) ?? expect.fail("There is no plan");
  for (let at = 0; at < 1_000; at += 1) await openRun(`run-${at}`, objects).writePlan({ ...known, sketch: [at] });
  const newest = { ...known, startedAtMs: known.startedAtMs + 1 };
  await openRun("run-500", objects).writePlan(newest);
  const sketch = new Sketch();
  for (const one of [1, 2, 3]) sketch.add(`d-${one}`);
  const judged = { size: 3, faults: 0, warnings: 0, hashes: sketch.hashes };
  expect(await findRun(objects, judged)).toEqual({ run: "run-500", plan: newest, share: 1 });
  objects.texts.delete("runs/run-500/plan.json");
  expect(await findRun(objects, judged)).toMatchObject({ run: "a-first-by-its-name", share: 1 });
});

test("a plan that cannot be read is named", async () => {
  const { objects } = createRun();
  objects.texts.set("runs/of-somebody-else/plan.json", '{"total":"many"}');
  const judged = { size: 1, faults: 0, warnings: 0, hashes: new Sketch().hashes };
  await expect(findRun(objects, judged)).rejects.toMatchObject({
    ...{ name: "ConfigurationError", message: expect.stringContaining("runs/of-somebody-else/plan.json") },
  });
});
