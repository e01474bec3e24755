import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createFleetView } from "../../tools/fleet-view.ts";
import { startWorkflowSystem, type WorkflowSystem } from "../workflows/system.ts";
import { linesOf, startFleet } from "./fleet-process.ts";

describe("the view", () => {
  const startedAtMs = Date.UTC(2026, 0, 1);
  const progress = {
    ...{
      run: "r",
      generation: 1,
      total: 1_000,
      done: 0,
      failed: 0,
      waiting: 0,
      errors: {},
      round: 1,
      callsPerMinute: 95,
    },
    ...{ before: { done: 0, failed: 0, waiting: 0, errors: {} }, batches: [] },
    ...{ startedAtMs, updatedAtMs: startedAtMs, finished: false },
  };
  const later = (seconds: number, changes: object) => ({
    ...{ ...progress, updatedAtMs: startedAtMs + seconds * 1_000 },
    ...changes,
  });

  test("tells the pace of the last minute and when it will be over", () => {
    const view = createFleetView();
    view.line(progress, startedAtMs);
    expect(view.line(later(60, { done: 90, failed: 3, waiting: 2 }), startedAtMs + 60_000)).toBe(
      "90 done, 3 failed, 2 waiting of 1000 (9 %), 95 a minute, over at 2026-01-01 00:10 UTC, but for those that wait",
    );
  });

  test("promises no end where only waiting devices are left", () => {
    expect(createFleetView().line(later(9, { done: 998, waiting: 2 }), startedAtMs)).toContain(
      "the rest is tried again",
    );
  });

  test("promises nothing in an outage, and says when it is tried again", () => {
    const stopped = { error: "PlatformUnavailableError", cause: "Down", tries: 2, nextTryAtMs: startedAtMs + 90_000 };
    const line = createFleetView(true).line(later(60, { done: 500, stopped }), startedAtMs + 60_000);
    expect(line).toBe(
      "[##########..........] 500 done, 0 failed, 0 waiting of 1000 (50 %), waits: PlatformUnavailableError, tried again in 30 s",
    );
  });

  test("does not reckon with what it has not seen", () => {
    expect(createFleetView().line(progress, startedAtMs)).toContain("pace not known yet");
  });
});

