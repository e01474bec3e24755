import { concludeRound } from "../../functions/concludeRound.ts";
import { planFleet } from "../../functions/planFleet.ts";
import { rekeyBatch } from "../../functions/rekeyBatch.ts";
import { RekeyError } from "../../shared/errors.ts";
import { Pacer } from "../../shared/fleet/pacer.ts";
import { type BatchEntry, openRun } from "../../shared/fleet/run-store.ts";
import type { CallContext } from "../../shared/platform/calls.ts";
import type { Platform } from "../../shared/platform/client.ts";
import type { Deadline } from "../../shared/runtime/clock.ts";
import { createMemoryStore } from "../fleet/memory-store.ts";
import { createDevice, type Fate } from "../platform/one-device.ts";
import { invocationBy, linesIn } from "./world.ts";

/** The platform's calls as the real ones are: each asks before it is sent. */
function asking(platform: Platform, pacer: Pacer): Platform {
  const ask = async ({ timeoutMs }: CallContext) => {
    if (!(await pacer.permit(timeoutMs / 2))) throw new RekeyError("PlatformThrottledError", "No call is free");
  };
  const { refreshDeviceKey, deviceInfo } = platform.calls;
  return {
    ...platform,
    calls: {
      ...platform.calls,
      refreshDeviceKey: async (context, ...rest) => {
        await ask(context);
        return refreshDeviceKey(context, ...rest);
      },
      deviceInfo: async (context, device) => {
        await ask(context);
        return deviceInfo(context, device);
      },
    },
  };
}

/** A fleet run over a bucket in memory and one device that all calls reach; its steps as the workflow takes them. */
export function openFleet(texts: Readonly<Record<string, string>> = {}, fates: readonly Fate[] = []) {
  const objects = createMemoryStore();
  for (const [key, text] of Object.entries(texts)) objects.texts.set(key, text);
  const world = createDevice(fates);
  const clock = world.time.clock();
  const { invocation, lines } = invocationBy(clock);
  const random = () => 0.5;
  const pacer = new Pacer(clock);
  let planned: Record<string, unknown> = {};
  const plan = async (input: unknown, execution = "june") => {
    const asked = planFleet.input.parse({ execution, input });
    const answer = planFleet.output.parse(await planFleet.run(asked, invocation, { objects, clock }));
    if ("input" in answer) planned = answer;
    return answer;
  };
  const jsonIn = (key: string) => JSON.parse(objects.texts.get(`runs/june/${key}`) ?? "null");
  const manifest = (): Promise<readonly BatchEntry[]> =>
    openRun("june", objects).readManifest(jsonIn("plan.json").manifestKey);
  const batch = async (changes: object = {}, at = 0) => {
    const item = (await manifest())[at];
    const input = { ...(planned["input"] as object), callsPerMinute: 600, ...changes };
    const asked = rekeyBatch.input.parse({ execution: planned["execution"], item, leftSeconds: 0, input });
    const dependencies = { platform: asking(world.platform, pacer), objects, clock, random, pacer };
    await openRun("june", objects).writeControl({ want: "run" });
    return rekeyBatch.output.parse(await rekeyBatch.run(asked, invocation, dependencies));
  };
  const conclude = async (changes: object = {}, more: object = {}) => {
    const asked = concludeRound.input.parse({
      ...{ execution: planned["execution"], manifestKey: jsonIn("plan.json")?.manifestKey ?? "" },
      ...{ input: { ...(planned["input"] as object), ...changes }, ...more },
    });
    const credentials = { get: (deadline: Deadline) => world.platform.authorize(deadline).credentials() };
    return concludeRound.output.parse(
      await concludeRound.run(asked, invocation, { objects, credentials, clock, random }),
    );
  };
  const linesOf = (key: string) => linesIn(objects.texts.get(`runs/june/${key}`));
  return {
    ...world,
    bucket: objects,
    texts: objects.texts,
    lines,
    plan,
    batch,
    conclude,
    manifest,
    jsonIn,
    linesOf,
    clock,
  };
}
