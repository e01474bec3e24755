import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type * as z from "zod/mini";
import { decideNextStep } from "../../functions/decideNextStep.ts";
import { refreshDeviceKey } from "../../functions/refreshDeviceKey.ts";
import { errorNames, isErrorName, RekeyError, traitsOf } from "../../shared/errors.ts";
import { transientErrors } from "../../shared/patience.ts";
import { causeOf } from "../../shared/runtime/lambda-error.ts";
import { invocation } from "../workflows/invocation.ts";

type Output = z.infer<typeof decideNextStep.output>;

const decide = async (soFar: unknown, random = 0.5): Promise<Output> => {
  const input = decideNextStep.input.parse({ execution: "exec-1", soFar });
  return decideNextStep.output.parse(await decideNextStep.run(input, invocation, { random: () => random }));
};
/** What the workflow's data is when a step has failed. */
const afterFailure = (known: Output, error: string, cause?: string) =>
  decide({ ...known, failure: { Error: error, ...(cause === undefined ? {} : { Cause: cause }) } });
const lambdaSays = (errorMessage: unknown) =>
  JSON.stringify({ errorType: "Error", errorMessage, trace: ["Error", "    at run (/var/task/dist/a.mjs:1:1)"] });
const ticket = { source: "desk", ticketId: "T-1", operationId: "desk-1", requester: "Ines" };

describe("at the beginning", () => {
  test("a device is refreshed, with the execution's name as key and the code kept out of the history", async () => {
    expect(await decide({ input: { deviceId: "d" } })).toEqual({
      request: {
        ...{ deviceId: "d", nodeId: null, expectedNodeId: null, verifyCode: null, timeout: null, appId: null },
        ...{ idempotencyKey: "exec-1", includeCode: false, requestedBy: "execution exec-1" },
      },
      ...{ code: null, ticket: null, leftSeconds: 86_400, waits: {}, next: "refresh" },
    });
  });

  test("every field of the input finds its place, and null is none", async () => {
    const input = {
      ...{ deviceId: "d", nodeId: "n", expectedNodeId: "old", timeout: 60, appId: "a", idempotencyKey: "k" },
      ...{ includeCode: true, limitSeconds: 7, ticket, failure: null, code: "nodeId" },
    };
    expect(await decide({ input })).toEqual({
      request: {
        ...{ deviceId: "d", nodeId: "n", expectedNodeId: "old", verifyCode: "n", timeout: 60, appId: "a" },
        ...{ idempotencyKey: "k", includeCode: true, requestedBy: "webhook desk, operation desk-1" },
      },
      ...{ code: "nodeId", ticket, leftSeconds: 7, waits: {}, next: "refresh" },
    });
    const nulls = {
      nodeId: null,
      expectedNodeId: null,
      timeout: null,
      appId: null,
      ticket: null,
      delivery: null,
      code: null,
      idempotencyKey: null,
      includeCode: null,
      limitSeconds: null,
    };
    expect(await decide({ input: { deviceId: "d", ...nulls } })).toEqual(await decide({ input: { deviceId: "d" } }));
  });

  test.each([
    ["derived", null],
    [null, null],
    ["nodeId", "n"],
  ])("with code %j the code that is sent is %j", async (code, verifyCode) => {
    const decided = await decide({ input: { deviceId: "d", nodeId: "n", code } });
    expect([decided.code, decided.request.verifyCode]).toEqual([code, verifyCode]);
  });

  test("a code of the nodeId needs one", async () => {
    const { outcome } = await decide({ input: { deviceId: "d", code: "nodeId" } });
    expect(outcome).toMatchObject({ detail: 'The input is not valid: nodeId is missing, and code is "nodeId"' });
  });

  test("who asked is a text that refreshDeviceKey takes, whatever the ticket says", async () => {
    const strange = { ...ticket, operationId: `a\nb\ud800${"x".repeat(300)}` };
    const { request } = await decide({ input: { deviceId: "d", ticket: strange } });
    expect(request.requestedBy).toMatch(/^webhook desk, operation a·b·x+$/);
    expect(refreshDeviceKey.input.safeParse({ deviceId: "d", requestedBy: request.requestedBy }).success).toBe(true);
  });

  test("a fault is an outcome, and a ticket is told of it whatever else is wrong", async () => {
    const { next, outcome, request } = await decide({ input: { deviceId: 7, nodeId: "n", colour: 1, ticket } });
    expect(next).toBe("tell");
    expect(request).toMatchObject({ deviceId: null, nodeId: "n", includeCode: false });
    const detail = "The input is not valid: deviceId must be a string; colour is unknown";
    const { advice } = traitsOf("InvalidInputError");
    expect(outcome).toEqual({
      ...{ ok: false, error: "InvalidInputError", detail, advice, cause: `${detail}. What helps: ${advice}` },
    });
  });

  test("a ticket that cannot be told is one fault more", async () => {
    const { next, outcome } = await decide({ input: { deviceId: "d", ticket: { source: "desk" } } });
    expect(next).toBe("end");
    expect(outcome).toMatchObject({ detail: expect.stringContaining("ticket.ticketId is missing") as string });
  });

  test("a failure in the input is told, and nothing is tried", async () => {
    const failure = { Error: "InvalidInputError", Cause: lambdaSays("nodeId is missing") };
    const { next, outcome } = await decide({ input: { nodeId: "n", ticket, failure } });
    expect([next, outcome]).toMatchObject(["tell", { ok: false, detail: "nodeId is missing" }]);
    expect((await decide({ input: { deviceId: "d", failure } })).next).toBe("end");
  });

  test("whatever the input is, there is a decision", async () => {
    const field = fc.constantFrom("deviceId", "nodeId", "ticket", "failure", "limitSeconds", "includeCode", "code");
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.jsonValue(), fc.dictionary(field, fc.jsonValue())), async (input) => {
        const { next, outcome } = await decide({ input });
        expect(next === "refresh").toBe(outcome === undefined);
      }),
    );
  });
});