describe("npm run fleet", () => {
  let local: WorkflowSystem;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "rekey-fleet-"));
    local = await startWorkflowSystem(0.01, { quota: { calls: 10_000, windowMs: 60_000 } });
  });
  afterEach(async () => {
    await local.close();
    await rm(folder, { recursive: true });
  });

  const path = (name: string) => join(folder, name);
  const here = () => ({ workflows: local.workflows.url, objects: local.objects.url });
  const fleet = (...args: string[]) => startFleet(here(), ...args).ended;
  const linesIn = (name: string) => linesOf(path(name));

  test("re-keys a fleet, leaves its result beside the input, and goes on with it when what failed was corrected", async () => {
    const deviceIds = local.simulator.devices.many(40);
    await writeFile(path("devices.csv"), `deviceId\n${deviceIds.join("\n")}\nnobody\n`);
    const { code, said } = await fleet(path("devices.csv"), "--calls-per-minute=2000", "--include-code");
    expect([code, said]).toEqual([
      0,
      expect.stringContaining("40 done, 1 failed (DeviceNotFoundError 2.4 %), 0 waiting of 41"),
    ]);
    expect(said).toContain("DeviceNotFoundError: 1, such as line 42");
    const lines = await linesIn("devices.csv.result.jsonl");
    expect(lines).toHaveLength(41);
    const verifyCode = local.simulator.devices.get("fleet-1")?.verifyCode;
    expect(lines[0]).toMatchObject({ deviceId: "fleet-1", status: "done", verifyCode });
    expect(await readFile(path("devices.csv.failed.csv"), "utf8")).toMatch(
      /"nobody","","","","","","DeviceNotFoundError"/,
    );

    // The corrected file has another name, and is the same run.
    local.simulator.devices.set("somebody");
    await writeFile(path("corrected.csv"), `deviceId\nsomebody\n${deviceIds.join("\n")}\n`);
    const dry = await fleet(path("corrected.csv"), "--dry-run");
    expect(dry.said).toContain("Its lines: 40 done, 1 new, 0 changed, 0 tried before");
    expect(dry.said).toContain("1 line of the run is not in this input");
    expect(dry.said).toMatch(/1 to be done: 1 minute, less than a cent; nothing was sent/);
    const calls = local.simulator.counters.requests.refreshDeviceKey;
    const again = await fleet(path("corrected.csv"), "--calls-per-minute=2000", "--include-code");
    expect(again.code).toBe(0);
    // At the beginning, and beside the result.
    expect(again.said.match(/1 line of the run is not in this input/g)).toHaveLength(2);
    expect(again.said).toContain("41 lines: 41 done, 0 failed, 0 waiting, 0 not tried");
    expect(local.simulator.counters.requests.refreshDeviceKey - calls).toBe(1);
    expect((await linesIn("corrected.csv.result.jsonl"))[1]).toMatchObject({ deviceId: "fleet-1", verifyCode });
  });

  test("pauses, tells and goes on by its verbs", async () => {
    const deviceIds = local.simulator.devices.many(600);
    await writeFile(path("devices.csv"), `deviceId\n${deviceIds.join("\n")}\n`);
    // Slow enough for verbs that take seconds to start on a busy machine.
    const following = fleet(path("devices.csv"), "--calls-per-minute=180", "--run=june");
    const changed = () => local.simulator.counters.requests.refreshDeviceKey;
    await vi.waitUntil(() => changed() > 20, { timeout: 120_000 });
    expect(await fleet("pace", "june", "240")).toMatchObject({ code: 0 });
    expect(await fleet("pause", "june")).toMatchObject({ code: 0 });
    expect(await following).toMatchObject({ code: 4, said: expect.stringContaining("RunPaused") });
    const before = changed();
    expect(await fleet("status", "june")).toMatchObject({ code: 0, said: expect.stringContaining("of 600") });
    expect(await fleet("stop", "june")).toMatchObject({ code: 2, said: expect.stringContaining("is not under way") });
    expect(changed()).toBe(before);
    const out = path("rest.jsonl");
    expect(await fleet("resume", "june", "--calls-per-minute=9000", "--out", out)).toMatchObject({ code: 0 });
    expect(changed()).toBe(600);
    expect(await linesIn("rest.jsonl")).toHaveLength(600);
  });

  test("lists every fault with its line and column and sends nothing", async () => {
    await writeFile(path("devices.csv"), "deviceId,nodeId\na/b,1\nok,8.63704E+14\n,2\n");
    const { code, said } = await fleet(path("devices.csv"));
    expect(code).toBe(1);
    expect(said.match(/devices\.csv:[234] \((deviceId|nodeId)\): /g)).toHaveLength(3);
    expect(local.workflows.executions.size + local.objects.objects.size).toBe(0);
  });

  test("writes nodeIds as IMEIs where that is wanted, each on its own line, and refuses what is none", async () => {
    const [one = "", other = ""] = local.simulator.devices.many(2);
    await writeFile(
      path("good.csv"),
      `deviceId,nodeId\n${one},86 000000 000001 5\n\n${other},urn:imei:860000000000023\n`,
    );
    expect(await fleet(path("good.csv"), "--imei=urn")).toMatchObject({ code: 0 });
    expect((await linesIn("good.csv.result.jsonl")).map(({ line, nodeId }) => [line, nodeId])).toEqual([
      [2, "urn:imei:860000000000015"],
      [4, "urn:imei:860000000000023"],
    ]);
    await writeFile(path("bad.csv"), "deviceId,nodeId\nd-1,12345\n");
    expect(await fleet(path("bad.csv"), "--imei=bare")).toMatchObject({
      code: 1,
      said: expect.stringContaining("bad.csv:2 (nodeId)"),
    });
  });

  test.each([
    [["devices.csv", "--limit=soon"], "--limit must be a number"],
    [["nowhere.csv"], "There is no file nowhere.csv"],
    [["folder"], "folder is a folder"],
    [["/dev/stdin"], "/dev/stdin can be read once only"],
    [["devices.csv", "--out=nowhere/result"], "There is no folder nowhere"],
    [["devices.csv", "--out=folder"], "folder is no file: the result cannot go there"],
    [["devices.csv", "--out=folder/../devices.csv"], "The result would replace the input devices.csv"],
    [["broken.failed.csv", "--out=broken.result.jsonl"], "The result would replace the input broken.failed.csv"],
    [["resume", "nobodys", "--dry-run"], "resume takes no --dry-run"],
    [["status", "nobodys"], "There is no run nobodys"],
    [["resume", "nobodys"], "There is no run nobodys"],
  ])("told %j says what is wrong, and nothing else", async (args, words) => {
    await mkdir(path("folder"));
    for (const name of ["devices.csv", "broken.failed.csv"]) await writeFile(path(name), "deviceId\nd-1\n");
    const { code, said } = await startFleet({ ...here(), folder }, ...args).ended;
    expect([code, said]).toEqual([2, expect.stringMatching(new RegExp(`^${words}`))]);
    expect(said).not.toMatch(/\n {4}at /);
    expect(local.workflows.executions.size + local.objects.objects.size).toBe(0);
  });

  test("ends without a word of its own when nobody reads it any more", async () => {
    await writeFile(path("devices.csv"), `deviceId\n${"a/b\n".repeat(50_000)}`);
    const { ended, stop } = startFleet(here(), path("devices.csv"));
    stop();
    expect(await ended).toMatchObject({ code: 1 });
  });

  test("explains itself", async () => {
    expect(await fleet("--help")).toMatchObject({ code: 0, said: expect.stringContaining("Exit code: 0 done") });
  });
});
