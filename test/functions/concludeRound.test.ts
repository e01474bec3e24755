import { expect, test } from "vitest";
import { openFleet } from "./fleet.ts";

const csv = "deviceId,nodeId\nd-1,n-1\nd-2,n-2\nd-3,n-3";

/** A run of three devices, worked off. */
async function worked() {
  const fleet = openFleet({ "june.csv": csv });
  await fleet.plan({ key: "june.csv" });
  await fleet.batch();
  return fleet;
}

test("a round after which nothing is left ends the run, with a line for every device and no code", async () => {
  const fleet = await worked();
  expect(await fleet.conclude()).toEqual({
    ...{ state: "finished", finished: true, total: 3, done: 3, failed: 0, waiting: 0, errors: {} },
    ...{ round: 1, waitSeconds: 0, manifestKey: "", resultKey: "runs/june/result.jsonl" },
  });
  expect(fleet.linesOf("result.jsonl").map(({ line, status }) => [line, status])).toEqual([
    [2, "done"],
    [3, "done"],
    [4, "done"],
  ]);
  expect([...fleet.texts].filter(([, text]) => text.includes("verifyCode"))).toEqual([]);
});

test("codes are derived again where they are asked for, and are those that were armed", async () => {
  const fleet = await worked();
  await fleet.conclude({ includeCode: true });
  const armed = fleet.device.told.map((told) => told.split(" ")[1]);
  expect(fleet.linesOf("result.jsonl").map(({ verifyCode }) => verifyCode)).toEqual(armed);
});

test("a code whose key the secret holds no more is left out, in place of a wrong one", async () => {
  const fleet = await worked();
  const { outKey } = (await fleet.manifest())[0] ?? expect.fail("No batch");
  fleet.texts.set(outKey, (fleet.texts.get(outKey) ?? "").replaceAll(/"codeKeyId":"\w+"/g, '"codeKeyId":"00000000"'));
  await fleet.conclude({ includeCode: true });
  expect(fleet.linesOf("result.jsonl").every((line) => !("verifyCode" in line))).toBe(true);
});

test("a round after which some are left is followed by one of these", async () => {
  const fleet = openFleet({ "june.csv": csv });
  await fleet.plan({ key: "june.csv" });
  expect(await fleet.conclude()).toMatchObject({
    ...{ state: "running", finished: false, round: 2, waitSeconds: 0 },
    manifestKey: "runs/june/1/round-2/manifest.json",
  });
  expect(fleet.texts.has("runs/june/result.jsonl")).toBe(false);
});

test("a round that was broken off says why, or that nobody said it", async () => {
  const fleet = await worked();
  expect(await fleet.conclude({}, { stopped: true })).toMatchObject({
    ...{ state: "stopped", finished: false, error: "BatchEndedSilently" },
    cause: expect.stringContaining("the log of rekeyBatch does"),
  });
  expect(fleet.linesOf("result.jsonl")).toHaveLength(3);
});

test("a run that does not exist, or is another execution's, is not concluded", async () => {
  const fleet = await worked();
  await expect(fleet.conclude({}, { execution: "another" })).rejects.toMatchObject({ name: "RunTakenOverError" });
  await expect(fleet.conclude({ run: "july" })).rejects.toMatchObject({ message: "There is no run of this name" });
});
