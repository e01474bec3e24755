import { describe, expect, test } from "vitest";
import { planFleet } from "../../functions/planFleet.ts";
import { openFleet } from "./fleet.ts";

const csvOf = (count: number) =>
  ["deviceId,nodeId", ...Array.from({ length: count }, (_, at) => `d-${at + 1},n-${at + 1}`)].join("\n");
const opened = (count = 3) => openFleet({ "june.csv": csvOf(count) });

describe("a run that begins", () => {
  test("has its input checked and its defaults said, and is of the execution's name", async () => {
    const fleet = opened();
    expect(await fleet.plan({ key: "june.csv" })).toEqual({
      execution: "june",
      input: {
        ...{ run: "june", key: "june.csv", callsPerMinute: 95, toleratedFailurePercentage: 20, includeCode: false },
        ...{ limitSeconds: 86_400, dryRun: false },
      },
      plan: {
        ...{ ok: true, devices: 3, faults: 0, firstFaults: [], faultsKey: "runs/june/faults.jsonl" },
        ...{ resumed: false, round: 1, batches: 1 },
      },
      state: { manifestKey: "runs/june/rounds/1/manifest.json" },
    });
    expect(fleet.linesOf("rounds/1/1.in.jsonl")).toEqual([
      { line: 2, deviceId: "d-1", nodeId: "n-1" },
      { line: 3, deviceId: "d-2", nodeId: "n-2" },
      { line: 4, deviceId: "d-3", nodeId: "n-3" },
    ]);
    expect(fleet.jsonIn("owner.json")).toBe("june");
    expect(fleet.jsonIn("progress.json")).toMatchObject({
      ...{ run: "june", total: 3, done: 0, failed: 0, waiting: 0, round: 1, finished: false },
    });
  });

  test("may have a name of its own", async () => {
    const fleet = opened();
    expect(await fleet.plan({ key: "june.csv", run: "summer" }, "execution-7")).toMatchObject({
      input: { run: "summer" },
      state: { manifestKey: "runs/summer/rounds/1/manifest.json" },
    });
    expect(fleet.texts.get("runs/summer/owner.json")).toContain("execution-7");
  });

  test("has batches that a function can work off at its pace, and none of more than 200", async () => {
    expect(await opened(401).plan({ key: "june.csv" })).toMatchObject({ plan: { batches: 3 } });
    expect(await opened(9).plan({ key: "june.csv", callsPerMinute: 1 })).toMatchObject({ plan: { batches: 3 } });
  });

  test("gives what a line does not say the run's own", async () => {
    const fleet = openFleet({ "june.csv": "deviceId,timeout,appId\nd-1,60,theirs\nd-2,," });
    await fleet.plan({ key: "june.csv", timeout: 600, appId: "ours" });
    expect(fleet.linesOf("rounds/1/1.in.jsonl")).toEqual([
      { line: 2, deviceId: "d-1", timeout: 60, appId: "theirs" },
      { line: 3, deviceId: "d-2", timeout: 600, appId: "ours" },
    ]);
  });
});

describe("an input", () => {
  test("that is only looked at begins nothing", async () => {
    const fleet = opened();
    expect(await fleet.plan({ key: "june.csv", dryRun: true })).toMatchObject({
      plan: { ok: true, devices: 3, resumed: false, round: 0, batches: 0 },
      state: { manifestKey: "" },
    });
    expect(fleet.texts.has("runs/june/owner.json")).toBe(false);
    expect(fleet.texts.has("runs/june/plan.json")).toBe(false);
  });

  const wrong = ["deviceId", ...Array.from({ length: 25 }, (_, at) => `a/${at}`), "fine"].join("\n");

  test("with faults is refused with the first of them, and where all of them are", async () => {
    const fleet = openFleet({ "june.csv": wrong });
    const answer = await fleet.plan({ key: "june.csv" });
    expect(answer).toEqual({
      refused: {
        error: "InvalidInputError",
        cause: expect.stringContaining("The input has 25 faults, all of them in"),
      },
    });
    expect(JSON.stringify(answer)).toContain("What helps: Correct the fields");
    expect(fleet.linesOf("faults.jsonl")).toHaveLength(25);
    expect(fleet.texts.has("runs/june/plan.json")).toBe(false);
  });

  test("with faults that is only looked at is told of twenty", async () => {
    const answer = await openFleet({ "june.csv": wrong }).plan({ key: "june.csv", dryRun: true });
    expect(answer).toMatchObject({ plan: { ok: false, faults: 25, devices: 1, batches: 0 } });
    expect("plan" in answer && answer.plan.firstFaults).toHaveLength(20);
  });

  test.each<[string, unknown, string]>([
    ["no key", {}, "key is missing"],
    ["a misspelt field", { key: "june.csv", limitSecond: 1 }, "limitSecond is unknown"],
    ["more than 30 days", { key: "june.csv", limitSeconds: 30 * 86_400 + 1 }, "limitSeconds must be at most 2592000"],
    ["no object", "june.csv", "must be an object"],
    ["an object that is not there", { key: "july.csv" }, "There is no object with this key in the bucket"],
  ])("with %s is refused in our words", async (_, input, words) => {
    const answer = await opened().plan(input);
    expect(answer).toEqual({ refused: { error: "InvalidInputError", cause: expect.stringContaining(words) } });
  });
});

describe("a run that is begun again", () => {
  test("goes on in its round, once the execution before has had the time to see that it is no longer its own", async () => {
    const fleet = opened();
    await fleet.plan({ key: "june.csv" });
    const before = fleet.time.elapsedMs;
    expect(await fleet.plan({ key: "june.csv", run: "june" }, "later")).toMatchObject({
      plan: { resumed: true, round: 1, batches: 1 },
    });
    expect(fleet.time.elapsedMs - before).toBe(6_000);
    expect(fleet.jsonIn("owner.json")).toBe("later");
  });

  test("with another input is refused", async () => {
    const fleet = opened();
    await fleet.plan({ key: "june.csv" });
    fleet.texts.set("july.csv", csvOf(4));
    expect(await fleet.plan({ key: "july.csv" })).toMatchObject({
      refused: { cause: expect.stringContaining("A run of this name was begun with another input") },
    });
  });

  test("after its end takes up what is not done, in a round of its own", async () => {
    const fleet = opened();
    await fleet.plan({ key: "june.csv" });
    const at = new Date(fleet.clock.now()).toISOString();
    const line = (number: number, status: string) => `${JSON.stringify({ line: number, deviceId: "d", status, at })}\n`;
    fleet.texts.set("runs/june/rounds/1/1.out.jsonl", line(2, "done") + line(3, "failed"));
    await fleet.conclude({ limitSeconds: 0 });
    expect(await fleet.plan({ key: "june.csv" })).toMatchObject({
      plan: { resumed: true, round: 2, batches: 1 },
      state: { manifestKey: "runs/june/rounds/2/manifest.json" },
    });
    expect(fleet.linesOf("rounds/2/1.in.jsonl").map(({ deviceId }) => deviceId)).toEqual(["d-2", "d-3"]);
    expect(fleet.jsonIn("progress.json")).toMatchObject({ total: 3, done: 1, failed: 0, waiting: 2, round: 2 });
    expect(fleet.jsonIn("plan.json")).toMatchObject({ round: 2, finished: false });
  });
});

test("an execution has the name of a run", () => {
  expect(planFleet.input.safeParse({ execution: "a b", input: {} }).success).toBe(false);
});
