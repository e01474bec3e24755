import { beforeEach, describe, expect, test } from "vitest";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import type { Execution, Workflow } from "../../shared/runtime/workflow.ts";
import type { OperationNames } from "../../shared/webhook/operation.ts";
import { startOnce } from "../../shared/webhook/start.ts";

const startMs = Date.parse("2026-11-25T20:00:00Z");
let nowMs: number;
let executions: Map<string, Execution>;
/** Whether the service tells of executions. */
let tells: boolean;
let asked: string[];
let lines: string[];
const log = createLog("INFO", (line) => lines.push(line));

beforeEach(() => {
  nowMs = startMs;
  executions = new Map();
  tells = true;
  asked = [];
  lines = [];
});

const workflow: Workflow = {
  async start(name, input) {
    asked.push(`start ${name}`);
    if (executions.has(name)) return false;
    executions.set(name, { input, endedAtMs: nowMs, hasSucceeded: true });
    return true;
  },
  async find(name) {
    asked.push(`find ${name}`);
    const execution = tells ? executions.get(name) : undefined;
    if (execution === undefined) throw new Error("No such execution");
    return execution;
  },
};

const start = (names: OperationNames, suffix?: string) =>
  startOnce(
    names,
    (operationId) => ({ ticket: { operationId, tryOf: names.tryOf } }),
    { workflow, deadline: deadlineIn(1_000, systemClock), clock: { ...systemClock, now: () => nowMs }, log },
    suffix,
  );
const none = { tryOf: undefined, laterOne: undefined };

describe("an operation that signed bytes name alone", () => {
  const names = { ...none, operationId: "a-1", idempotencyKey: "a-1" };

  test("is started once, and its repeats ask for nothing more", async () => {
    expect([await start(names), await start(names)]).toEqual(["a-1", "a-1"]);
    expect(asked).toEqual(["start a-1", "start a-1"]);
    expect([...executions.keys()]).toEqual(["a-1"]);
  });

  test("is not what is told beside it", async () => {
    await start(names, "-faulty");
    await start(names);
    expect([...executions.keys()]).toEqual(["a-1-faulty", "a-1"]);
  });
});

describe("one of a sender that signs the time of each try", () => {
  const first = { ...none, operationId: "a-1", idempotencyKey: "a-0", tryOf: "x" };

  test("is one for the same signed time, under whatever id", async () => {
    await start(first);
    for (const tryOf of ["y", "z", "x"]) expect(await start({ ...first, tryOf })).toBe("a-1");
    expect(executions.size).toBe(1);
  });

  test("is one for the same id of the sender's, whenever signed", async () => {
    await start(first);
    for (const operationId of ["a-2", "a-3"]) expect(await start({ ...first, operationId })).toBe("a-1");
    expect(executions.size).toBe(1);
  });

  test("is another one where both differ, and then that one for its own repeats", async () => {
    await start(first);
    const second = { ...first, operationId: "a-2", tryOf: "y" };
    expect([await start(second), await start(second), await start({ ...second, tryOf: "z" })]).toEqual([
      ...["a-2", "a-2", "a-2"],
    ]);
    expect([...executions.keys()]).toEqual(["a-0", "a-2"]);
  });

  test("is named by its signed time where nobody tells what was started before", async () => {
    await start(first);
    tells = false;
    expect(await start({ ...first, operationId: "a-2" })).toBe("a-2");
    expect(executions.size).toBe(2);
    expect(lines).toEqual([expect.stringContaining('"cause":"Error: No such execution"')]);
  });

  test.each(["ticket", "delivery"])("is one where what was started before names it as its %s", async (field) => {
    const { operationId, tryOf } = first;
    executions.set("a-0", { input: { [field]: { operationId, tryOf } }, endedAtMs: nowMs, hasSucceeded: true });
    expect([await start({ ...first, tryOf: "y" }), await start({ ...first, operationId: "a-2" })]).toEqual([
      ...["a-1", "a-1"],
    ]);
    expect(executions.size).toBe(1);
  });

  test("is another one where somebody else started what was there before", async () => {
    executions.set("a-0", { input: { deviceId: "d" }, endedAtMs: nowMs, hasSucceeded: true });
    expect(await start(first)).toBe("a-1");
  });
});

describe("one of a sender that signs nothing", () => {
  const names = { ...none, operationId: "a-1", idempotencyKey: "a-1", laterOne: (times: number) => `a-1-${times}` };

  const first = (execution: Partial<Execution>) =>
    executions.set("a-1", { input: {}, endedAtMs: startMs, hasSucceeded: true, ...execution });
  const askedAfter = async (seconds: number) => {
    nowMs = startMs + seconds * 1000;
    return start(names);
  };

  test("is a repeat while it is under way, for however long", async () => {
    first({ endedAtMs: undefined });
    expect([await askedAfter(1), await askedAfter(86_400)]).toEqual(["a-1", "a-1"]);
    expect(executions.size).toBe(1);
  });

  test.each<[string, Partial<Execution>, number]>([
    ["the code that it armed is valid", { input: { timeout: 3_600 } }, 3_600],
    ["a code of the platform's default time is valid", {}, 180],
    ["a code that ends at once would be, for a minute", { input: { timeout: 1 } }, 60],
    ["a code of a week is, for two hours", { input: { timeout: 604_800 } }, 7_200],
    ["a code without end is, for two hours", { input: { timeout: 0 } }, 7_200],
    ["a minute has not passed since it failed", { input: { timeout: 3_600 }, hasSucceeded: false }, 60],
  ])("is a repeat while %s, then another one, once in each such time", async (_, execution, seconds) => {
    first(execution);
    expect([await askedAfter(0), await askedAfter(seconds - 1)]).toEqual(["a-1", "a-1"]);
    expect([await askedAfter(seconds), await askedAfter(seconds * 2 - 1), await askedAfter(seconds * 2)]).toEqual([
      ...["a-1-1", "a-1-1", "a-1-2"],
    ]);
    expect([...executions.keys()]).toEqual(["a-1", "a-1-1", "a-1-2"]);
  });

  test("is a repeat where nobody tells when the first was started", async () => {
    await start(names);
    tells = false;
    nowMs = startMs + 5 * 3_600_000;
    expect(await start(names)).toBe("a-1");
  });
});

test("a service that does not start it fails the start", async () => {
  const broken: Workflow = { ...workflow, start: () => Promise.reject(new Error("down")) };
  const starting = { workflow: broken, deadline: deadlineIn(1_000, systemClock), clock: systemClock, log };
  await expect(startOnce({ ...none, operationId: "a", idempotencyKey: "a" }, () => ({}), starting)).rejects.toThrow(
    "down",
  );
});