describe("after an answer", () => {
  test.each([
    ["tell", ticket],
    ["end", null],
  ])("what is next is %s", async (next, told) => {
    const known = await decide({ input: { deviceId: "d", ticket: told } });
    const result = { deviceId: "d", timeout: 180, expiresAt: null, replayed: false };
    const { outcome, result: kept, ...rest } = await decide({ ...known, result });
    expect([outcome, kept]).toEqual([{ ok: true, ...result }, result]);
    expect(rest).toEqual({ ...known, next });
  });
});

describe("after a failure", () => {
  test.each([
    ...errorNames.filter((name) => traitsOf(name).retryable).map((name) => [name]),
    ...transientErrors.map((name) => [name]),
  ])("%s is waited for", async (error) => {
    const known = await decide({ input: { deviceId: "d", limitSeconds: 100 } });
    const { next, waitSeconds = 0, leftSeconds, waits } = await afterFailure(known, error);
    expect([next, leftSeconds + waitSeconds, waits]).toEqual(["wait", 100, { [error]: 1 }]);
    expect(waitSeconds).toBeGreaterThan(0);
  });

  test.each([
    ...errorNames.filter((name) => !traitsOf(name).retryable).map((name) => [name]),
    ...[["TypeError"], ["Error"], ["Lambda.ResourceNotFoundException"], ["States.Permissions"], ["constructor"]],
  ])("%s is the end, and told with what helps", async (error) => {
    const known = await decide({ input: { deviceId: "d", ticket } });
    const { next, outcome } = await afterFailure(known, error, lambdaSays("It broke"));
    expect([next, outcome]).toMatchObject(["tell", { ok: false, error }]);
    expect(JSON.stringify(outcome)).not.toMatch(/trace|var.task/);
  });

  test.each([
    ["what was thrown, without its stack", "DeviceNotFoundError", lambdaSays("No such device"), "No such device"],
    [
      "the error's title where nothing was said",
      "DeviceNotFoundError",
      undefined,
      "The platform does not know this device",
    ],
    ["the title for an empty cause", "DeviceNotFoundError", "", "The platform does not know this device"],
    ["the title for a cause of another kind", "DeviceNotFoundError", "42", "The platform does not know this device"],
    ["the title for an empty message", "DeviceNotFoundError", lambdaSays(""), "The platform does not know this device"],
    ["the title for no message", "DeviceNotFoundError", lambdaSays(7), "The platform does not know this device"],
    [
      "the name alone of a stranger's error",
      "TypeError",
      lambdaSays("x is undefined"),
      "refreshDeviceKey ended with TypeError",
    ],
  ])("%s is told", async (_, error, cause, detail) => {
    const known = await decide({ input: { deviceId: "d" } });
    const { advice } = isErrorName(error)
      ? traitsOf(error)
      : { advice: "Tell whoever operates this service; the logs of refreshDeviceKey name the cause." };
    expect((await afterFailure(known, error, cause)).outcome).toMatchObject({ detail, advice });
  });

  test("what helps this time is told where refreshDeviceKey said it", async () => {
    const known = await decide({ input: { deviceId: "d", ticket } });
    const thrown = new RekeyError("DeviceNotFoundError", "No data", {
      platformCode: "100418",
      advice: "Name its owner.",
    });
    expect((await afterFailure(known, "DeviceNotFoundError", causeOf(thrown))).outcome).toMatchObject({
      ...{ detail: "No data", advice: "Name its owner.", cause: "No data. What helps: Name its owner." },
    });
  });

  test("the last wait ends at the limit, and one try follows it", async () => {
    const known = await decide({ input: { deviceId: "d", limitSeconds: 50 } });
    const first = await afterFailure(known, "DeviceOnlineError");
    expect(first).toMatchObject({ next: "wait", waitSeconds: 50, leftSeconds: 0 });
    expect(await afterFailure(first, "DeviceOnlineError")).toMatchObject({
      ...{ next: "end", outcome: { ok: false, error: "DeviceOnlineError" } },
    });
  });

  test("with no time to wait there is one try", async () => {
    const known = await decide({ input: { deviceId: "d", limitSeconds: 0 } });
    expect(known.next).toBe("refresh");
    expect((await afterFailure(known, "PlatformUnavailableError")).next).toBe("end");
  });
});
