import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runDefinition } from "../../local/step-functions/engine.ts";
import { definitionsIn } from "../../local/step-functions/part.ts";

const definitions = await definitionsIn(fileURLToPath(new URL("../../functions", import.meta.url)));
const again = (waitSeconds: number, leftSeconds: number) => ({ next: "again", waitSeconds, leftSeconds });
const over = { next: "over", waitSeconds: 0, leftSeconds: 0 };

/** Runs the workflow; each batch answers one after the other what is given, each round has the manifest that is. */
async function execute(rounds: readonly (readonly object[])[], answers: readonly object[]) {
  const left: unknown[] = [];
  const answersLeft = [...answers];
  const roundsLeft = [...rounds];
  const functions: Record<string, (event: unknown) => unknown> = {
    planFleet: () => ({
      ...{ input: { run: "r", dryRun: false }, execution: "waits", plan: { ok: true, batches: 1 } },
      state: { manifestKey: "m" },
    }),
    rekeyBatch: (event) => {
      left.push((event as { leftSeconds: unknown }).leftSeconds);
      return answersLeft.shift();
    },
    concludeRound: (event) => {
      if ((event as { stopped?: boolean }).stopped === true) return { error: "RunStopped", cause: "Somebody" };
      return { finished: roundsLeft.length === 0, waitSeconds: 3_600, manifestKey: "m" };
    },
  };
  const lambda = {
    invoke: async (name: string, event: unknown) => ({
      ...{ ok: true as const, result: functions[name]?.(event), requestId: "1" },
    }),
  };
  const running = runDefinition(
    definitions["rekey-local-rekeyFleet"] ?? {},
    { key: "k" },
    { Execution: { Name: "waits" } },
    { lambda, readObject: async () => JSON.stringify(roundsLeft.shift()), timeScale: 0.0001 },
    () => undefined,
  );
  return { ending: await running.ended, left };
}

test("a batch is told how long its round waits before it, then what it has left of that, and the next one waits no more", async () => {
  const round = [{ afterSeconds: 135 }, { afterSeconds: 0 }];
  const answers = [over, again(60, 75), again(60, 15), again(15, 0), over, again(15, 0), over];
  const { ending, left } = await execute([[{ afterSeconds: 0 }], round], answers);
  expect(ending.status).toBe("SUCCEEDED");
  expect(left).toEqual([0, 135, 75, 15, 0, 0, 0]);
});

test("a batch that is told to stop in a wait ends the execution, and its result is made", async () => {
  const { ending, left } = await execute([[{ afterSeconds: 3_600 }]], [again(60, 3_540), { ...over, next: "stop" }]);
  expect(ending).toMatchObject({ status: "FAILED", error: "RunStopped" });
  expect(left).toEqual([3_600, 3_540]);
});
