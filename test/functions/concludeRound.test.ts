import { describe, expect, test } from "vitest";
import { openFleet } from "./fleet.ts";

const csv = "deviceId,nodeId\nd-1,n-1\nd-2,n-2\nd-3,n-3";

/** A run of three devices after a round in which these became known, by line. */
async function afterRound(known: Readonly<Record<number, "done" | "failed" | "waiting">>) {
  const fleet = openFleet({ "june.csv": csv });
  await fleet.plan({ key: "june.csv" });
  const at = new Date(fleet.clock.now()).toISOString();
  const lines = Object.entries(known).map(([line, status]) => ({
    ...{ line: Number(line), deviceId: `d-${Number(line) - 1}`, status, at },
    ...(status === "done" ? {} : { error: "DeviceOnlineError", advice: "Switch it off" }),
  }));
  fleet.texts.set("runs/june/rounds/1/1.out.jsonl", lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return fleet;
}

describe("a round", () => {
  test("after which nothing is left ends the run, with a line for every device", async () => {
    const fleet = await afterRound({ 2: "done", 4: "done", 3: "failed" });
    expect(await fleet.conclude()).toEqual({
      ...{ finished: true, total: 3, done: 2, failed: 1, waiting: 0, round: 1, waitSeconds: 0 },
      ...{ manifestKey: "runs/june/rounds/1/manifest.json", resultKey: "runs/june/result.jsonl" },
    });
    expect(fleet.linesOf("result.jsonl").map(({ line, status }) => [line, status])).toEqual([
      [2, "done"],
      [3, "failed"],
      [4, "done"],
    ]);
    expect(fleet.jsonIn("plan.json")).toMatchObject({ round: 1, finished: true });
    expect(fleet.jsonIn("progress.json")).toMatchObject({ done: 2, failed: 1, waiting: 0, finished: true });
  });

  test("after which some wait is followed by one of these, those of which nothing is known among them", async () => {
    const fleet = await afterRound({ 2: "done", 3: "waiting" });
    expect(await fleet.conclude()).toEqual({
      ...{ finished: false, total: 3, done: 1, failed: 0, waiting: 2, round: 2, waitSeconds: 60 },
      ...{ manifestKey: "runs/june/rounds/2/manifest.json", resultKey: "runs/june/result.jsonl" },
    });
    expect(fleet.linesOf("rounds/2/1.in.jsonl").map(({ line }) => line)).toEqual([3, 4]);
    expect(fleet.texts.has("runs/june/result.jsonl")).toBe(false);
    expect(fleet.jsonIn("plan.json")).toMatchObject({ round: 2, finished: false });
  });

  test.each([
    [0, 45],
    [1, 75],
  ])("is waited for by chance, a quarter more or less (%d)", async (random, seconds) => {
    expect((await (await afterRound({})).conclude({}, random)).waitSeconds).toBe(seconds);
  });

  test("is waited for twice as long each time, up to an hour", async () => {
    const fleet = await afterRound({});
    const waits: number[] = [];
    for (let round = 0; round < 9; round += 1) waits.push((await fleet.conclude()).waitSeconds);
    expect(waits).toEqual([60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
  });

  test("is not waited for beyond the run's limit", async () => {
    const fleet = await afterRound({});
    expect((await fleet.conclude({ limitSeconds: 30 })).waitSeconds).toBe(30);
  });
});

test("when the run's time is over, what still waits has failed, each with what is known of it", async () => {
  const fleet = await afterRound({ 2: "done", 3: "waiting" });
  expect(await fleet.conclude({ limitSeconds: 0 })).toMatchObject({ finished: true, done: 1, failed: 2, waiting: 0 });
  expect(fleet.linesOf("result.jsonl")).toMatchObject([
    { line: 2, status: "done" },
    { line: 3, status: "failed", error: "DeviceOnlineError", advice: "Switch it off" },
    {
      ...{ line: 4, deviceId: "d-3", nodeId: "n-3", status: "failed", at: expect.any(String) },
      advice: "Its turn did not come before the run's limit. Start the run again.",
    },
  ]);
});

describe("a round that was broken off", () => {
  test("ends the run for now: what waits is left waiting, and the reason is told", async () => {
    const fleet = await afterRound({ 2: "done", 3: "waiting" });
    const stopped = { error: "PlatformUnavailableError", cause: "The platform cannot be reached" };
    fleet.texts.set("runs/june/progress.json", JSON.stringify({ ...fleet.jsonIn("progress.json"), stopped }));
    expect(await fleet.conclude({ stopped: true, limitSeconds: 0 })).toMatchObject({
      ...{ finished: false, done: 1, waiting: 2, round: 1, waitSeconds: 0, ...stopped },
    });
    expect(fleet.linesOf("result.jsonl").map(({ line, status }) => [line, status])).toEqual([
      [2, "done"],
      [3, "waiting"],
    ]);
    expect(fleet.jsonIn("plan.json")).toMatchObject({ round: 1, finished: true });
  });

  test("without a word is told so", async () => {
    expect(await (await afterRound({})).conclude({ stopped: true })).toMatchObject({
      error: "BatchEndedSilently",
      cause: expect.stringContaining("the log of rekeyBatch does"),
    });
  });
});

test("a run that does not exist, or is another execution's, is not concluded", async () => {
  const nothing = openFleet();
  await expect(nothing.conclude()).rejects.toMatchObject({ message: "There is no run of this name" });
  const fleet = await afterRound({});
  await expect(fleet.conclude({ execution: "another" })).rejects.toMatchObject({ name: expect.any(String) });
  expect(fleet.jsonIn("plan.json")).toMatchObject({ round: 1, finished: false });
});

test("a run of many batches is put together whole", async () => {
  const count = 25;
  const rows = Array.from({ length: count }, (_, at) => `d-${at + 1}`);
  const fleet = openFleet({ "june.csv": ["deviceId", ...rows].join("\n") });
  await fleet.plan({ key: "june.csv", callsPerMinute: 1 });
  expect(fleet.jsonIn("rounds/1/manifest.json").length).toBeGreaterThan(5);
  expect(await fleet.conclude()).toMatchObject({ total: count, waiting: count });
  expect(fleet.jsonIn("rounds/2/manifest.json")).toHaveLength(fleet.jsonIn("rounds/1/manifest.json").length);
});
