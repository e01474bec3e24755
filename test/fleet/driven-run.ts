import { createSecretKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { RekeyError } from "../../shared/errors.ts";
import { workOff } from "../../shared/fleet/batch.ts";
import type { FleetLine } from "../../shared/fleet/lines.ts";
import { Pacer } from "../../shared/fleet/pacer.ts";
import { createTurns } from "../../shared/fleet/turns.ts";
import { codeKeyIdOf, deriveVerificationCode } from "../../shared/platform/verification-code.ts";
import { createRun } from "./whole-run.ts";

interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly IntervalSeconds: number;
  readonly BackoffRate: number;
  readonly MaxAttempts: number;
  readonly MaxDelaySeconds: number;
}

const definition = JSON.parse(
  readFileSync(new URL("../../functions/rekeyFleet.asl.json", import.meta.url), "utf8"),
) as { States: { Round: { ItemProcessor: { States: { Batch: { Retry: Retrier[] } } } } } };
const { Retry: retriers } = definition.States.Round.ItemProcessor.States.Batch;

const appId = "app";
const codeKey = createSecretKey(Buffer.alloc(32, "a key of codes"));

/** How a run is driven. */
export interface Drive {
  readonly limitSeconds?: number;
  readonly toleratedFailurePercentage?: number;
}

/**
 * A run from its plan to its result in simulated time, driven as the workflow drives it: batch after batch, its pauses
 * waited for, an error repeated as the definition's own Retry says (each pause drawn as long as it can be), round after
 * round. The platform is one in memory, which counts calls and keeps every code that a device was armed with.
 */
export function createDrivenRun(callsPerMinute: number) {
  const run = createRun();
  const { time, clock, objects, store } = run;
  const codeOf = ({ deviceId, nodeId }: Pick<FleetLine, "deviceId" | "nodeId">) =>
    deriveVerificationCode(codeKey, { appId, deviceId, nodeId, idempotencyKey: store.run });
  const platform = {
    isDown: false,
    calls: [] as { readonly deviceId: string; readonly atMs: number }[],
    codes: new Map<string, Set<string>>(),
    isOnline: (_deviceId: string) => false,
  };
  const pacer = new Pacer(clock);
  const rekey = async (line: FleetLine) => {
    const { deviceId } = line;
    if (!(await pacer.permit(5_000))) throw new RekeyError("PlatformThrottledError", "No call is free");
    platform.calls.push({ deviceId, atMs: time.elapsedMs });
    await time.sleep(200);
    if (platform.isDown) throw new RekeyError("PlatformUnavailableError", "The platform is down");
    if (platform.isOnline(deviceId)) throw new RekeyError("DeviceOnlineError", "The device is online");
    const codes = platform.codes.get(deviceId) ?? new Set();
    platform.codes.set(deviceId, codes.add(codeOf(line)));
    return { expiresAtMs: null, replayed: false, codeKeyId: codeKeyIdOf(codeKey, appId) };
  };

  async function repeated<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        const name = error instanceof Error ? error.name : "";
        const retrier = retriers.find(({ ErrorEquals }) => ErrorEquals.includes(name));
        if (retrier === undefined || attempt >= retrier.MaxAttempts) throw error;
        const { IntervalSeconds, BackoffRate, MaxDelaySeconds } = retrier;
        await time.sleep(1_000 * Math.min(MaxDelaySeconds, IntervalSeconds * BackoffRate ** attempt));
      }
    }
  }

  async function workRound(toleratedFailurePercentage: number): Promise<boolean> {
    const { manifestKey = "" } = (await repeated(() => store.readPlan())) ?? {};
    const turns = createTurns(objects, store.run, `${store.run}/${run.execution()}`, clock);
    for (const entry of await repeated(() => store.readManifest(manifestKey))) {
      const batch = {
        ...{ ...entry, hasCanary: false, execution: run.execution(), callsPerMinute, toleratedFailurePercentage },
      };
      for (let leftSeconds = entry.afterSeconds; ; ) {
        const { next, waitSeconds, ...left } = await repeated(() =>
          workOff({ ...batch, leftSeconds }, { store, pacer, turns, clock, random: () => 0.5, rekey }),
        );
        if (next === "stop") return false;
        if (next === "over") break;
        await time.sleep(waitSeconds * 1_000);
        leftSeconds = left.leftSeconds;
      }
    }
    return true;
  }

  /** Starts the run with these lines. @returns what its execution ends with */
  async function drive(lines: readonly string[], { limitSeconds = 86_400, ...given }: Drive = {}) {
    const toleratedFailurePercentage = given.toleratedFailurePercentage ?? 20;
    const { counts } = await run.plan(lines, { callsPerMinute });
    for (;;) {
      const stopped = !(await workRound(toleratedFailurePercentage));
      const limits = { limitSeconds, toleratedFailurePercentage };
      const concluded = await repeated(() => run.end({ ...limits, stopped }, codeOf));
      if (concluded.state !== "running") return { ...concluded, counts };
    }
  }

  return { ...run, platform, codeOf, drive };
}
