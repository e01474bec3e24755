import { StopExecutionCommand } from "@aws-sdk/client-sfn";
import { afterEach, describe, expect, test, vi } from "vitest";
import { traitsOf } from "../../shared/errors.ts";
import { platformError } from "../../shared/platform/error-table.ts";
import {
  begin,
  callsAtMs,
  callsPerMinute,
  codesOf,
  csvOf,
  linesOf,
  local,
  progressOf,
  timesDone,
} from "./fleet-system.ts";

afterEach(() => local.close());

describe("a fleet of 500", () => {
  test("survives what goes wrong, and every device ends in one line, with one code", async () => {
    // A minute lasts ten seconds.
    const scale = 6;
    const callsPerMinute = 95 * scale;
    await begin(60_000 / scale);
    const known = local.simulator.devices.many(490);
    const online = known.filter((_, at) => at % 20 === 7);
    for (const deviceId of online) {
      local.simulator.devices.goOnline(deviceId);
      local.simulator.devices.goOffline(deviceId, 58_000);
    }
    const unknown = Array.from({ length: 10 }, (_, at) => `unknown-${at}`);
    const all = known.flatMap((deviceId, at) => (at % 49 === 0 ? [deviceId, unknown[at / 49] ?? ""] : [deviceId]));
    expect(all).toHaveLength(500);
    local.simulator.faults.add(
      { kind: "cut", operation: "refreshDeviceKey", applied: true, nth: 13, every: 50, count: 0 },
      { kind: "code", operation: "refreshDeviceKey", code: "1010009", nth: 140 },
    );
    local.putObject("devices.csv", csvOf(all));
    const input = { key: "devices.csv", callsPerMinute, timeout: 0, limitSeconds: 150 };
    const { status, output } = await local.over(await local.start("rekeyFleet", input, "five-hundred"));
    expect(status).toBe("SUCCEEDED");
    expect(JSON.parse(output ?? "")).toMatchObject({ finished: true, total: 500, done: 490, failed: 10, waiting: 0 });

    const lines = linesOf("five-hundred");
    expect(lines.map(({ deviceId }) => deviceId)).toEqual(all);
    for (const line of lines) {
      const isUnknown = unknown.includes(line.deviceId);
      expect(line.status).toBe(isUnknown ? "failed" : "done");
      expect(line).not.toHaveProperty("verifyCode");
      if (isUnknown) {
        expect(line).toMatchObject({ error: "DeviceNotFoundError", advice: platformError("100403")?.advice });
      }
    }
    for (const deviceId of known) expect([deviceId, codesOf(deviceId).size]).toEqual([deviceId, 1]);

    // What a busy machine makes of the pace says nothing of the run: test/fleet/long-runs.test.ts holds it in simulated
    // time, npm run bench:quota in real minutes.
    const rate = callsAtMs.length / (((callsAtMs.at(-1) ?? 0) - (callsAtMs[0] ?? 0)) / 60_000) / scale;
    console.log(`${Math.round(rate)} calls a window of 100 allowed, ${local.simulator.application.throttled} refused`);
    expect(progressOf("five-hundred")).toMatchObject({ total: 500, done: 490, failed: 10, waiting: 0, finished: true });
  });
});

