import {
  type PlatformSimulator,
  type SimulatorOptions,
  startPlatformSimulator,
} from "../../local/platform-simulator/simulator.ts";
import { startSecretsEndpoint } from "../../local/secrets-endpoint/server.ts";
import { createPlatform } from "../../shared/platform/client.ts";
import { type RekeyRequest, rekeyDevice } from "../../shared/platform/rekey.ts";
import type { Permission } from "../../shared/platform/transport.ts";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";
import { clientOf } from "../local/secrets-endpoint/client.ts";

/** One sandbox's platform in the test's own process, and the simulator behind it. */
export interface OneSandbox {
  readonly simulator: PlatformSimulator;
  refresh(request: Partial<RekeyRequest>, milliseconds?: number): ReturnType<typeof rekeyDevice>;
  /** Requests for device-1 since the last call, `change` and `read`. */
  calls(): string;
  /** The states that device-1 was brought to. */
  history(): { nodeId: string; verifyCode: string }[];
  close(): Promise<void>;
}

/** Opens it against the simulator over TLS, with a token already there. */
export async function openSandbox(options: SimulatorOptions = {}, permission?: Permission): Promise<OneSandbox> {
  const simulator = await startPlatformSimulator({ quota: { calls: 10_000, windowMs: 60_000 }, ...options });
  const secret = JSON.stringify(simulator.applicationSecret());
  const store = await startSecretsEndpoint({ secrets: { application: secret, session: null } });
  const metrics = createMetrics({ write: () => undefined, clock: systemClock, stage: "test" });
  const log = createLog("SILENT");
  const ids = { secretId: "application", sessionSecretId: "session" };
  const platform = createPlatform({
    secrets: createSecrets(clientOf(store)),
    ...ids,
    clock: systemClock,
    log,
    metrics,
    ...(permission === undefined ? {} : { permission }),
  });
  await platform.session.token(deadlineIn(10_000, systemClock));
  let seen = { change: 0, read: 0 };
  return {
    simulator,
    refresh: (request, milliseconds = 15_000) =>
      rekeyDevice(
        { deviceId: "device-1", ...request },
        { platform, clock: systemClock, deadline: deadlineIn(milliseconds, systemClock) },
      ),
    calls: () => {
      const { refreshDeviceKey: change, deviceInfo: read } = simulator.counters.requests;
      const text = `${change - seen.change} changes, ${read - seen.read} reads`;
      seen = { change, read };
      return text;
    },
    history: () =>
      (simulator.devices.get("device-1")?.history ?? []).map(({ nodeId, verifyCode }) => ({ nodeId, verifyCode })),
    close: async () => {
      await Promise.all([simulator.close(), store.close()]);
    },
  };
}
