import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFleetView } from "../../tools/fleet-view.ts";
import { startWorkflowSystem, type WorkflowSystem } from "../workflows/system.ts";

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

  async function fleet(...args: string[]): Promise<{ code: unknown; said: string }> {
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL("../../tools/fleet.ts", import.meta.url)), join(folder, "devices.csv"), ...args],
      { env: { ...process.env, AWS_ENDPOINT_URL_SFN: local.workflows.url, AWS_ENDPOINT_URL_S3: local.objects.url } },
    );
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (said = said.concat(String(chunk))));
    const [code] = await once(child, "close");
    return { code, said };
  }

  test("re-keys a fleet, shows how far it is and leaves the result beside the input", async () => {
    const deviceIds = local.simulator.devices.many(40);
    await writeFile(join(folder, "devices.csv"), `deviceId\n${deviceIds.join("\n")}\nnobody\n`);
    const { code, said } = await fleet("--calls-per-minute=2000", "--include-code");
    expect([code, said]).toEqual([0, expect.stringContaining("40 done, 1 failed, 0 waiting of 41 (100 %)")]);
    expect(said).toContain("DeviceNotFoundError: 1, such as nobody (line 42)");
    const lines = (await readFile(join(folder, "devices.csv.result.jsonl"), "utf8")).trim().split("\n");
    expect(lines).toHaveLength(41);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      ...{ deviceId: "fleet-1", status: "done" },
      verifyCode: local.simulator.devices.get("fleet-1")?.verifyCode,
    });
  });

  test("lists every fault with its line and sends nothing", async () => {
    await writeFile(join(folder, "devices.csv"), "deviceId,nodeId\na/b,1\nok,1\n,2\n");
    const { code, said } = await fleet();
    expect(code).toBe(1);
    expect(said.match(/devices\.csv:[234]: /g)).toHaveLength(3);
    expect(local.workflows.executions.size + local.objects.objects.size).toBe(0);
  });
});
