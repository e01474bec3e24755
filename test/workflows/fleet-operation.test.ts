import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { begin, callsAtMs, callsPerMinute, codesOf, csvOf, linesOf, local, progressOf } from "./fleet-system.ts";

afterEach(() => local.close());

describe("a run under way", () => {
  test.each(["pause", "stop"] as const)(
    "that somebody wants to %s begins ten calls more at most, and goes on later",
    async (want) => {
      await begin();
      const deviceIds = local.simulator.devices.many(60);
      local.putObject("devices.csv", csvOf(deviceIds));
      const input = { run: "held", key: "devices.csv", callsPerMinute };
      // Four calls a second: what a busy machine delays on its way to the platform is then one call, not ten.
      const running = local.start("rekeyFleet", { ...input, callsPerMinute: 240 }).then(local.over);
      await vi.waitUntil(() => callsAtMs.length > 10, { timeout: 120_000 });
      local.putObject("runs/held/control.json", JSON.stringify({ want }));
      const before = callsAtMs.length;
      expect(await running).toMatchObject({ status: "FAILED", error: want === "pause" ? "RunPaused" : "RunStopped" });
      // A call that had its slot may be on its way to the platform.
      expect(callsAtMs.length - before).toBeLessThanOrEqual(11);
      expect(progressOf("held")).toMatchObject({ finished: true, done: callsAtMs.length });
      expect(linesOf("held")).toHaveLength(60);
      expect(await local.over(await local.start("rekeyFleet", input))).toMatchObject({ status: "SUCCEEDED" });
      for (const deviceId of deviceIds) expect(local.simulator.devices.get(deviceId)?.history).toHaveLength(1);
    },
  );

  test("whose bucket is down for a while goes on, and no device has two codes", async () => {
    await begin();
    const deviceIds = local.simulator.devices.many(120);
    local.putObject("devices.csv", csvOf(deviceIds));
    const running = local.start("rekeyFleet", { run: "bucket", key: "devices.csv", callsPerMinute }).then(local.over);
    await vi.waitUntil(() => callsAtMs.length > 20, { timeout: 120_000 });
    await local.objects.down();
    await delay(3_000);
    await local.objects.up();
    expect(await running).toMatchObject({ status: "SUCCEEDED" });
    expect(linesOf("bucket").map(({ status }) => status)).toEqual(Array(120).fill("done"));
    for (const deviceId of deviceIds) expect([deviceId, codesOf(deviceId).size]).toEqual([deviceId, 1]);
  });

  test("beside another one keeps to one pace with it", async () => {
    await begin();
    const deviceIds = local.simulator.devices.many(120);
    local.putObject("first.csv", csvOf(deviceIds.slice(0, 60)));
    local.putObject("second.csv", csvOf(deviceIds.slice(60)));
    const runs = ["first", "second"].map((run) =>
      local.start("rekeyFleet", { run, key: `${run}.csv`, callsPerMinute }).then(local.over),
    );
    for (const ended of await Promise.all(runs)) expect(ended).toMatchObject({ status: "SUCCEEDED" });
    expect(local.simulator.application.throttled).toBe(0);
    expect([...linesOf("first"), ...linesOf("second")].map(({ status }) => status)).toEqual(Array(120).fill("done"));
  });

  test("whose first devices are not well stops before the others", async () => {
    await begin();
    const deviceIds = local.simulator.devices.many(20);
    local.putObject("devices.csv", csvOf(["nobody", ...deviceIds]));
    const input = { run: "canary", key: "devices.csv", callsPerMinute };
    expect(await local.over(await local.start("rekeyFleet", { ...input, canary: 3 }))).toMatchObject({
      ...{ status: "FAILED", error: "CanaryFailed" },
      cause: expect.stringContaining("Of the first 3 devices: 2 done, 1 failed, 0 waiting."),
    });
    expect(linesOf("canary").map(({ status }) => status)).toEqual([
      "failed",
      "done",
      "done",
      ...Array(18).fill(undefined),
    ]);
    expect(await local.over(await local.start("rekeyFleet", input))).toMatchObject({ status: "SUCCEEDED" });
    for (const deviceId of deviceIds) expect(local.simulator.devices.get(deviceId)?.history).toHaveLength(1);
  });
});
