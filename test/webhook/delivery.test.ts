import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { readDelivery } from "../../shared/webhook/delivery.ts";
import { readSource } from "../../shared/webhook/source.ts";

const fields = { deviceId: "device.id", nodeId: "device.node", ticketId: "ticket", timeout: "seconds" };
const payload = { device: { id: "meter-1", node: "860000000000001" }, ticket: 7, seconds: "600" };

const proof = { secret: "a secret of the desk", id: undefined, time: undefined };

async function read(changes: object, body: unknown = payload, headers: Record<string, string> = {}) {
  const source = await readSource("desk", { preset: "zendesk", fields, ...changes });
  const bytes = body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body));
  const [reading] = await readDelivery(source, { headers, body: bytes, proof }, 60_000);
  return reading;
}

describe("a delivery", () => {
  test("is read by its source's fields, numbers as texts and a time as seconds", async () => {
    expect(await read({})).toMatchObject({
      kind: "order",
      order: {
        device: { deviceId: "meter-1", nodeId: "860000000000001", expectedNodeId: undefined, timeout: 600 },
        ticketId: "7",
        requester: undefined,
      },
    });
  });

  test.each([
    ["urn", "00:11:22:33:44:55"],
    ["bare", "86000000000000"],
  ])("without `imei` takes the hardware as it stands: %s", async (_, node) => {
    expect(await read({}, { ...payload, device: { id: "m", node } })).toMatchObject({
      order: { device: { nodeId: node } },
    });
  });

  test("with `imei` writes the IMEI in the chip's form, and is faulty where it is none", async () => {
    const body = { ...payload, device: { id: "m", node: "86 0000-000000.001" }, was: "urn:imei:860000000000019" };
    const all = { ...fields, expectedNodeId: "was" };
    expect(await read({ fields: all, imei: "urn" }, body)).toMatchObject({
      order: { device: { nodeId: "urn:imei:860000000000001", expectedNodeId: "urn:imei:860000000000019" } },
    });
    const wrong = { ...body, device: { id: "m", node: "not known" }, was: "8600000000000190" };
    const reading = await read({ fields: all, imei: "bare" }, wrong);
    expect(reading.kind === "faulty" ? reading.error.faults : []).toEqual([
      { path: "nodeId", message: expect.stringMatching(/^is not an IMEI: it is not digits alone/) },
      { path: "expectedNodeId", message: expect.stringMatching(/^is not an IMEI: it has 16 digits/) },
    ]);
  });

  test.each([
    ["no device", { ...payload, device: { node: "n" } }, "no deviceId", "device.id"],
    ["a blank device", { ...payload, device: { id: " ", node: "n" } }, "no deviceId"],
    ["no hardware, where the source has a field for it", { ...payload, device: { id: "m", node: null } }, "no nodeId"],
  ])("with %s is ignored while there is no condition", async (_, body, reason, deadEnd = undefined) => {
    expect(await read({}, body)).toEqual({ kind: "ignored", reason, deadEnd });
  });

  test.each([
    ["no device", { ...payload, device: { node: "n" } }, "deviceId is missing"],
    ["several devices", { ...payload, device: { id: ["a", "b"], node: "n" } }, "deviceId has several values"],
    ["an object for a device", { ...payload, device: { id: {}, node: "n" } }, "deviceId is not a text or a number"],
    ["a text without end", { ...payload, device: { id: "m", node: "n".repeat(1_001) } }, "nodeId has more than 1000"],
    [
      "hardware longer than the platform takes",
      { ...payload, device: { id: "m", node: "n".repeat(257) } },
      "nodeId must have at most 256 characters",
    ],
    [
      "a device longer than the platform takes",
      { ...payload, device: { id: "m".repeat(257), node: "n" } },
      "deviceId must have at most 256",
    ],
    [
      "a device that is a path",
      { ...payload, device: { id: "../m", node: "n" } },
      "deviceId must have no blanks, slashes",
    ],
    ["a line end in it", { ...payload, device: { id: "m", node: "1\n2" } }, "nodeId must have no control, format"],
    ["half a character", { ...payload, device: { id: "m", node: "1\ud8002" } }, "nodeId must have no control, format"],
    [
      "a mark of direction in it",
      { ...payload, device: { id: "m", node: "\u200e12" } },
      "nodeId must have no control, format",
    ],
    [
      "a mark for what could not be read",
      { ...payload, device: { id: "m", node: "1\ufffd2" } },
      "nodeId must have no control",
    ],
    ["a time that is none", { ...payload, seconds: "soon" }, "timeout is not a number of seconds"],
    ["a time with a unit", { ...payload, seconds: "600s" }, "timeout is not a number of seconds"],
    ["a time before now", { ...payload, seconds: -600 }, "timeout is not a number of seconds"],
    ["a time without end", { ...payload, seconds: 2_147_483_648 }, "timeout is not a number of seconds"],
    ["a ticket that is a path", { ...payload, ticket: "../1" }, "ticketId is not the id of a ticket"],
  ])("that meets the condition with %s is faulty, and says what", async (_, body, fault) => {
    const reading = await read({ when: "true" }, body);
    if (reading.kind !== "faulty") throw new Error(`It is ${reading.kind}`);
    expect([reading.error.name, reading.error.message]).toEqual(["InvalidInputError", expect.stringContaining(fault)]);
    expect(reading.order.operationId).toMatch(/^desk-[0-9a-f]{32}$/);
  });

  test.each(["1", '"yes"', "null", "nothing.there"])("whose condition is %s and not true is ignored", async (when) => {
    expect(await read({ when })).toEqual({ kind: "ignored", reason: "the condition does not hold" });
  });

  test("over which its condition fails is refused, with the reason", async () => {
    const error = await read({ when: "$sum(ticket.x, 'y')" }).catch((refusal: unknown) => refusal);
    if (!(error instanceof RekeyError)) throw new Error("It is not refused");
    expect(error.faults).toEqual([{ path: "when", message: expect.stringContaining("JSONata T0410") }]);
  });

  test("over which a field fails is faulty, with the field's name and the reason", async () => {
    const reading = await read({ fields: { ...fields, requester: "$sum(ticket, 'y')" } });
    expect(reading.kind === "faulty" ? reading.error.faults : []).toEqual([
      { path: "requester", message: expect.stringContaining("JSONata T0410") },
    ]);
  });

  test("over which the engine comes to no end is faulty, and the ticket is known", async () => {
    const source = await readSource("desk", {
      ...{ preset: "zendesk", when: "ticket = 7" },
      fields: { ...fields, requester: "($f := function() { $f() }; $f())" },
    });
    const [reading] = await readDelivery(
      source,
      { headers: {}, body: Buffer.from(JSON.stringify(payload)), proof },
      10_000,
    );
    expect(reading).toMatchObject({
      ...{ kind: "faulty", order: { ticketId: "7" } },
      error: { faults: [{ path: "requester", message: "cannot be read: it takes too long" }] },
    });
  });

  test("of a source with an expression that cannot be compiled is a ConfigurationError, whose cause says where", async () => {
    const broken = { when: "ticket = 7", fields: { ...fields, requester: "a = (" } };
    await expect(read(broken)).rejects.toMatchObject({
      ...{ name: "ConfigurationError", message: 'The webhook source "desk" is malformed' },
      cause: { message: expect.stringMatching(/^fields\.requester The expression cannot be read: /) },
    });
    // Not asked for where the condition does not hold.
    expect(await read({ ...broken, when: "ticket = 8" })).toMatchObject({ kind: "ignored" });
  });

  test("that is no JSON is refused, and the answer says so", async () => {
    for (const [bytes, message] of [
      [Buffer.from("deviceId=1"), "the body is not JSON"],
      [Buffer.from([0x7b, 0xff, 0x7d]), "the body is not UTF-8"],
    ] as const) {
      await expect(read({}, bytes)).rejects.toMatchObject({
        ...{ name: "InvalidInputError", faults: [{ path: "", message }] },
      });
    }
  });

  test("names the one who asked, the application and the nodeId that is expected, in the chip's form", async () => {
    const all = { ...fields, requester: "by", appId: "app", expectedNodeId: "was" };
    const reading = await read(
      { fields: all, imei: "urn" },
      { ...payload, by: " Ines ", app: "owner", was: "8".repeat(15) },
    );
    expect(reading).toMatchObject({
      order: { requester: "Ines", device: { appId: "owner", expectedNodeId: `urn:imei:${"8".repeat(15)}` } },
    });
  });

  test("that leaves out what it need not say leaves it open", async () => {
    const reading = await read({ fields: { deviceId: "device.id" } });
    expect(reading).toMatchObject({ kind: "order" });
    const { order } = reading.kind === "order" ? reading : expect.fail();
    const { operationId: _, idempotencyKey: __, tryOf: ___, laterOne: ____, ...rest } = order;
    expect(rest).toEqual({ ticketId: undefined, requester: undefined, device: { deviceId: "meter-1" } });
  });

  test("with a text of exactly a thousand characters, the longest hardware and the longest time, is read", async () => {
    const [by, node] = ["b".repeat(1_000), "n".repeat(256)];
    const body = { ...payload, by, device: { id: "m", node }, seconds: 2_147_483_647 };
    const reading = await read({ fields: { ...fields, requester: "by" } }, body);
    expect(reading).toMatchObject({ order: { requester: by, device: { nodeId: node, timeout: 2_147_483_647 } } });
  });

  test("with two faults names each by its field, once", async () => {
    const reading = await read({ when: "true" }, { device: { id: [1, 2], node: null }, ticket: 1, seconds: "1 s" });
    expect(reading.kind === "faulty" ? reading.error.faults : []).toEqual([
      { path: "deviceId", message: "has several values" },
      { path: "nodeId", message: "is missing" },
      { path: "timeout", message: "is not a number of seconds" },
    ]);
  });

  test("that is a test call of PagerDuty or GitHub is ignored", async () => {
    const ping = { event: { event_type: "pagey.ping" } };
    expect(await read({ preset: "pagerduty", when: "true" }, ping)).toEqual({ kind: "ignored", reason: "a test call" });
    expect(await read({ preset: "github" }, {}, { "x-github-event": "ping" })).toMatchObject({ reason: "a test call" });
  });

  test.each([
    null,
    "pagey.ping",
    { event: null },
    { event: "pagey.ping" },
    { event: { type: "pagey.ping" } },
    { event: { event_type: ["pagey.ping"] } },
  ])("of PagerDuty with the payload %j is no test call", async (body) => {
    const ignored = { kind: "ignored", reason: "no deviceId", deadEnd: "device.id" };
    expect(await read({ preset: "pagerduty" }, body)).toEqual(ignored);
  });

  test("of GitHub about anything but a ping is no test call", async () => {
    expect(await read({ preset: "github" }, payload, { "x-github-event": "issues" })).toMatchObject({ kind: "order" });
  });

  test("of any bytes is read, ignored or refused as InvalidInputError", async () => {
    const source = await readSource("desk", { preset: "zendesk", fields: { ...fields, requester: "by[x=1].y" } });
    const json = fc.json().map((text) => Buffer.from(text));
    const property = fc.asyncProperty(fc.oneof(fc.uint8Array(), json), async (body) => {
      const outcome = await readDelivery(source, { headers: {}, body, proof }, 60_000).catch((error: unknown) => error);
      if (outcome instanceof Error)
        expect([outcome instanceof RekeyError, outcome.name]).toEqual([true, "InvalidInputError"]);
    });
    await fc.assert(property);
  });
});
