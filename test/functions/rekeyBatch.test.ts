import { describe, expect, test } from "vitest";
import type { Fate } from "../platform/one-device.ts";
import { openFleet } from "./fleet.ts";

const csv = "deviceId,nodeId\nd-1,n-1\nd-2,n-2\nd-3,n-3";
const fate = (answer: Fate["answer"]): Fate => ({ tookMs: 20, answer, acts: true, thenOnline: false });
const outKey = "1/round-1/fresh/1.out.jsonl";

/** A run of so many devices, to be planned. */
function openFleetOf(count: number) {
  const lines = Array.from({ length: count }, (_, at) => `d-${at},n-${at}`);
  return async (input: object) => {
    const fleet = openFleet({ "june.csv": ["deviceId,nodeId", ...lines].join("\n") });
    await fleet.plan({ key: "june.csv", ...input });
    return fleet;
  };
}

/** A run with one batch, planned. */
async function planned(fates: readonly Fate[] = [], input: object = {}) {
  const fleet = openFleet({ "june.csv": csv }, fates);
  await fleet.plan({ key: "june.csv", ...input });
  return fleet;
}

test("every device of the batch is re-keyed once, and its line says until when its code is valid", async () => {
  const fleet = await planned();
  expect(await fleet.batch()).toEqual({ done: 3, failed: 0, waiting: 0, next: "over", waitSeconds: 0, leftSeconds: 0 });
  expect(fleet.device.told.map((told) => told.split(" ")[0])).toEqual(["n-1", "n-2", "n-3"]);
  expect(fleet.linesOf(outKey)).toEqual(
    [1, 2, 3].map((at) => ({
      ...{ line: at + 1, deviceId: `d-${at}`, nodeId: `n-${at}`, timeout: 604_800, status: "done", replayed: false },
      ...{ codeKeyId: expect.stringMatching(/^[0-9a-f]{8}$/), expiresAt: expect.any(String), at: expect.any(String) },
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

test("a code is the nodeId where that is asked for", async () => {
  const fleet = await planned([], { code: "nodeId" });
  await fleet.batch();
  expect(fleet.device.told.map((told) => told.split(" ").slice(0, 2))).toEqual(
    [1, 2, 3].map((at) => [`n-${at}`, `n-${at}`]),
  );
  expect(fleet.linesOf(outKey).every((line) => !("codeKeyId" in line))).toBe(true);
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

describe("a batch behind the first devices of a run", () => {
  const many = openFleetOf(9);

  test("is not begun while these have not been worked off, and is where there are none", async () => {
    const careful = await many({ callsPerMinute: 1, canary: 1 });
    expect(await careful.batch({}, 1)).toMatchObject({ done: 0, next: "over" });
    expect(careful.calls).toEqual([]);
    const free = await many({ callsPerMinute: 1 });
    expect(await free.batch({}, 1)).toMatchObject({ next: "over" });
    expect(free.calls.length).toBeGreaterThan(0);
  });
});

describe("devices that fail", () => {
  const failing = "deviceId,nodeId,expectedNodeId\nd-1,n-1,other\nd-2,n-2,other\nd-3,n-3,other";

  test.each([
    [0, 3, "over"],
    [2, 2, "stop"],
  ])(
    "end a batch when they are %d (0: never): %d have failed, and what is next is %s",
    async (maxFailures, failed, next) => {
      const fleet = openFleet({ "june.csv": failing });
      await fleet.plan({ key: "june.csv", toleratedFailurePercentage: 100, maxFailures });
      expect(await fleet.batch({ callsPerMinute: 60 })).toMatchObject({ failed, next });
    },
  );
});

test("a batch that another execution has taken over stops", async () => {
  const fleet = await planned();
  fleet.texts.set("runs/june/owner.json", '"another"');
  await expect(fleet.batch()).rejects.toMatchObject({ name: "RunTakenOverError" });
});
