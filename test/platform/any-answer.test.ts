import { createSecretKey } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ErrorName, RekeyError } from "../../shared/errors.ts";
import type { DeviceKeyChange } from "../../shared/platform/calls.ts";
import { parseCredentials } from "../../shared/platform/credentials.ts";
import { createPlatform, type Platform } from "../../shared/platform/platform.ts";
import { type RefreshRequest, refreshDeviceKey } from "../../shared/platform/refresh.ts";
import { deadlineIn } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";
import { SimulatedStore } from "../simulation/store.ts";
import { SimulatedTime } from "../simulation/time.ts";

/** What one call meets: how long it takes, whether it acts, whether its answer arrives, and what happens behind it. */
interface Fate {
  readonly tookMs: number;
  readonly answer: "comes" | "lost" | "hangs" | "throttled" | "unreachable";
  readonly acts: boolean;
  /** The technician switches the new hardware on right after this call. */
  readonly thenOnline: boolean;
}

const wanted: RefreshRequest = { deviceId: "d", nodeId: "new", idempotencyKey: "ticket" };
const allowedMs = 15_000;
const credentials = {
  ...parseCredentials(JSON.stringify({ baseUrl: "http://127.0.0.1:1", appId: "a", secret: "s" }), "v"),
  codeKey: createSecretKey(Buffer.alloc(32, 1)),
};

/** A platform with one device, whose calls meet their fates one after the other, and go well when these are used up. */
function createDevice(fates: readonly Fate[], refusesOwnNodeId: boolean) {
  const time = new SimulatedTime();
  const clock = time.clock();
  const left = [...fates];
  const device = { nodeId: "old", code: "", online: false, changes: 0, told: [] as string[] };

  async function meet<Result>(act: () => Result, lost: ErrorName, limitMs: number): Promise<Result> {
    const { tookMs, answer, acts, thenOnline } = left.shift() ?? {
      ...{ tookMs: 20, answer: "comes", acts: true, thenOnline: false },
    };
    if (answer === "unreachable") throw new RekeyError("PlatformUnavailableError", "The platform cannot be reached");
    if (answer === "throttled")
      throw new RekeyError("PlatformThrottledError", "Throttled", { platformCode: "1010009" });
    await time.sleep(Math.min(tookMs, limitMs));
    const result = acts || answer === "comes" ? act() : undefined;
    if (thenOnline && device.nodeId === "new") device.online = true;
    if (answer === "comes" && tookMs <= limitMs && result !== undefined) return result;
    if (answer === "hangs") await time.sleep(Math.max(0, limitMs - tookMs));
    throw new RekeyError(lost, "No answer");
  }

  function change({ nodeId, verifyCode }: DeviceKeyChange) {
    if (device.online) throw new RekeyError("DeviceOnlineError", "Online", { platformCode: "100440" });
    if (refusesOwnNodeId && nodeId === device.nodeId) {
      throw new RekeyError("NodeIdTakenError", "Taken", { platformCode: "100426" });
    }
    device.nodeId = nodeId ?? device.nodeId;
    device.code = verifyCode ?? "made";
    device.told.push(`${device.nodeId} ${device.code}`);
    return { verifyCode: device.code, timeoutSeconds: 180 };
  }

  const real = createPlatform({
    secrets: createSecrets(new SimulatedStore(time, {}).client()),
    ...{ secretId: "application", sessionSecretId: "session", clock, log: createLog("SILENT") },
    metrics: createMetrics({ write: () => undefined, clock, stage: "test" }),
  });
  const platform: Platform = {
    ...real,
    authorize: (deadline) => ({
      credentials: async () => credentials,
      call: (request, limitMs = Number.POSITIVE_INFINITY) =>
        request({
          accessToken: "t",
          credentials,
          timeoutMs: Math.max(1, Math.min(limitMs, deadline.remaining() - 100)),
        }),
    }),
    calls: {
      ...real.calls,
      refreshDeviceKey: ({ timeoutMs }, _, wish) => {
        device.changes += 1;
        return meet(() => change(wish), "OutcomeUnknownError", timeoutMs);
      },
      deviceInfo: ({ timeoutMs }) =>
        meet(
          () => ({ nodeId: device.nodeId, status: device.online ? "ONLINE" : "OFFLINE" }),
          "PlatformUnavailableError",
          timeoutMs,
        ),
    },
  };
  const refresh = (request: RefreshRequest) =>
    refreshDeviceKey(request, { platform, clock, deadline: deadlineIn(allowedMs, clock) });
  return { time, device, refresh, left };
}

const fate = fc.record({
  tookMs: fc.oneof(fc.nat(500), fc.nat(12_000)),
  answer: fc.constantFrom<Fate["answer"][]>("comes", "lost", "lost", "hangs", "throttled", "unreachable"),
  acts: fc.boolean(),
  thenOnline: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const request = fc.constantFrom<RefreshRequest[]>(wanted, { ...wanted, expectedNodeId: "old" });

// Names that promise that nothing was changed.
const harmless = ["PlatformUnavailableError", "PlatformThrottledError", "DeviceOnlineError"];

test("whatever becomes of its calls, a refresh ends in time, in the wanted state or by a name that is true", () =>
  fc.assert(
    fc.asyncProperty(fc.array(fate, { maxLength: 8 }), request, fc.boolean(), async (fates, wish, refusesOwn) => {
      const { time, device, refresh } = createDevice(fates, refusesOwn);
      const outcome = await refresh(wish).catch((error: unknown) => error);
      expect(time.elapsedMs).toBeLessThanOrEqual(allowedMs);
      expect(device.changes).toBeLessThanOrEqual(5);
      // Nobody asked for another state than this one.
      expect(new Set(device.told).size).toBeLessThanOrEqual(1);
      if (outcome instanceof RekeyError) {
        expect([...harmless, "OutcomeUnknownError"]).toContain(outcome.name);
        if (harmless.includes(outcome.name)) expect(device.told).toEqual([]);
      } else {
        expect(outcome).toMatchObject({ verifyCode: device.code });
        expect(device.nodeId).toBe("new");
      }
    }),
    { numRuns: 500, interruptAfterTimeLimit: 20_000 },
  ));

test("and the same request again, once the platform is well, brings the code that the device has", () =>
  fc.assert(
    fc.asyncProperty(fc.array(fate, { maxLength: 8 }), fc.boolean(), async (fates, refusesOwn) => {
      const { device, refresh, left } = createDevice(fates, refusesOwn);
      await refresh({ ...wanted, expectedNodeId: "old" }).catch(() => undefined);
      const before = device.code;
      left.length = 0;
      const { verifyCode } = await refresh({ ...wanted, expectedNodeId: "old" });
      expect(verifyCode).toBe(device.code);
      if (before !== "") expect(verifyCode).toBe(before);
      expect(device.nodeId).toBe("new");
    }),
    { numRuns: 500, interruptAfterTimeLimit: 20_000 },
  ));