describe("a run", () => {
  test("that is stopped in the middle and started again re-keys no device to another code", async () => {
    await begin();
    const deviceIds = local.simulator.devices.many(300);
    local.putObject("devices.csv", csvOf(deviceIds));
    const input = { run: "resumed", key: "devices.csv", callsPerMinute, timeout: 0, includeCode: true };
    const executionArn = await local.start("rekeyFleet", input, "first-try");
    const begun = () => deviceIds.filter((deviceId) => codesOf(deviceId).size > 0).length;
    await vi.waitUntil(() => begun() > 20, { timeout: 120_000 });
    await local.client.send(new StopExecutionCommand({ executionArn }));
    expect(begun()).toBeLessThan(300);
    expect(await local.over(executionArn)).toMatchObject({ status: "ABORTED" });

    const again = await local.over(await local.start("rekeyFleet", input, "second-try"));
    expect(again.status).toBe("SUCCEEDED");
    const lines = linesOf("resumed");
    expect(lines.map(({ deviceId }) => deviceId)).toEqual(deviceIds);
    for (const { deviceId, status, verifyCode } of lines) {
      expect([deviceId, status, [...codesOf(deviceId)]]).toEqual([deviceId, "done", [verifyCode]]);
    }
    expect(local.simulator.application.throttled).toBe(0);

    // What is done is not even asked for a third time.
    const before = local.simulator.counters.total;
    const third = await local.over(await local.start("rekeyFleet", input, "third-try"));
    expect([third.status, local.simulator.counters.total - before]).toEqual(["SUCCEEDED", 0]);
    expect(timesDone(linesOf("resumed"))).toEqual(timesDone(lines));
  });

  test("ends when more devices fail than are tolerated, and a later start does the rest", async () => {
    await begin();
    const deviceIds = local.simulator.devices.many(20);
    const missing = ["late-1", "late-2", "late-3"];
    local.putObject("devices.csv", csvOf([...missing, ...deviceIds]));
    const input = { run: "tolerated", key: "devices.csv", callsPerMinute, toleratedFailurePercentage: 10 };
    expect(await local.over(await local.start("rekeyFleet", input))).toMatchObject({
      status: "FAILED",
      error: "TooManyDevicesFailed",
    });
    expect(linesOf("tolerated").filter(({ status }) => status === "failed")).toHaveLength(3);
    for (const deviceId of missing) local.simulator.devices.set(deviceId);
    expect(await local.over(await local.start("rekeyFleet", input))).toMatchObject({ status: "SUCCEEDED" });
    expect(linesOf("tolerated").map(({ status }) => status)).toEqual(Array(23).fill("done"));
    for (const deviceId of deviceIds) expect(local.simulator.devices.get(deviceId)?.history).toHaveLength(1);
  });

  test("waits for a platform that is down, and goes on where it was", async () => {
    await begin();
    const deviceIds = local.simulator.devices.many(120);
    local.putObject("devices.csv", csvOf(deviceIds));
    const running = local.start("rekeyFleet", { run: "outage", key: "devices.csv", callsPerMinute }).then(local.over);
    await vi.waitUntil(() => callsAtMs.length > 10, { timeout: 120_000 });
    await local.simulator.down();
    await vi.waitUntil(() => (progressOf("outage").stopped?.tries ?? 0) > 1, { timeout: 120_000 });
    await local.simulator.up();
    expect(await running).toMatchObject({ status: "SUCCEEDED" });
    expect(linesOf("outage").map(({ status }) => status)).toEqual(Array(120).fill("done"));
    for (const deviceId of deviceIds) expect(codesOf(deviceId).size).toBe(1);
  });

  test("names devices that stay online to the end as failed, with what helps", async () => {
    await begin();
    const [deviceId = "", other = ""] = local.simulator.devices.many(2);
    local.simulator.devices.goOnline(deviceId);
    local.putObject("devices.csv", csvOf([deviceId, other]));
    const input = {
      run: "online",
      key: "devices.csv",
      callsPerMinute,
      limitSeconds: 4,
      toleratedFailurePercentage: 50,
    };
    expect(await local.over(await local.start("rekeyFleet", input))).toMatchObject({ status: "SUCCEEDED" });
    expect(progressOf("online")).toMatchObject({ failed: 1, errors: { DeviceOnlineError: 1 } });
    expect(linesOf("online")).toMatchObject([
      { deviceId, status: "failed", error: "DeviceOnlineError", advice: traitsOf("DeviceOnlineError").advice },
      { deviceId: other, status: "done" },
    ]);
  });
});

