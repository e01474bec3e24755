import { expect, test } from "vitest";
import type { Fate } from "../platform/one-device.ts";
import { openFleet } from "./fleet.ts";

const csv = "deviceId,nodeId\nd-1,n-1\nd-2,n-2\nd-3,n-3";
const fate = (answer: Fate["answer"]): Fate => ({ tookMs: 20, answer, acts: true, thenOnline: false });

/** A run with one batch, planned. */
async function planned(fates: readonly Fate[] = []) {
  const fleet = openFleet({ "june.csv": csv }, fates);
  await fleet.plan({ key: "june.csv" });
  return fleet;
}

test("every device of the batch is re-keyed once, and its line says until when which code is valid", async () => {
  const fleet = await planned();
  expect(await fleet.batch()).toEqual({ done: 3, failed: 0, waiting: 0, tooManyFailures: false });
  expect(fleet.device.told.map((told) => told.split(" ")[0])).toEqual(["n-1", "n-2", "n-3"]);
  const codes = fleet.device.told.map((told) => told.split(" ")[1]);
  expect(fleet.linesOf("rounds/1/1.out.jsonl")).toEqual(
    codes.map((verifyCode, at) => ({
      ...{ line: at + 2, deviceId: `d-${at + 1}`, nodeId: `n-${at + 1}`, status: "done", verifyCode, replayed: false },
      ...{ expiresAt: expect.any(String), at: expect.any(String) },
    })),
  );
});

test("the audit line says for which run", async () => {
  const fleet = await planned();
  await fleet.batch();
  expect(fleet.lines).toContainEqual(
    expect.objectContaining({ audit: true, caller: "fleet run june", deviceId: "d-1", idempotencyKey: "june" }),
  );
});

test("a code is derived of the run's name: a batch that is worked off again arms the same ones", async () => {
  const [first, second] = [await planned(), await planned()];
  await first.batch();
  await second.batch();
  expect(second.device.told).toEqual(first.device.told);
});

test("codes are left out of the lines where they were not asked for", async () => {
  const fleet = await planned();
  await fleet.batch({ includeCode: false });
  expect(fleet.linesOf("rounds/1/1.out.jsonl").some((line) => "verifyCode" in line)).toBe(false);
});

test("calls leave at the run's pace, a repeat or a reading back among them", async () => {
  const fleet = await planned([fate("lost")]);
  await fleet.batch({ callsPerMinute: 60 });
  const times = fleet.calls.map(({ atMs }) => atMs);
  expect(fleet.calls.length).toBeGreaterThan(3);
  for (const [at, time] of times.slice(1).entries()) expect(time - (times[at] ?? 0)).toBeGreaterThanOrEqual(900);
});

test("a device for which no further call is left in its time waits for the next round", async () => {
  const lost = Array.from({ length: 30 }, () => fate("lost"));
  const fleet = await planned(lost);
  const { waiting } = await fleet.batch({ callsPerMinute: 1 });
  expect(waiting).toBeGreaterThan(0);
});

test("a batch that another execution has taken over stops", async () => {
  const fleet = await planned();
  fleet.texts.set("runs/june/owner.json", '"another"');
  await expect(fleet.batch()).rejects.toMatchObject({ message: expect.stringContaining("execution") });
});
