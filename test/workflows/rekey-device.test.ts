import { GetExecutionHistoryCommand, ListExecutionsCommand, StopExecutionCommand } from "@aws-sdk/client-sfn";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { traitsOf } from "../../shared/errors.ts";
import { platformError } from "../../shared/platform/error-table.ts";
import { startWorkflowSystem, type WorkflowSystem } from "./system.ts";

let local: WorkflowSystem;
let devices = 0;
let deviceId = "";
const nodeId = () => `urn:imei:new-${deviceId}`;
const ticket = { source: "desk", ticketId: "T-1", operationId: "op-1" };

beforeAll(async () => {
  // A minute of waiting lasts 600 ms.
  local = await startWorkflowSystem(0.01, { quota: { calls: 10_000, windowMs: 60_000 } });
});
afterAll(() => local.close());
beforeEach(() => {
  devices += 1;
  deviceId = `workflow-${devices}`;
  local.simulator.devices.set(deviceId);
  local.simulator.faults.clear();
});

const history = () => local.simulator.devices.get(deviceId)?.history ?? [];
const run = async (input: object = {}) =>
  local.over(await local.start("rekeyDevice", { deviceId, nodeId: nodeId(), ...input }));
/** How often an execution has come to a state. */
const entered = (executionArn: string, state: string) =>
  local.workflows.executions
    .get(executionArn)
    ?.events.filter((event) => event.state === state && event.type.endsWith("StateEntered")).length;
const told = () =>
  local.system.lambda.lines
    .filter(({ functionName, line }) => functionName === "writeTicketNote" && line.startsWith("{"))
    .map(({ line }) => JSON.parse(line) as Record<string, Record<string, unknown>>);
const notes = () => told().filter(({ request }) => request?.["deviceId"] === deviceId);

describe("a device", () => {
  test("that is offline is re-keyed, once, and the answer says until when its code is valid", async () => {
    const { status, output } = await run({ timeout: 600 });
    expect(status).toBe("SUCCEEDED");
    expect(JSON.parse(output ?? "")).toEqual({
      ...{ deviceId, nodeId: nodeId(), timeout: 600, replayed: false },
      expiresAt: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    });
    expect(history()).toHaveLength(1);
  });

  test("that is online is re-keyed, once, when it has gone offline", async () => {
    local.simulator.devices.goOnline(deviceId);
    local.simulator.devices.goOffline(deviceId, 900);
    const before = local.simulator.counters.total;
    expect(await run()).toMatchObject({ status: "SUCCEEDED" });
    expect(history()).toHaveLength(1);
    // Not asked for its status, and not asked often.
    expect(local.simulator.counters.total - before).toBeLessThanOrEqual(5);
  });

  test("that stays online is given up at the limit, with what helps", async () => {
    local.simulator.devices.goOnline(deviceId);
    const startedAt = performance.now();
    const { status, error, cause } = await run({ limitSeconds: 150 });
    expect([status, error]).toEqual(["FAILED", "DeviceOnlineError"]);
    expect(cause).toContain(traitsOf("DeviceOnlineError").advice);
    expect(performance.now() - startedAt).toBeGreaterThan(1_500);
    expect(history()).toHaveLength(0);
  });

  test("is re-keyed after the platform was down", async () => {
    await local.simulator.down();
    const execution = await local.start("rekeyDevice", { deviceId, nodeId: nodeId() });
    // Tried, waited for and tried again.
    await expect.poll(() => entered(execution, "Wait")).toBeGreaterThan(1);
    expect(history()).toHaveLength(0);
    await local.simulator.up();
    expect(await local.over(execution)).toMatchObject({ status: "SUCCEEDED" });
    expect(history()).toHaveLength(1);
  });

  test("whose answers are lost, more often than one invocation can bear, ends in one state with one code", async () => {
    local.simulator.faults.add({ kind: "cut", operation: "refreshDeviceKey", deviceId, applied: true, count: 13 });
    expect(await run()).toMatchObject({ status: "SUCCEEDED" });
    expect(history().length).toBeGreaterThan(5);
    expect(new Set(history().map(({ verifyCode }) => verifyCode)).size).toBe(1);
    expect(new Set(history().map((state) => state.nodeId))).toEqual(new Set([nodeId()]));
  });

  test("that nobody knows ends the execution at once, with the error's name and what helps", async () => {
    const before = local.simulator.counters.total;
    const { status, error, cause } = await run({ deviceId: "nobody-knows-it" });
    expect([status, error]).toEqual(["FAILED", "DeviceNotFoundError"]);
    expect(cause).toContain(platformError("100403")?.advice);
    expect(local.simulator.counters.total - before).toBe(1);
  });
});

