import { createSecretKey } from "node:crypto";
import { type ErrorName, RekeyError } from "../../shared/errors.ts";
import type { DeviceKeyChange } from "../../shared/platform/calls.ts";
import { createPlatform, type Platform } from "../../shared/platform/client.ts";
import { parseCredentials } from "../../shared/platform/credentials.ts";
import { type RekeyRequest, rekeyDevice } from "../../shared/platform/rekey.ts";
import { deadlineIn } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";
import { SimulatedStore } from "../simulation/store.ts";
import { SimulatedTime } from "../simulation/time.ts";

/** What one call meets: how long it takes, whether it acts, whether its answer arrives, and what happens behind it. */
export interface Fate {
  readonly tookMs: number;
  readonly answer: "comes" | "lost" | "hangs" | "throttled" | "unreachable";
  readonly acts: boolean;
  /** The technician switches the new hardware on right after this call. */
  readonly thenOnline: boolean;
}

const credentials = {
  ...parseCredentials(JSON.stringify({ baseUrl: "http://127.0.0.1:1", appId: "a", secret: "s" }), "v"),
  codeKey: createSecretKey(Buffer.alloc(32, 1)),
};

/** A platform with one device, whose calls meet their fates one after the other, and go well when these are used up. */
export function createDevice(fates: readonly Fate[], refusesOwnNodeId = false) {
  const time = new SimulatedTime();
  const clock = time.clock();
  const left = [...fates];
  const device = { nodeId: "old", code: "", online: false, timeout: 180 as number | undefined, told: [] as string[] };
  /** What was called, when, and how long it might have taken, in milliseconds. */
  const calls: { readonly name: "change" | "read"; readonly atMs: number; readonly limitMs: number }[] = [];

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
    if (device.online) throw new RekeyError("DeviceOnlineError", "Online", { platformCode: "100611" });
    if (refusesOwnNodeId && nodeId === device.nodeId) {
      throw new RekeyError("NodeIdTakenError", "Taken", { platformCode: "100426" });
    }
    device.nodeId = nodeId ?? device.nodeId;
    device.code = verifyCode ?? "made";
    device.told.push(`${device.nodeId} ${device.code}`);
    return { verifyCode: device.code, timeoutSeconds: device.timeout };
  }

  const real = createPlatform({
    secrets: createSecrets(new SimulatedStore(time, {}).client()),
    ...{ secretId: "application", sessionSecretId: "session", clock, log: createLog("SILENT") },
    metrics: createMetrics({ write: () => undefined, clock, stage: "test" }),
  });
  const platform: { -readonly [Name in keyof Platform]: Platform[Name] } = {
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
        calls.push({ name: "change", atMs: time.elapsedMs, limitMs: timeoutMs });
        return meet(() => change(wish), "OutcomeUnknownError", timeoutMs);
      },
      deviceInfo: ({ timeoutMs }) => {
        calls.push({ name: "read", atMs: time.elapsedMs, limitMs: timeoutMs });
        const look = () => ({ nodeId: device.nodeId, status: device.online ? "ONLINE" : "OFFLINE" });
        return meet(look, "PlatformUnavailableError", timeoutMs);
      },
    },
  };
  const refresh = (request: RekeyRequest, allowedMs = 15_000) =>
    rekeyDevice(request, { platform, clock, deadline: deadlineIn(allowedMs, clock) });
  return { time, device, platform, calls, refresh, left };
}
