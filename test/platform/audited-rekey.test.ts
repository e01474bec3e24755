import { afterEach, expect, test } from "vitest";
import { auditedRekey } from "../../shared/platform/audited-rekey.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { createDevice } from "./one-device.ts";

const lines: string[] = [];
afterEach(() => lines.splice(0));

const request = { deviceId: "d", nodeId: "new", appId: "owner", idempotencyKey: "ticket" };

/** Refreshes for somebody, with the device behind a platform whose calls take 20 ms. */
function audited({ platform, time }: ReturnType<typeof createDevice>, changes: object = {}) {
  const clock = time.clock();
  return auditedRekey(
    { ...request, ...changes },
    {
      ...{ platform, clock, caller: "arn:someone", log: createLog("SILENT", (line) => lines.push(line)) },
      deadline: { remaining: () => 15_000 - time.elapsedMs },
    },
  );
}

const told = { level: "INFO", message: "Device key refresh", audit: true, ...request, caller: "arn:someone" };

test("who re-keyed what, how it ended and after how long is one line, whatever the log's level", async () => {
  const one = createDevice([]);
  await one.time.sleep(1_000);
  const { verifyCode } = await audited(one);
  expect(lines.map((line) => JSON.parse(line))).toEqual([{ ...told, outcome: "ok", durationMs: 20, replayed: false }]);
  expect(lines[0]).not.toContain(verifyCode);
});

test("a state that was found by reading back is told as such", async () => {
  const lost = { tookMs: 20, answer: "lost", acts: true, thenOnline: true } as const;
  expect(await audited(createDevice([lost]))).toMatchObject({ replayed: true });
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ outcome: "ok", replayed: true });
});

test("a refusal is told by its name and the platform's code", async () => {
  const device = createDevice([]);
  device.device.online = true;
  await expect(audited(device)).rejects.toMatchObject({ name: "DeviceOnlineError" });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { ...told, outcome: "DeviceOnlineError", durationMs: 20, platformCode: "100611" },
  ]);
});

test("a fault of our own is told, too, and thrown as it is", async () => {
  const device = createDevice([]);
  const broken = {
    ...device,
    platform: {
      ...device.platform,
      authorize: () => {
        throw new TypeError("broken");
      },
    },
  };
  await expect(audited(broken)).rejects.toThrow(new TypeError("broken"));
  expect(lines.map((line) => JSON.parse(line))).toEqual([{ ...told, outcome: "UnexpectedError", durationMs: 0 }]);
});