describe("the code", () => {
  test("is in the history only when it was asked for, the token never", async () => {
    for (const includeCode of [false, true]) {
      const executionArn = await local.start("rekeyDevice", { deviceId, nodeId: nodeId(), includeCode, ticket });
      await local.over(executionArn);
      const { events } = await local.client.send(new GetExecutionHistoryCommand({ executionArn }));
      const text = JSON.stringify(events);
      const code = history().at(-1)?.verifyCode ?? "";
      expect(text).toContain(deviceId);
      expect([includeCode, text.includes(code)]).toEqual([includeCode, includeCode]);
      expect(text).not.toContain(local.simulator.application.token);
    }
  });

  test("is the same for everyone who has the key", async () => {
    await run({ idempotencyKey: "the-ticket" });
    const outcome = await local.system.lambda.invoke("refreshDeviceKey", {
      ...{ deviceId, nodeId: nodeId(), idempotencyKey: "the-ticket" },
    });
    expect(outcome).toMatchObject({ ok: true, result: { verifyCode: history()[0]?.verifyCode } });
  });
});

test("the audit line names who asked: the ticket's source and operation, or the execution", async () => {
  await run({ ticket });
  const execution = await local.start("rekeyDevice", { deviceId, nodeId: nodeId() }, `audited-${deviceId}`);
  await local.over(execution);
  const callers = local.system.lambda.lines
    .filter(({ line }) => line.includes('"audit":true') && line.includes(`"${deviceId}"`))
    .map(({ line }) => (JSON.parse(line) as { caller: string }).caller);
  expect(callers).toEqual([
    "direct invocation for webhook desk, operation op-1",
    `direct invocation for execution audited-${deviceId}`,
  ]);
});

describe("a ticket", () => {
  test("is told of success, and again when telling failed", async () => {
    expect(await run({ ticket: { ...ticket, requester: "2" } })).toMatchObject({ status: "SUCCEEDED" });
    expect(notes()).toHaveLength(3);
    expect(notes()[0]).toMatchObject({
      ticket: { ticketId: "T-1" },
      request: { deviceId, nodeId: nodeId(), appId: null, includeCode: false },
      outcome: { ok: true, deviceId, replayed: false },
    });
    expect(history()).toHaveLength(1);
  });

  test("is told of failure, with what helps", async () => {
    local.simulator.devices.set(deviceId, { activated: false, status: "INACTIVE" });
    expect(await run({ ticket })).toMatchObject({ status: "FAILED", error: "DeviceNotActiveError" });
    expect(notes()).toHaveLength(1);
    expect(notes()[0]?.["outcome"]).toMatchObject({
      ...{ ok: false, error: "DeviceNotActiveError", advice: traitsOf("DeviceNotActiveError").advice },
    });
  });
});

test("a ticket that is only told why nothing is tried costs no call, and the execution fails with the reason", async () => {
  const before = local.simulator.counters.total;
  const failure = { Error: "InvalidInputError", Cause: '{"errorMessage":"nodeId is missing"}' };
  const { status, error, cause } = await run({ ticket, failure });
  expect([status, error]).toEqual(["FAILED", "InvalidInputError"]);
  expect(cause).toBe(`nodeId is missing. What helps: ${traitsOf("InvalidInputError").advice}`);
  expect(notes()).toMatchObject([{ outcome: { ok: false, error: "InvalidInputError", detail: "nodeId is missing" } }]);
  expect([local.simulator.counters.total, history()]).toEqual([before, []]);
});

