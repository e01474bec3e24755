import { afterAll, beforeAll, expect, test } from "vitest";
import { type LocalObjectStore, startObjectStore } from "../../local/object-store.ts";
import { localFleetBucket } from "../../local/ports.ts";
import { noCounts } from "../../shared/fleet/counts.ts";
import { openRun, type RunStore } from "../../shared/fleet/run-store.ts";
import { createObjectStore, createS3Client } from "../../shared/runtime/objects.ts";
import { startFleet } from "../local/fleet-process.ts";

let objects: LocalObjectStore;
let june: RunStore;
beforeAll(async () => {
  objects = await startObjectStore();
  const credentials = { accessKeyId: "AKIDTEST", secretAccessKey: "secret" };
  const client = createS3Client(objects.url, { region: "eu-central-1", credentials });
  june = openRun("june", createObjectStore(localFleetBucket, client));
  await june.writeProgress({
    ...{ run: "june", generation: 1, total: 9, ...noCounts, before: noCounts, batches: [null] },
    ...{ round: 1, startedAtMs: 1, updatedAtMs: 1, finished: false, callsPerMinute: 95 },
  });
});
afterAll(() => objects.close());

test("a pace leaves a pause that was not heard yet as it is, and a pause leaves the pace", async () => {
  const verb = (...words: string[]) =>
    startFleet({ workflows: "http://127.0.0.1:9", objects: objects.url }, ...words).ended;
  expect(await verb("pace", "june", "60")).toMatchObject({ code: 0 });
  expect(await june.readControl()).toEqual({ want: "run", callsPerMinute: 60 });
  expect(await verb("pause", "june")).toMatchObject({ code: 0 });
  expect(await june.readControl()).toEqual({ want: "pause", callsPerMinute: 60 });
  const { code, said } = await verb("pace", "june", "50");
  expect(await june.readControl()).toEqual({ want: "pause", callsPerMinute: 50 });
  expect([code, said]).toEqual([0, expect.stringContaining("Run june is told to go at 50 calls a minute")]);
});
