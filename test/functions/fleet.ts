import type * as z from "zod/mini";
import { concludeRound } from "../../functions/concludeRound.ts";
import { planFleet } from "../../functions/planFleet.ts";
import { rekeyBatch } from "../../functions/rekeyBatch.ts";
import { createDevice, type Fate } from "../platform/one-device.ts";
import { bucketOf, invocationBy, linesIn } from "./world.ts";

/** A fleet run over a bucket in memory and one device that all calls reach; its steps as the workflow takes them. */
export function openFleet(texts: Readonly<Record<string, string>> = {}, fates: readonly Fate[] = []) {
  const { texts: stored, objects } = bucketOf(texts);
  const world = createDevice(fates);
  const clock = world.time.clock();
  const { invocation, lines } = invocationBy(clock);
  const plan = async (input: unknown, execution = "june") =>
    planFleet.output.parse(
      await planFleet.run(planFleet.input.parse({ execution, input }), invocation, { objects, clock }),
    );
  const batch = async (changes: object = {}) => {
    const sent = { tell: (_: number): void => undefined };
    const input = rekeyBatch.input.parse({
      ...{ run: "june", execution: "june", callsPerMinute: 600, includeCode: true, toleratedFailurePercentage: 20 },
      ...{ inKey: "runs/june/rounds/1/1.in.jsonl", outKey: "runs/june/rounds/1/1.out.jsonl", ...changes },
    });
    const dependencies = { platform: world.platform, objects, clock, sent };
    return rekeyBatch.output.parse(await rekeyBatch.run(input, invocation, dependencies));
  };
  const conclude = async (changes: Partial<z.infer<typeof concludeRound.input>> = {}, random = 0.5) => {
    const input = concludeRound.input.parse({ run: "june", execution: "june", limitSeconds: 86_400, ...changes });
    return concludeRound.output.parse(
      await concludeRound.run(input, invocation, { objects, clock, random: () => random }),
    );
  };
  const jsonIn = (key: string) => JSON.parse(stored.get(`runs/june/${key}`) ?? "null");
  const linesOf = (key: string) => linesIn(stored.get(`runs/june/${key}`));
  return { ...world, texts: stored, lines, plan, batch, conclude, jsonIn, linesOf, clock };
}
