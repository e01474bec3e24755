import { describe, expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import type { FleetLine } from "../../shared/fleet/lines.ts";
import { compareInput } from "../../shared/fleet/planning.ts";
import { createRun, done } from "./whole-run.ts";

const header = "deviceId,nodeId";
const csv = (count: number, from = 1) => [
  header,
  ...Array.from({ length: count }, (_, at) => `d-${at + from},n-${at + from}`),
];
const online = (at: number): Partial<FleetLine> => ({ status: "waiting", error: "DeviceOnlineError", triedAtMs: at });
const failed: Partial<FleetLine> = { status: "failed", error: "DeviceNotFoundError", advice: "Check" };
const statuses = (lines: readonly { deviceId: string; status?: string | undefined }[]) =>
  lines.map(({ deviceId, status }) => `${deviceId} ${status ?? "-"}`);

describe("a run", () => {
  test("is made of batches of four minutes each, and of the first devices in one of their own", async () => {
    const { plan, store } = createRun();
    const { batches, counts } = await plan(csv(9), { canary: 2, callsPerMinute: 1 });
    expect([batches, counts]).toEqual([3, { done: 0, added: 9, changed: 0, again: 0, leftOut: 0 }]);
    const { manifestKey = "" } = (await store.readPlan()) ?? {};
    expect((await store.readManifest(manifestKey)).map(({ devices, canary }) => [devices, canary])).toEqual([
      [2, true],
      [4, false],
      [3, false],
    ]);
    expect(await store.readProgress()).toMatchObject({ total: 9, done: 0, waiting: 0, batches: [null, null, null] });
  });

  test("ends with a result in the input's order when every device has its line", async () => {
    const { plan, work, end, result, store } = createRun();
    await plan(csv(9));
    await work((line) => (line.line === 4 ? failed : done(line)));
    expect(await end()).toMatchObject({ state: "finished", done: 8, failed: 1, waiting: 0, waitSeconds: 0 });
    expect(statuses(result())).toEqual(
      Array.from({ length: 9 }, (_, at) => `d-${at + 1} ${at === 2 ? "failed" : "done"}`),
    );
    expect(result()[0]).toEqual({
      ...{ line: 2, deviceId: "d-1", nodeId: "n-1", status: "done", replayed: false },
      ...{ expiresAt: "2026-02-01T00:00:00.000Z", at: "2026-01-01T00:00:00.000Z" },
    });
    expect(await store.readProgress()).toMatchObject({ finished: true, errors: { DeviceNotFoundError: 1 } });
    // Asked again, because its answer was lost, it says the same.
    expect(await end()).toMatchObject({ state: "finished", done: 8, failed: 1 });
  });

  test("holds codes only where they are asked for: the line's own, or derived again", async () => {
    const { plan, work, end, result } = createRun();
    await plan(["deviceId,verifyCode", "d-1,own", "d-2,", "d-3,", "d-4,"]);
    await work((line) =>
      line.line === 4 ? { ...done(line), codeKeyId: "other" } : line.line === 5 ? failed : done(line),
    );
    await end({}, ({ codeKeyId, deviceId }) => (codeKeyId === "0a0b0c0d" ? `derived-${deviceId}` : undefined));
    expect(result().map(({ verifyCode }) => verifyCode)).toEqual(["own", "derived-d-2", undefined, undefined]);
  });

  test("takes up those that wait round after round, and carries what is at rest on without reading it", async () => {
    const { plan, work, end, result, store, time, clock } = createRun();
    await plan(csv(9));
    const startMs = clock.now();
    await work((line) => (line.line % 3 === 0 ? online(startMs) : done(line)));
    expect(await end()).toMatchObject({ state: "running", done: 6, waiting: 3, round: 2, waitSeconds: 60 });
    expect(await store.readProgress()).toMatchObject({ round: 2, done: 6, waiting: 3, batches: [null] });
    await time.sleep(60_000);
    expect(await work((line) => (line.line === 6 ? done(line) : online(line.triedAtMs ?? 0)))).toEqual([
      "d-2",
      "d-5",
      "d-8",
    ]);
    expect(await end()).toMatchObject({ done: 7, waiting: 2, round: 3, waitSeconds: 120 });
    await time.sleep(120_000);
    await work(done);
    expect(await end()).toMatchObject({ state: "finished", done: 9, round: 3 });
    expect(statuses(result())).toEqual(Array.from({ length: 9 }, (_, at) => `d-${at + 1} done`));
  });

  test("gives a device up with the try that comes after its limit, counted from its own first", async () => {
    const { plan, work, end, time, clock } = createRun();
    await plan(csv(2));
    await work((line) => (line.line === 2 ? online(clock.now()) : online(clock.now() - 3_000_000)));
    // The one has 600 s left, the other an hour.
    expect(await end()).toMatchObject({ state: "running", waiting: 2, waitSeconds: 60 });
    await time.sleep(700_000);
    await work((line) => online(line.triedAtMs ?? 0));
    expect(await end()).toMatchObject({ state: "running", failed: 1, waiting: 1, errors: { DeviceOnlineError: 1 } });
    await time.sleep(3_600_000);
    await work((line) => online(line.triedAtMs ?? 0));
    expect(await end()).toMatchObject({ state: "finished", failed: 2, waiting: 0 });
  });

  test("of which a round lasts longer than the limit gives each device that waits a second try", async () => {
    const { plan, work, end, time, clock } = createRun();
    await plan(csv(2));
    await work((line) => (line.line === 2 ? online(clock.now()) : done(line)));
    await time.sleep(7 * 86_400_000);
    expect(await end({ limitSeconds: 86_400 })).toMatchObject({ state: "running", waiting: 1, waitSeconds: 0 });
    expect(await work(done)).toEqual(["d-1"]);
    expect(await end({ limitSeconds: 86_400 })).toMatchObject({ state: "finished", done: 2 });
  });

  test("whose batches did not reach every device goes on at once, those never tried first", async () => {
    const { plan, work, end, result, clock } = createRun();
    await plan(csv(6));
    await work((line) => (line.line < 4 ? online(clock.now()) : undefined));
    expect(await end()).toMatchObject({ state: "running", waitSeconds: 0 });
    expect(await work(done)).toEqual(["d-3", "d-4", "d-5", "d-6", "d-1", "d-2"]);
    await end();
    expect(result().map(({ line }) => line)).toEqual([2, 3, 4, 5, 6, 7]);
  });

  test("of which everything waited to the end has failed", async () => {
    const { plan, work, end, clock, store } = createRun();
    await plan(csv(3));
    await work(() => online(clock.now()));
    expect(await end({ limitSeconds: 0, toleratedFailurePercentage: 20 })).toMatchObject({
      ...{ state: "finished", failed: 3, error: "TooManyDevicesFailed" },
      cause: expect.stringContaining("3 of 3 devices failed"),
    });
    expect((await store.readProgress())?.stopped?.error).toBe("TooManyDevicesFailed");
  });

  test("that was stopped leaves a result of what is known, those whose turn did not come without a status", async () => {
    const { plan, work, end, result, store } = createRun();
    await plan(csv(5));
    await work((line) => (line.line < 4 ? done(line) : undefined));
    expect(await end({ stopped: true })).toMatchObject({
      ...{ state: "stopped", error: "BatchEndedSilently" },
      cause: expect.stringMatching(/ 3 lines were never tried\.$/),
    });
    expect((await store.readProgress())?.stopped?.untried).toBe(3);
    expect(statuses(result())).toEqual(["d-1 done", "d-2 done", "d-3 -", "d-4 -", "d-5 -"]);
    expect(await store.readPlan()).toMatchObject({ state: "stopped" });
  });

  test.each(["progress.json", "plan.json"])("counts a round once whose %s could not be written", async (name) => {
    const { plan, work, end, objects, store } = createRun();
    await plan(csv(5));
    await work((line) => (line.line < 5 ? failed : undefined));
    let left = 2;
    objects.beforeWrite = async (key) => {
      if (key.endsWith(name) && left-- > 0) throw new RekeyError("StoreUnavailableError", "The bucket is down");
    };
    const limits = { toleratedFailurePercentage: 60 };
    for (const _ of [1, 2]) await expect(end(limits)).rejects.toMatchObject({ name: "StoreUnavailableError" });
    expect(await end(limits)).toMatchObject({ state: "running", done: 0, failed: 3, round: 2 });
    await work(done);
    left = 2;
    for (const _ of [1, 2]) await expect(end(limits)).rejects.toMatchObject({ name: "StoreUnavailableError" });
    expect(await end(limits)).toMatchObject({ state: "finished", done: 2, failed: 3 });
    const { stopped, done: total, errors } = (await store.readProgress()) ?? {};
    expect([stopped, total, errors]).toEqual([undefined, 2, { DeviceNotFoundError: 3 }]);
  });

  test("that another execution took over is concluded by nobody else", async () => {
    const { plan, end } = createRun();
    await plan(csv(1));
    await expect(end({ execution: "execution-0" })).rejects.toMatchObject({ name: "RunTakenOverError" });
  });
});

describe("a run that is started again", () => {
  test("asks only for what is left, and never for those that failed before those never tried", async () => {
    const { plan, work, end, result } = createRun();
    await plan(csv(6));
    await work((line) => (line.line < 4 ? failed : line.line < 6 ? done(line) : undefined));
    await end({ stopped: true });
    const { counts } = await plan(csv(6));
    expect(counts).toEqual({ done: 2, added: 2, changed: 0, again: 2, leftOut: 0 });
    expect(await work(done)).toEqual(["d-5", "d-6", "d-1", "d-2"]);
    await end();
    expect(statuses(result())).toEqual(Array.from({ length: 6 }, (_, at) => `d-${at + 1} done`));
  });

  test("is the same run after line ends, a byte order mark, columns or lines changed their places", async () => {
    const { plan, work, end, result } = createRun();
    await plan(csv(4));
    await work(done);
    await end();
    const before = result();
    const { counts, batches } = await plan([
      "\uFEFFnodeId;deviceId\r",
      ...["n-4;d-4\r", "n-1;d-1\r", "n-3;d-3\r", "n-2;d-2\r"],
    ]);
    expect([counts, batches]).toEqual([{ done: 4, added: 0, changed: 0, again: 0, leftOut: 0 }, 0]);
    expect(await end()).toMatchObject({ state: "finished", done: 4 });
    const byDevice = (lines: readonly object[]) => lines.map((line) => ({ ...line, line: 0 }));
    expect(byDevice(result())).toEqual(
      byDevice([before[3], before[0], before[2], before[1]].flatMap((one) => one ?? [])),
    );
  });

  test("with a corrected input does the corrected lines and the new ones, and says what was left out", async () => {
    const { plan, work, end, result, objects, store, inputOf, clock } = createRun();
    await plan(csv(6));
    await work((line) => (line.line === 4 ? failed : done(line)));
    await end();
    const corrected = [header, "d-1,n-1", "d-2,n-2", "d-3,n-corrected", "d-5,n-5", "d-6,n-other", "d-7,n-7"];
    objects.texts.set("devices.csv", corrected.join("\n"));
    const expected = { done: 3, added: 1, changed: 2, again: 0, leftOut: 1 };
    // d-4 was left out; d-6 is done with other hardware, and is done anew.
    expect(await compareInput(inputOf(), { objects, store, clock })).toEqual(expected);
    const { counts } = await plan(corrected);
    expect(counts).toEqual(expected);
    expect(await work(done)).toEqual(["d-3", "d-6", "d-7"]);
    await end();
    expect(statuses(result())).toEqual(["d-1", "d-2", "d-3", "d-5", "d-6", "d-7"].map((one) => `${one} done`));
  });

  test("knows a corrected line as done from then on, and what it was before no more", async () => {
    const { plan, work, end } = createRun();
    const input = (nodeId: string) => [header, "d-1,n-1", `d-2,${nodeId}`];
    for (const nodeId of ["n-2", "n-corrected"]) {
      await plan(input(nodeId));
      await work(done);
      await end();
    }
    const { counts, batches } = await plan(input("n-corrected"));
    expect([counts, batches]).toEqual([{ done: 2, added: 0, changed: 0, again: 0, leftOut: 0 }, 0]);
    expect((await plan(input("n-2"))).counts).toMatchObject({ done: 1, changed: 1 });
  });

  test("tells of lines that its input leaves out, done or not", async () => {
    const { plan, work, end, result } = createRun();
    await plan(csv(5));
    await work((line) => (line.line < 4 ? done(line) : line.line === 4 ? failed : undefined));
    await end({ stopped: true });
    const { counts } = await plan(csv(1));
    expect(counts).toEqual({ done: 1, added: 0, changed: 0, again: 0, leftOut: 4 });
    expect(await end()).toMatchObject({ state: "finished", removed: 1 });
    expect(statuses(result())).toEqual(["d-1 done"]);
  });

  test("remembers for an input that has them again what was done and left out", async () => {
    const { plan, work, end, result } = createRun();
    await plan(csv(5));
    await work(done);
    await end();
    await plan(csv(1, 9));
    await work(done);
    await end();
    expect(statuses(result())).toEqual(["d-9 done"]);
    const { counts, batches } = await plan(csv(5));
    expect([counts.done, counts.leftOut, batches]).toEqual([5, 1, 0]);
    await end();
    expect(statuses(result())).toEqual(Array.from({ length: 5 }, (_, at) => `d-${at + 1} done`));
  });

  test("while another execution works on it waits until that one has seen it", async () => {
    const { plan, time } = createRun();
    await plan(csv(2));
    const fromMs = time.elapsedMs;
    const { before } = await plan(csv(2));
    expect([before?.state, time.elapsedMs - fromMs]).toEqual(["running", 6_000]);
  });

  test("gives devices that waited the rest of their time, and those given up a new one", async () => {
    const { plan, work, end, store, clock } = createRun();
    await plan(csv(2));
    const triedAtMs = clock.now();
    await work((line) => (line.line === 2 ? online(triedAtMs) : { ...online(triedAtMs), status: "failed" }));
    await end({ stopped: true });
    await plan(csv(2));
    const { manifestKey = "" } = (await store.readPlan()) ?? {};
    const [entry] = await store.readManifest(manifestKey);
    expect((await store.readLines(entry?.inKey ?? "")).map((line) => line.triedAtMs)).toEqual([triedAtMs, undefined]);
  });

  test("makes a nodeId the code where that is asked for, and takes its appId and timeout where a line has none", async () => {
    const { plan, store } = createRun();
    await plan(["deviceId,nodeId,verifyCode,timeout,appId", "d-1,n-1,,,", "d-2,n-2,own,5,theirs"], {
      ...{ code: "nodeId", appId: "app", timeout: 600 },
    });
    const { manifestKey = "" } = (await store.readPlan()) ?? {};
    const [entry] = await store.readManifest(manifestKey);
    expect(await store.readLines(entry?.inKey ?? "")).toMatchObject([
      { verifyCode: "n-1", timeout: 600, appId: "app" },
      { verifyCode: "own", timeout: 5, appId: "theirs" },
    ]);
  });

  test("whose objects somebody changed is refused", async () => {
    const { plan, objects, end } = createRun();
    await plan(csv(1));
    objects.texts.set("runs/june/plan.json", "{}");
    await expect(end()).rejects.toMatchObject({ name: "ConfigurationError" });
  });
});