describe("an input", () => {
  test.each([
    ["a misspelt field", { nodeID: "urn:imei:1" }, "nodeID is unknown"],
    ["a code flag that is no flag", { includeCode: "yes" }, "includeCode must be a boolean"],
    ["a limit that is no number", { limitSeconds: "long" }, "limitSeconds must be a number"],
    ["half a second", { limitSeconds: 1.5 }, "limitSeconds must be a whole number"],
    ["a limit below none", { limitSeconds: -1 }, "limitSeconds must be at least 0"],
    ["a limit beyond what a history bears", { limitSeconds: 1_209_601 }, "limitSeconds must be at most 1209600"],
    [
      "a nodeId with a line end",
      { nodeId: "urn:imei:1\n" },
      "nodeId must have no control, format or replacement characters",
    ],
    ["a code of the nodeId without one", { nodeId: null, code: "nodeId" }, "nodeId is missing"],
    ["a code of something else", { code: "label" }, "code is not valid"],
    ["two faults", { deviceId: "../d", timeout: -1 }, "; timeout must be at least 0"],
  ])("with %s is refused before any call, and its ticket is told which field", async (_, wrong, words) => {
    const before = local.simulator.counters.total;
    const { status, error, cause } = await run({ ...wrong, ticket: { ...ticket, ticketId: deviceId } });
    expect([status, error]).toEqual(["FAILED", "InvalidInputError"]);
    expect(cause).toContain(words);
    expect(told().at(-1)?.["outcome"]).toMatchObject({ detail: expect.stringContaining(words) as string });
    expect(local.simulator.counters.total).toBe(before);
  });

  test.each([
    ["no object", "a text"],
    ["nothing", {}],
  ])("that is %s is refused in our words", async (_, input) => {
    const { error, cause } = await local.over(await local.start("rekeyDevice", input));
    expect(error).toBe("InvalidInputError");
    expect(cause).toContain(traitsOf("InvalidInputError").advice);
  });

  test("whose code is the nodeId arms that code, and the note can say so", async () => {
    expect(await run({ code: "nodeId", ticket })).toMatchObject({ status: "SUCCEEDED" });
    expect(history().map(({ verifyCode }) => verifyCode)).toEqual([nodeId()]);
    expect(notes()[0]).toMatchObject({ request: { code: "nodeId" } });
  });
});

describe("an execution", () => {
  test("of a name is one: the same while it runs, refused with another input or when it is over", async () => {
    local.simulator.devices.goOnline(deviceId);
    const name = `named-${deviceId}`;
    const first = await local.start("rekeyDevice", { deviceId, nodeId: nodeId() }, name);
    expect(await local.start("rekeyDevice", { deviceId, nodeId: nodeId() }, name)).toBe(first);
    await expect(local.start("rekeyDevice", { deviceId }, name)).rejects.toMatchObject({
      name: "ExecutionAlreadyExists",
    });
    await local.client.send(new StopExecutionCommand({ executionArn: first }));
    expect(await local.over(first)).toMatchObject({ status: "ABORTED" });
    await expect(local.start("rekeyDevice", { deviceId, nodeId: nodeId() }, name)).rejects.toMatchObject({
      name: "ExecutionAlreadyExists",
    });
    const stateMachineArn = local.workflows.arnOf("rekey-local-rekeyDevice");
    const { executions } = await local.client.send(
      new ListExecutionsCommand({ stateMachineArn, statusFilter: "ABORTED" }),
    );
    expect(executions?.map((execution) => execution.name)).toEqual([name]);
  });

  test.each([
    ["StateMachineDoesNotExist", "noSuchWorkflow", "{}"],
    ["InvalidName", "rekeyDevice", "{}"],
  ])("is refused with %s as the service does", async (error, workflow) => {
    await expect(local.start(workflow, {}, "not a name!")).rejects.toMatchObject({ name: error });
  });
});
