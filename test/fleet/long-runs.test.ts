import { expect, test } from "vitest";
import { createDrivenRun } from "./driven-run.ts";
import { createRun, done } from "./whole-run.ts";

const csv = (deviceIds: readonly string[], nodeIdOf = (deviceId: string) => `n-${deviceId}`) => [
  "deviceId,nodeId",
  ...deviceIds.map((deviceId) => `${deviceId},${nodeIdOf(deviceId)}`),
];
const some = (count: number, from = 1) => Array.from({ length: count }, (_, at) => `d-${at + from}`);
const hourMs = 3_600_000;

type DrivenRun = ReturnType<typeof createDrivenRun>;

/** A line for each device, in order, with the one code that it was ever armed with. */
function expectRight({ platform, result }: DrivenRun, deviceIds: readonly string[]) {
  expect(result().map(({ deviceId }) => deviceId)).toEqual(deviceIds);
  for (const { deviceId, status, verifyCode } of result()) {
    const armed = [...(platform.codes.get(deviceId) ?? [])];
    expect([deviceId, armed]).toEqual([deviceId, status === "done" ? [verifyCode] : []]);
  }
}

test("a run keeps its pace, and no minute, wherever it begins, holds more calls than that", async () => {
  const run = createDrivenRun(95);
  const deviceIds = some(500);
  expect(await run.drive(csv(deviceIds))).toMatchObject({ state: "finished", done: 500, failed: 0 });
  expectRight(run, deviceIds);
  const moments = run.platform.calls.map(({ atMs }) => atMs);
  const [first = 0, last = 0] = [moments[0], moments.at(-1)];
  expect((moments.length - 1) / ((last - first) / 60_000)).toBeGreaterThan(0.95 * 95);
  const inMinuteFrom = (fromMs: number) => moments.filter((atMs) => atMs >= fromMs && atMs < fromMs + 60_000).length;
  expect(Math.max(...moments.map(inMinuteFrom))).toBeLessThanOrEqual(95);
});

test("a run whose bucket is down for a minute loses little more than that, and ends with a right result", async () => {
  const run = createDrivenRun(95);
  const { time, platform, objects, drive } = run;
  const deviceIds = some(500);
  const downAtMs = 100_000;
  void time.sleep(downAtMs).then(() => {
    objects.isDown = true;
  });
  void time.sleep(downAtMs + 60_000).then(() => {
    objects.isDown = false;
  });
  expect(await drive(csv(deviceIds))).toMatchObject({ state: "finished", done: 500, failed: 0 });
  expectRight(run, deviceIds);
  // What was known a look before the bucket failed is written down; what came of the calls since is asked for again.
  expect(platform.calls.length).toBeLessThanOrEqual(500 + 20);
  const inOutage = platform.calls.filter(({ atMs }) => atMs > downAtMs + 6_000 && atMs < downAtMs + 60_000);
  expect(inOutage).toEqual([]);
  expect(time.elapsedMs).toBeLessThan((500 / 95) * 60_000 + 60_000 + 90_000);
});

test("a run whose platform is down for a day waits, says so, and does the rest", async () => {
  const run = createDrivenRun(95);
  const { time, platform, store, drive } = run;
  const deviceIds = some(400);
  const downAtMs = 120_000;
  const seen: (string | undefined)[] = [];
  void time.sleep(downAtMs).then(async () => {
    platform.isDown = true;
    for (let hour = 0; hour < 24; hour += 1) {
      await time.sleep(hourMs);
      const { stopped, finished } = (await store.readProgress()) ?? {};
      const soonMs = (stopped?.nextTryAtMs ?? Number.POSITIVE_INFINITY) - run.clock.now();
      seen.push(!finished && soonMs <= 750_000 ? stopped?.error : "nothing is said of the next try");
    }
    platform.isDown = false;
  });
  expect(await drive(csv(deviceIds))).toMatchObject({ state: "finished", done: 400, failed: 0 });
  expect(seen).toEqual(Array(24).fill("PlatformUnavailableError"));
  expectRight(run, deviceIds);
  expect(platform.calls.length).toBeLessThan(400 + 160 * 6);
  expect(time.elapsedMs).toBeLessThan(downAtMs + 24 * hourMs + 15 * 60_000 + 400 * 640);
  expect((await store.readProgress())?.stopped).toBeUndefined();
});

