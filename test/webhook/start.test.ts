import { beforeEach, describe, expect, test } from "vitest";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import type { Execution, Workflow } from "../../shared/runtime/workflow.ts";
import type { OperationNames } from "../../shared/webhook/operation.ts";
import { startOnce } from "../../shared/webhook/start.ts";

const startMs = Date.parse("2026-11-25T20:00:00Z");
const hourMs = 3_600_000;
let nowMs: number;
let executions: Map<string, Execution>;
/** Whether the service tells of executions. */
let tells: boolean;
let asked: string[];
const log = createLog("SILENT");

beforeEach(() => {
  nowMs = startMs;
  executions = new Map();
  tells = true;
  asked = [];
});

const workflow: Workflow = {
  async start(name, input) {
    asked.push(`start ${name}`);
    if (executions.has(name)) return false;
    executions.set(name, { input, startedAtMs: nowMs });
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
  });

  test("is another one where what was started before had no ticket, and so tells of no try", async () => {
    executions.set("a-0", { input: { deviceId: "d" }, startedAtMs: nowMs });
    expect(await start(first)).toBe("a-1");
  });
});

describe("one of a sender that signs nothing", () => {
  const names = { ...none, operationId: "a-1", idempotencyKey: "a-1", laterOne: (times: number) => `a-1-${times}` };

  test("is a repeat for two hours, as Freshdesk repeats after 5, 30 and 60 minutes", async () => {
    await start(names);
    for (const minutes of [0, 5, 35, 95, 119]) {
      nowMs = startMs + minutes * 60_000;
      expect(await start(names)).toBe("a-1");
    }
    expect(executions.size).toBe(1);
  });

  test("is another one after that, once in each two hours", async () => {
    await start(names);
    for (const [hours, expected] of [
      [2, "a-1-1"],
      [3.9, "a-1-1"],
      [4, "a-1-2"],
      [200, "a-1-100"],
    ] as const) {
      nowMs = startMs + hours * hourMs;
      expect(await start(names)).toBe(expected);
    }
    expect([...executions.keys()]).toEqual(["a-1", "a-1-1", "a-1-2", "a-1-100"]);
  });

  test("is a repeat where nobody tells when the first was started", async () => {
    await start(names);
    tells = false;
    nowMs = startMs + 5 * hourMs;
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
