import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { decideNextStep } from "../../functions/decideNextStep.ts";
import { runDefinition } from "../../local/step-functions/engine.ts";
import { definitionsIn } from "../../local/step-functions/part.ts";
import { transientErrors } from "../../shared/patience.ts";
import { invocation } from "./invocation.ts";

const definitions = await definitionsIn(fileURLToPath(new URL("../../functions", import.meta.url)));

/** Runs a workflow over these functions; the first `failures` invocations of one of them end as Lambda says. */
async function execute(
  workflow: string,
  input: object,
  functions: Readonly<Record<string, (event: unknown) => unknown>>,
  broken: { readonly name: string; readonly error: string; readonly failures: number },
) {
  const invoked: string[] = [];
  const lambda = {
    invoke: async (name: string, event: unknown) => {
      invoked.push(name);
      if (name === broken.name && invoked.filter((one) => one === name).length <= broken.failures) {
        return { ok: false as const, error: { errorType: broken.error, errorMessage: "" }, requestId: "1" };
      }
      return { ok: true as const, result: await functions[name]?.(event), requestId: "1" };
    },
  };
  const running = runDefinition(
    definitions[`rekey-local-${workflow}`] ?? {},
    input,
    { Execution: { Name: "hiccup" } },
    { lambda, readObject: async () => '[{"inKey":"in","outKey":"out","afterSeconds":0}]', timeScale: 0.0001 },
    () => undefined,
  );
  return { ending: await running.ended, invoked };
}

describe("a ticket's re-key ends well, though", () => {
  const told: unknown[] = [];
  const functions = {
    decideNextStep: async (event: unknown) =>
      decideNextStep.run(decideNextStep.input.parse(event), invocation, { random: () => 0.5 }),
    refreshDeviceKey: () => ({ deviceId: "d", timeout: 180, expiresAt: null, replayed: false }),
    writeTicketNote: (event: unknown) => void told.push(event),
  };
  const input = { deviceId: "d", ticket: { source: "desk", ticketId: "1", operationId: "desk-1" } };

  describe.each(Object.keys(functions))("%s at first ends with", (name) => {
    test.each(transientErrors.map((error) => [error]))("%s", async (error) => {
      told.length = 0;
      const { ending, invoked } = await execute("rekeyDevice", input, functions, { name, error, failures: 1 });
      expect(ending).toEqual({ status: "SUCCEEDED", output: functions.refreshDeviceKey() });
      expect(told).toMatchObject([{ outcome: { ok: true } }]);
      expect(invoked.filter((one) => one === name)).toHaveLength(name === "decideNextStep" ? 3 : 2);
    });
  });

  test.each(transientErrors.map((error) => [error]))(
    "refreshDeviceKey ends with %s more often than Step Functions repeats it",
    async (error) => {
      const broken = { name: "refreshDeviceKey", error, failures: 11 };
      const { ending, invoked } = await execute("rekeyDevice", input, functions, broken);
      expect(ending.status).toBe("SUCCEEDED");
      expect(invoked.filter((one) => one === "refreshDeviceKey")).toHaveLength(12);
    },
  );

  test("where writeTicketNote never works, for the note's own alarm tells", async () => {
    const broken = { name: "writeTicketNote", error: "NoteFailedError", failures: 100 };
    const { ending } = await execute("rekeyDevice", input, functions, broken);
    expect(ending.status).toBe("SUCCEEDED");
  });
});

test("an execution that cannot decide fails with the error and in our words", async () => {
  const broken = { name: "decideNextStep", error: "TypeError", failures: 100 };
  const { ending } = await execute("rekeyDevice", { deviceId: "d" }, {}, broken);
  expect(ending).toMatchObject({ status: "FAILED", error: "TypeError" });
  expect(ending).toMatchObject({ cause: expect.stringContaining("decideNextStep does not answer") as string });
});

describe("a fleet's run goes on, though", () => {
  const limit = { limitSeconds: 60 };
  const functions = {
    planFleet: () => ({
      input: {
        run: "r",
        dryRun: false,
        callsPerMinute: 95,
        includeCode: false,
        toleratedFailurePercentage: 0,
        ...limit,
      },
      ...{ execution: "hiccup", plan: { ok: true, batches: 1 }, state: { manifestKey: "m" } },
    }),
    rekeyBatch: () => ({ done: 1, failed: 0, waiting: 0, next: "over", waitSeconds: 0, leftSeconds: 0 }),
    concludeRound: () => ({ finished: true, waitSeconds: 0 }),
  };

  describe.each(Object.keys(functions))("%s at first ends with", (name) => {
    test.each(transientErrors.map((error) => [error]))("%s", async (error) => {
      const { ending } = await execute("rekeyFleet", { key: "k" }, functions, { name, error, failures: 1 });
      expect(ending.status).toBe("SUCCEEDED");
    });
  });
});