test("a run of more than a day gives each device that was online another try, and fails those that still are", async () => {
  const run = createDrivenRun(1);
  const { time, platform, drive } = run;
  const deviceIds = some(1_500);
  const onlineForHours = new Map([
    ["d-7", 999],
    ["d-8", 25],
    ["d-1498", 30],
    ["d-1499", 999],
  ]);
  platform.isOnline = (deviceId) => time.elapsedMs < (onlineForHours.get(deviceId) ?? 0) * hourMs;
  expect(await drive(csv(deviceIds))).toMatchObject({
    ...{ state: "finished", done: 1_498, failed: 2, waiting: 0, errors: { DeviceOnlineError: 2 } },
  });
  expectRight(run, deviceIds);
  const failed = run.result().filter(({ status }) => status === "failed");
  expect(failed.map(({ deviceId, error }) => [deviceId, error])).toEqual([
    ["d-7", "DeviceOnlineError"],
    ["d-1499", "DeviceOnlineError"],
  ]);
  const triesOf = (deviceId: string) => platform.calls.filter((call) => call.deviceId === deviceId);
  for (const deviceId of onlineForHours.keys()) expect(triesOf(deviceId).length).toBeGreaterThan(1);
  // Each has a day of its own, from its first try.
  for (const { deviceId } of failed) {
    const tries = triesOf(deviceId);
    expect((tries.at(-1)?.atMs ?? 0) - (tries[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(24 * hourMs);
  }
  expect(time.elapsedMs).toBeGreaterThan(25 * hourMs);
});

test("a run of which most devices waited to the end has failed", async () => {
  const run = createDrivenRun(10);
  run.platform.isOnline = (deviceId) => deviceId !== "d-1";
  expect(await run.drive(csv(some(100)), { limitSeconds: 3_600 })).toMatchObject({
    ...{ state: "finished", done: 1, failed: 99, error: "TooManyDevicesFailed" },
  });
});

test("a run with a corrected input calls for what was corrected and what is new, and changes no other code", async () => {
  const run = createDrivenRun(95);
  const { platform, codeOf, result, drive } = run;
  const first = some(300);
  await drive(csv(first));
  const codes = new Map(result().map(({ deviceId, verifyCode }) => [deviceId, verifyCode]));
  const calls = platform.calls.length;
  // Another order and other line ends; d-1 is out of it, d-2 has other hardware than was done, two are new.
  const corrected = [...some(299, 2), "d-new-1", "d-new-2"].reverse();
  const nodeIdOf = (deviceId: string) => (deviceId === "d-2" ? "n-corrected" : `n-${deviceId}`);
  const lines = csv(corrected, nodeIdOf).map((line) => `${line}\r`);
  expect(await drive(lines)).toMatchObject({
    ...{ state: "finished", done: 301, counts: { done: 298, changed: 1, added: 2, again: 0, leftOut: 1 } },
  });
  expect(
    platform.calls
      .slice(calls)
      .map(({ deviceId }) => deviceId)
      .sort(),
  ).toEqual(["d-2", "d-new-1", "d-new-2"]);
  expect(result().map(({ deviceId }) => deviceId)).toEqual(corrected);
  for (const { deviceId, verifyCode } of result()) {
    const expected = deviceId === "d-2" ? codeOf({ deviceId, nodeId: "n-corrected" }) : codes.get(deviceId);
    if (!deviceId.startsWith("d-new")) expect([deviceId, verifyCode]).toEqual([deviceId, expected]);
  }
});

test("a run of many rounds keeps what is at rest in few objects, each line once and in order", async () => {
  const { plan, work, end, result, store, clock } = createRun();
  const deviceIds = some(300);
  await plan(csv(deviceIds));
  const triedAtMs = clock.now();
  const numbersOfParts: number[] = [];
  // Two thirds in the first round, then one each, from all over the input.
  for (let round = 1; round <= 101; round += 1) {
    const isDone = ({ line }: { line: number }) => line % 3 !== 0 || line / 3 === (round * 37) % 101;
    await work((line) => (isDone(line) ? done(line) : { status: "waiting", error: "DeviceOnlineError", triedAtMs }));
    await end();
    const { settled = [], state } = (await store.readPlan()) ?? {};
    numbersOfParts.push(settled.length);
    const numbers = (await Promise.all(settled.map(({ key }) => store.readLines(key)))).map((lines) => lines.length);
    expect(numbers).toEqual(settled.map(({ lines }) => lines));
    if (state === "finished") break;
  }
  expect(Math.max(...numbersOfParts)).toBeLessThanOrEqual(18);
  expect(result().map(({ deviceId, status }) => [deviceId, status])).toEqual(deviceIds.map((one) => [one, "done"]));
});