describe("an input", () => {
  const faulty = [
    "deviceId,nodeId,timeout,colour",
    "d-1,n-1,60,",
    ",n-2,60,",
    "../d-3,n-3,60,",
    "d-1,n-4,60,",
    "d-5,n-1,60,",
    "d-6,n-6",
    "d-7,n-7,soon,",
    `d-8,${"x".repeat(257)},60,`,
    "d-9,n-\u0007,60,",
    'd-10,"n-10"x,60,',
  ].join("\n");

  test("with ten faults has all ten reported with line numbers, and no call is made", async () => {
    await begin();
    local.putObject("faulty.csv", faulty);
    const executionArn = await local.start("rekeyFleet", { run: "faulty", key: "faulty.csv" });
    const { status, error, cause } = await local.over(executionArn);
    expect([status, error]).toEqual(["FAILED", "InvalidInputError"]);
    const faults = local.object("runs/faulty/faults.jsonl").trim().split("\n");
    expect(faults.map((line) => (JSON.parse(line) as { line: number }).line)).toEqual([1, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(cause).toContain("10 faults");
    expect(cause).toContain('"line":11');
    expect(local.simulator.counters.total).toBe(0);
  });

  test("is only looked at in a dry run", async () => {
    await begin();
    local.putObject("devices.csv", csvOf(["device-1", "device-2"]));
    const input = { run: "dry", key: "devices.csv", dryRun: true };
    const { status, output } = await local.over(await local.start("rekeyFleet", input));
    expect([status, JSON.parse(output ?? "")]).toMatchObject(["SUCCEEDED", { ok: true, devices: 2, faults: 0 }]);
    expect(local.simulator.counters.total).toBe(0);
  });

  test("that was corrected goes on where the run was: what is done stays done, and its code comes without a call", async () => {
    await begin();
    local.putObject("devices.csv", csvOf(["device-1", "device-2", "devise-3"]));
    const input = { run: "changed", key: "devices.csv", callsPerMinute, toleratedFailurePercentage: 50 };
    expect(await local.over(await local.start("rekeyFleet", input))).toMatchObject({ status: "SUCCEEDED" });
    expect(linesOf("changed").map(({ status }) => status)).toEqual(["done", "done", "failed"]);
    const calls = callsAtMs.length;
    // Columns in another order, the misspelt device corrected, one device no more in it.
    local.putObject(
      "devices.csv",
      "nodeId;deviceId\r\nurn:imei:new-device-1;device-1\r\nurn:imei:new-device-3;device-3\r\n",
    );
    expect(await local.over(await local.start("rekeyFleet", input))).toMatchObject({ status: "SUCCEEDED" });
    expect(callsAtMs.length - calls).toBe(1);
    expect(linesOf("changed").map(({ deviceId, status }) => [deviceId, status])).toEqual([
      ["device-1", "done"],
      ["device-3", "done"],
    ]);
    expect(linesOf("changed")[0]).not.toHaveProperty("verifyCode");
    // Asked for later, the codes are those that were armed, and nothing is armed anew.
    expect(await local.over(await local.start("rekeyFleet", { ...input, includeCode: true }))).toMatchObject({
      status: "SUCCEEDED",
    });
    expect(callsAtMs.length - calls).toBe(1);
    for (const { deviceId, verifyCode } of linesOf("changed")) expect([...codesOf(deviceId)]).toEqual([verifyCode]);
  });

  test.each([
    ["a key of nothing", { key: "nothing.csv" }, "There is no object with this key in the bucket"],
    ["a misspelt field", { key: "devices.csv", callsAMinute: 3 }, "callsAMinute is unknown"],
    ["a flag that is none", { key: "devices.csv", dryRun: "yes" }, "dryRun must be a boolean"],
    ["half a second", { key: "devices.csv", limitSeconds: 1.5 }, "limitSeconds must be a whole number"],
    ["a limit below none", { key: "devices.csv", limitSeconds: -1 }, "limitSeconds must be at least 0"],
    [
      "a limit beyond what a history bears",
      { key: "devices.csv", limitSeconds: 30 * 86_400 + 1 },
      "must be at most 2592000",
    ],
    ["no key", {}, "key is missing"],
  ])("with %s is refused, in our words", async (_, input, words) => {
    await begin();
    local.putObject("devices.csv", csvOf(["device-1"]));
    const { status, error, cause } = await local.over(await local.start("rekeyFleet", input));
    expect([status, error]).toEqual(["FAILED", "InvalidInputError"]);
    expect(cause).toContain(words);
    expect(cause).toContain(traitsOf("InvalidInputError").advice);
    expect(cause).not.toContain("trace");
    expect(local.simulator.counters.total).toBe(0);
  });
});
