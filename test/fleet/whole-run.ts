import { conclude } from "../../shared/fleet/concluding.ts";
import type { CodeOf, FleetLine, ResultLine } from "../../shared/fleet/lines.ts";
import { judgeInput, type PlanInput, planGeneration } from "../../shared/fleet/planning.ts";
import { openRun } from "../../shared/fleet/run-store.ts";
import { SimulatedTime } from "../simulation/time.ts";
import { createMemoryStore } from "./memory-store.ts";

/** A run's plan and conclusions over a bucket in memory; what becomes of a device the test decides. */
export function createRun(run = "june") {
  const time = new SimulatedTime();
  const clock = time.clock();
  const objects = createMemoryStore();
  const store = openRun(run, objects);
  const inputOf = (changes: Partial<PlanInput> = {}): PlanInput => ({
    ...{ run, key: "devices.csv", callsPerMinute: 1, timeout: 600, code: "derived", canary: 0, ...changes },
  });
  let executions = 0;
  const execution = () => `execution-${executions}`;

  /** Plans a generation of the run out of a CSV's lines. */
  const plan = async (lines: readonly string[], changes: Partial<PlanInput> = {}) => {
    executions += 1;
    objects.texts.set("devices.csv", `${lines.join("\n")}\n`);
    const dependencies = { objects, store, clock };
    const input = inputOf(changes);
    return planGeneration(input, await judgeInput(input, dependencies), execution(), dependencies);
  };

  /** Works off the round that is under way; the answer for a device is what its line becomes, undefined: not reached. */
  const work = async (decide: (line: FleetLine) => Partial<FleetLine> | undefined) => {
    const { manifestKey = "" } = (await store.readPlan()) ?? {};
    const asked: string[] = [];
    for (const { inKey, outKey } of await store.readManifest(manifestKey)) {
      const lines: FleetLine[] = [];
      for (const line of await store.readLines(inKey)) {
        asked.push(line.deviceId);
        const news = decide(line);
        if (news !== undefined) lines.push({ ...line, at: new Date(clock.now()).toISOString(), ...news });
      }
      await store.writeLines(outKey, lines);
    }
    return asked;
  };

  const end = async (changes: Partial<Parameters<typeof conclude>[0]> = {}, codeOf?: CodeOf) => {
    const { manifestKey = "" } = (await store.readPlan()) ?? {};
    return conclude(
      {
        ...{ execution: execution(), manifestKey, limitSeconds: 3_600, toleratedFailurePercentage: 100 },
        ...{ stopped: false, ...changes },
      },
      { store, clock, random: () => 0.5, codeOf },
    );
  };

  const result = () =>
    (objects.texts.get(store.resultKey) ?? "")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as ResultLine);

  return { time, clock, objects, store, plan, work, end, result, inputOf, execution };
}

export const done = (line: FleetLine): Partial<FleetLine> => ({
  ...{ status: "done", expiresAt: "2026-02-01T00:00:00.000Z", replayed: false, codeKeyId: "0a0b0c0d" },
  ...{ detail: undefined, line: line.line },
});
