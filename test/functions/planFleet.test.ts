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
        ...{ limitSeconds: 86_400, dryRun: false, maxFailures: 0, canary: 0 },
      },
      plan: {
        ...{ ok: true, devices: 3, faults: 0, firstFaults: [], faultsKey: "runs/june/faults.jsonl" },
        ...{ resumed: false, round: 1, batches: 1, minutes: 3 / 95, warnings: [] },
        lines: { done: 0, added: 3, changed: 0, again: 0, leftOut: 0 },
      },
      state: { manifestKey: "runs/june/1/round-1/manifest.json" },
    });
    // A code lasts seven days where nobody says otherwise.
    expect(fleet.linesOf("1/round-1/fresh/1.in.jsonl")).toEqual([
      { line: 2, deviceId: "d-1", nodeId: "n-1", timeout: 604_800 },
      { line: 3, deviceId: "d-2", nodeId: "n-2", timeout: 604_800 },
      { line: 4, deviceId: "d-3", nodeId: "n-3", timeout: 604_800 },
    ]);
    expect(fleet.jsonIn("owner.json")).toBe("june");
    expect(fleet.jsonIn("control.json")).toEqual({ want: "run", callsPerMinute: 95 });
    expect(fleet.jsonIn("plan.json")).toMatchObject({ state: "running", input: { key: "june.csv", timeout: 604_800 } });
  });

  test("may have a name of its own", async () => {
    const fleet = opened();
    expect(await fleet.plan({ key: "june.csv", run: "summer" }, "execution-7")).toMatchObject({
      input: { run: "summer" },
      state: { manifestKey: "runs/summer/1/round-1/manifest.json" },
    });
    expect(fleet.texts.get("runs/summer/owner.json")).toContain("execution-7");
  });

  test("has batches that a function can work off at its pace", async () => {
    expect(await opened(401).plan({ key: "june.csv" })).toMatchObject({ plan: { batches: 2 } });
    expect(await opened(9).plan({ key: "june.csv", callsPerMinute: 1 })).toMatchObject({ plan: { batches: 3 } });
  });

  test("is warned when its codes end before it does", async () => {
    const answer = await opened(95).plan({ key: "june.csv", timeout: 50 });
    expect(answer).toMatchObject({
      plan: {
        warnings: [
          expect.stringMatching(
            /^The run lasts longer than its codes: . minutes? at 95 calls a minute, and a code ends after 1 minute\./,
          ),
        ],
      },
    });
    for (const timeout of [0, 60]) {
      expect(await opened(95).plan({ key: "june.csv", timeout })).toMatchObject({ plan: { warnings: [] } });
    }
    expect(await opened(601).plan({ key: "june.csv", callsPerMinute: 10, timeout: 3_600 })).toMatchObject({
      plan: {
        warnings: [expect.stringContaining("61 minutes at 10 calls a minute, and a code ends after 60 minutes.")],
      },
    });
  });

  test("is told of values that look wrong, without being refused", async () => {
    const fleet = openFleet({ "june.csv": "deviceId,nodeId\nd-1,89860117801234500000\n" });
    expect(await fleet.plan({ key: "june.csv" })).toMatchObject({
      plan: { ok: true, warnings: ["1 value may be wrong: see runs/june/faults.jsonl"] },
    });
    expect(fleet.linesOf("faults.jsonl")).toMatchObject([{ line: 2, column: "nodeId", warning: true }]);
  });
});

describe("an input", () => {
  test("that is only looked at begins nothing", async () => {
    const fleet = opened();
    expect(await fleet.plan({ key: "june.csv", dryRun: true })).toMatchObject({
      plan: { ok: true, devices: 3, resumed: false, round: 0, batches: 0, lines: { added: 3 } },
      state: { manifestKey: "" },
    });
    expect([...fleet.texts.keys()]).toEqual(["june.csv", "runs/june/faults.jsonl"]);
  });

  const wrong = ["deviceId", ...Array.from({ length: 25 }, (_, at) => `a/${at}`), "fine"].join("\n");

  test("with faults is refused with the first of them, and where all of them are", async () => {
    const fleet = openFleet({ "june.csv": wrong });
    const answer = await fleet.plan({ key: "june.csv" });
    const cause = expect.stringContaining("The input has 25 faults, all of them in");
    expect(answer).toEqual({ refused: { error: "InvalidInputError", cause } });
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
    ["another code", { key: "june.csv", code: "imei" }, "code is not valid"],
    ["no object", "june.csv", "must be an object"],
    ["an object that is not there", { key: "july.csv" }, "There is no object with this key in the bucket"],
  ])("with %s is refused in our words", async (_, input, words) => {
    const answer = await opened().plan(input);
    expect(answer).toEqual({ refused: { error: "InvalidInputError", cause: expect.stringContaining(words) } });
  });
});

test("a run that is begun again with other options is told what they mean for what is done", async () => {
  const fleet = opened();
  await fleet.plan({ key: "june.csv" });
  await fleet.batch();
  await fleet.conclude();
  fleet.texts.set("june.csv", csvOf(2));
  expect(await fleet.plan({ key: "june.csv", run: "june", timeout: 60 }, "later")).toMatchObject({
    plan: {
      ...{ resumed: true, batches: 0, lines: { done: 2, leftOut: 1 } },
      warnings: [
        "The timeout changed: the codes of what is done, 2 lines, end when they did before",
        expect.stringMatching(/^1 line of the run is not in this input: what is done stays so/),
      ],
    },
  });
  expect(fleet.jsonIn("owner.json")).toBe("later");
});

test("what is new, changed or to be tried again takes the run's time, and what is done takes none", async () => {
  const fleet = openFleet({ "june.csv": "deviceId,nodeId\nd-1,n-1\nd-2,n-2\nd-3,n-3" });
  await fleet.plan({ key: "june.csv", callsPerMinute: 10 });
  fleet.device.online = true;
  await fleet.batch();
  await fleet.conclude();
  fleet.texts.set("june.csv", "deviceId,nodeId\nd-1,n-1\nd-2,other\nd-3,n-3\nd-4,n-4");
  const answer = await fleet.plan({ key: "june.csv", run: "june", callsPerMinute: 10, timeout: 60 }, "later");
  const { lines, minutes, warnings } = "plan" in answer ? answer.plan : expect.fail("Refused");
  expect(lines.added + lines.changed + lines.again).toBe(4);
  expect([lines.changed > 0, lines.again > 0, minutes]).toEqual([true, true, 0.4]);
  // Nothing is done whose code could end at another time.
  expect(warnings).toEqual([]);
});

test("a run that goes on with its own timeout is told nothing of it", async () => {
  const fleet = opened();
  await fleet.plan({ key: "june.csv" });
  await fleet.batch();
  await fleet.conclude();
  expect(await fleet.plan({ key: "june.csv", run: "june" }, "later")).toMatchObject({ plan: { warnings: [] } });
});

test("a bucket that does not answer is no refusal: the step is tried again", async () => {
  const fleet = opened();
  fleet.bucket.isDown = true;
  await expect(fleet.plan({ key: "june.csv" })).rejects.toMatchObject({ name: "StoreUnavailableError" });
  fleet.bucket.isDown = false;
  fleet.bucket.get = () => Promise.reject(new TypeError("inside"));
  await expect(fleet.plan({ key: "june.csv" })).rejects.toThrow(TypeError);
});

test("an execution has the name of a run", () => {
  expect(planFleet.input.safeParse({ execution: "a b", input: {} }).success).toBe(false);
});
