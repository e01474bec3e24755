import { describe, expect, test } from "vitest";
import { rekeyDeviceInput } from "../../functions/decideNextStep.ts";
import { ticketWebhook } from "../../functions/ticketWebhook.ts";
import { readConfig } from "../../shared/runtime/config.ts";
import { createSources } from "../../shared/webhook/sources.ts";
import { createDevice } from "../platform/one-device.ts";
import { deliver, type Given } from "./one-delivery.ts";
import { countersOf, invocationBy, secretsOf } from "./world.ts";

const operationId = expect.stringMatching(/^\w+-[0-9a-f]{32}$/);

describe("a check", () => {
  const good = { preset: "jira", secrets: ["x".repeat(32)], fields: { deviceId: "device" } };
  async function check(document: object) {
    const { platform, time } = createDevice([]);
    const clock = time.clock();
    const { invocation } = invocationBy(clock);
    const sources = createSources(secretsOf({ webhooks: document }), "webhooks", clock, invocation.log);
    const dependencies = { platform, sources, workflow: undefined, clock, metrics: countersOf() };
    return ticketWebhook.run({ check: true }, invocation, dependencies);
  }

  test("names each source, and of one that is not well each fault", async () => {
    expect(await check({ good, bad: { ...good, secrets: [], fields: { deviceId: "a.((" } } })).toEqual({
      ok: false,
      sources: {
        good: { ok: true },
        bad: { ok: false, faults: expect.arrayContaining([{ path: "secrets", message: expect.any(String) }]) },
      },
    });
    expect(await check({ good })).toEqual({ ok: true, sources: { good: { ok: true } } });
  });
});

describe("a delivery of several events", () => {
  const two = [{ id: "1" }, { id: "2", device: "e", ticket: "9" }];

  test("names the operation of each, and the first one's as its own", async () => {
    const { output, status, started } = await deliver({ source: "mute", workflow: "starts", payload: two });
    const [first, second] = started.map(({ name }) => name);
    expect([output, status]).toEqual([{ operationId: first, operationIds: [first, second] }, 202]);
    expect(started.map(({ input }) => input["deviceId"])).toEqual(["d", "e"]);
  });

  test("without a ticket names them to the workflow all the same: by them it knows their repeats", async () => {
    const { started } = await deliver({ source: "mute", workflow: "starts" });
    const [{ input } = { input: {} }] = started;
    expect(input).toMatchObject({ delivery: { source: "mute", operationId } });
    expect(rekeyDeviceInput.safeParse(input).success).toBe(true);
  });

  test("of which one only asks for something is answered as that one", async () => {
    const { output } = await deliver({ source: "mute", payload: [{ hardware: null }, { id: "2" }] });
    expect(output).toEqual({ operationId });
  });

  test("of which none asks for anything has each reason in the log, once", async () => {
    const payload = [{ hardware: null }, { hardware: null }];
    const { output, lines } = await deliver({ source: "mute", payload });
    expect(output).toEqual({ ignored: true });
    expect(lines).toContainEqual(expect.objectContaining({ message: "Delivery ignored", reason: "no nodeId" }));
  });
});

describe("a sender that must not see a refusal", () => {
  const refused = { preset: "pagerduty", source: "mute" } as const;

  test("is answered with 200, the error and its operation; the log has them too", async () => {
    const { output, status, lines } = await deliver({ ...refused, payload: { expected: "another" } });
    expect([output, status]).toEqual([
      { operationId, code: "NodeIdChangedError", detail: expect.stringContaining("neither the expected nodeId") },
      200,
    ]);
    const { operationId: named } = output as { operationId: string };
    expect(lines).toContainEqual(
      expect.objectContaining({
        ...{ message: "Delivery refused", source: "mute", operationId: named, error: "NodeIdChangedError" },
      }),
    );
  });

  test("sees what may pass, and repeats", async () => {
    expect((await deliver({ ...refused, online: true })).output).toMatchObject({
      ...{ name: "DeviceOnlineError", status: 503, retryAfterSeconds: expect.any(Number) },
    });
  });
});

describe("the answer with the code", () => {
  test("is the nodeId where its source says so, to the device too", async () => {
    const { output, device } = await deliver({ settings: { code: "nodeId" } });
    expect(output).toMatchObject({ verifyCode: "new" });
    expect(device.code).toBe("new");
  });

  test("names no hardware where none was named, and no end where there is none", async () => {
    const fields = { deviceId: "device", timeout: "seconds", deliveryId: "id" };
    const { output } = await deliver({ settings: { fields }, codeSeconds: 0 });
    expect(output).toEqual({
      ...{ operationId, deviceId: "d", verifyCode: expect.any(String), timeout: 0, expiresAt: null, replayed: false },
    });
  });

  test.each([
    ["860000000000009", []],
    ["860000000000001", [expect.stringContaining("last digit does not fit")]],
  ])("for the IMEI %s warns of %j", async (hardware, warnings) => {
    const { output } = await deliver({ settings: { imei: "bare" }, payload: { hardware } });
    expect((output as { warnings?: string[] }).warnings ?? []).toEqual(warnings);
    expect(Object.keys(output as object).includes("warnings")).toBe(warnings.length > 0);
  });
});

describe("what a sender that reads the answer cannot wait for", () => {
  const waits = { source: "resultAndTicket", workflow: "starts" } as const;
  const fault = new TypeError("inside");

  test.each<[string, Given, object]>([
    ["is final", { ...waits, payload: { expected: "another" } }, { name: "NodeIdChangedError" }],
    ["is a fault of ours", { ...waits, broken: fault }, fault],
    ["has no ticket to be told on", { ...waits, source: "result", online: true }, { name: "DeviceOnlineError" }],
    [
      "is repeated by the sender itself",
      { ...waits, preset: "pagerduty", settings: { reply: "result" }, online: true },
      { name: "DeviceOnlineError", status: 503 },
    ],
  ])("and %s is thrown, and no workflow started", async (_, given, error) => {
    const { output, started } = await deliver(given);
    expect(output).toMatchObject(error);
    expect(started).toEqual([]);
  });
});

test("a delivery that comes again when its ticket was told re-keys nothing", async () => {
  expect((await deliver({ source: "ack" })).calls).toHaveLength(1);
  const again = await deliver({ source: "ack" });
  expect([again.output, again.calls, again.notes.length]).toEqual([{ operationId }, [], 1]);
});

describe("a malformed source", () => {
  const settings = { fields: { deviceId: 7 } };

  test("tells a stranger nothing of it, and whoever signs that it is ours to mend", async () => {
    expect((await deliver({ settings, headers: {} })).output).toMatchObject({
      ...{ name: "SignatureError", message: "The signature does not verify" },
    });
    expect((await deliver({ settings })).output).toMatchObject({ name: "ConfigurationError" });
  });
});

test.each([
  ["", false],
  ["arn:aws:states:eu-central-1:123456789012:stateMachine:rekeyDevice", true],
])("with %j as the workflow's ARN there is one: %s", (REKEY_WORKFLOW_ARN, isThere) => {
  const { clock, log } = {
    clock: createDevice([]).time.clock(),
    log: invocationBy(createDevice([]).time.clock()).invocation.log,
  };
  const sandbox = {
    config: readConfig({ REKEY_WORKFLOW_ARN }),
    clock,
    log,
    metrics: countersOf(),
    secrets: secretsOf({}),
  };
  expect(ticketWebhook.dependencies(sandbox).workflow !== undefined).toBe(isThere);
});
