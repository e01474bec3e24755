import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type LocalSystem, startLocalSystem } from "../../local/local-system.ts";
import { type PlatformSimulator, startPlatformSimulator } from "../../local/platform-simulator/simulator.ts";
import { workflowParts } from "../../local/step-functions/part.ts";
import { startTicketDesk, type TicketDesk, ticketApiOf, ticketDeskPart } from "../../local/ticket-desk/desk.ts";
import { secretOf } from "../../local/ticket-desk/sender.ts";
import { senderAt } from "../../local/ticket-desk/senders.ts";

const fields = { deviceId: "device", nodeId: "imei", ticketId: "ticket" };
const fits = "490154203237518";
const fitsNot = "490154203237519";

let count = 0;
let device = "";
beforeEach(() => {
  count += 1;
  device = `device-of-values-${count}`;
});

describe.each([
  ["with the workflow", true],
  ["within the answer", false],
])("%s", (_, withWorkflows) => {
  let system: LocalSystem;
  let simulator: PlatformSimulator;
  let desk: TicketDesk;

  beforeAll(async () => {
    simulator = await startPlatformSimulator({ quota: { calls: 100_000, windowMs: 60_000 } });
    desk = await startTicketDesk();
    for (const name of ["zendesk", "github"]) desk.open(name, "7");
    const source = (name: string, more: object, noteSystem = "zendesk") => ({
      ...{ preset: "github", secrets: [secretOf(name)], fields, ticket: ticketApiOf(desk, noteSystem), ...more },
    });
    system = await startLocalSystem({
      platform: async () => simulator,
      parts: [ticketDeskPart(desk), ...(withWorkflows ? workflowParts({ timeScale: 0.01 }) : [])],
      webhookSources: {
        exact: source("exact", {}),
        labels: source("labels", { imei: "urn" }),
        strict: source("strict", { imei: "urn", imeiCheckDigit: "refuse" }),
        agent: source("agent", { code: "nodeId" }),
        public: source("public", { code: "nodeId" }, "github"),
        reads: source("reads", { imei: "bare", reply: "result", code: "nodeId" }),
      },
    });
  });
  afterAll(() => system.close());
  beforeEach(() => void simulator.devices.set(device));

  /** The text of a body as its system sends it, numbers and all. */
  const post = (source: string, imei: string) =>
    postText(source, `{"device":${JSON.stringify(device)},"imei":${imei},"ticket":7}`);
  async function postText(source: string, body: string): Promise<{ readonly status: number; readonly text: string }> {
    const headers = senderAt("github", source).headers(body, `${source} ${device}`);
    const response = await fetch(`${system.url}/webhooks/${source}`, { method: "POST", headers, body });
    return { status: response.status, text: await response.text() };
  }
  const notesWith = (words: string, noteSystem = "zendesk") =>
    desk
      .on(noteSystem, "7")
      .map(({ text }) => text)
      .filter((text) => text.includes(words));
  const noted = async (noteSystem?: string) => {
    await expect.poll(() => notesWith(device, noteSystem)).toHaveLength(1);
    return notesWith(device, noteSystem).join("");
  };
  const state = () => simulator.devices.get(device)?.history.at(-1);

  test("a number beyond 2^53 re-keys for the hardware with all its digits", async () => {
    expect((await post("exact", "89860117801234567894")).status).toBe(202);
    expect(await noted()).toContain("is re-keyed for 89860117801234567894.");
    expect(state()?.nodeId).toBe("89860117801234567894");
  });

  test.each(['"8.63704E+14"', "8.63704E+14", '"not known"', '"\\ud800"', '"1234567890123456"'])(
    "the platform never hears of %s where an IMEI is wanted, and the ticket does",
    async (imei) => {
      const told = () => notesWith(`Device ${device} is not re-keyed: The new IMEI`).length;
      const before = [simulator.counters.total, told()] as const;
      const { status, text } = await post("labels", imei);
      expect([status, JSON.parse(text).code]).toEqual([400, "InvalidInputError"]);
      await expect.poll(told).toBe(before[1] + 1);
      expect(simulator.counters.total).toBe(before[0]);
    },
  );

  test("a lone surrogate and a text without end are told too, where no form is asked for", async () => {
    for (const imei of ['"\\ud800"', '"1\\u00002"', JSON.stringify("n".repeat(1_000))]) {
      const { status, text } = await post("exact", imei);
      expect([status, JSON.parse(text).code]).toEqual([400, "InvalidInputError"]);
    }
  });

  test("a check digit that does not fit is told in the note, or refuses where the source says so", async () => {
    const words = "does not fit the others";
    expect((await post("labels", fits)).status).toBe(202);
    expect(await noted()).not.toContain(words);
    device = `${device}-other`;
    simulator.devices.set(device);
    expect((await post("labels", fitsNot)).status).toBe(202);
    expect(await noted()).toContain(`${words}, so one of them is wrong: compare it with the label.`);
    expect(state()?.nodeId).toBe(`urn:imei:${fitsNot}`);
    const { status, text } = await post("strict", fitsNot);
    expect([status, text.includes(words)]).toEqual([400, true]);
  });

  test("code: nodeId sends the nodeId as the code, and the note says which it is", async () => {
    expect((await post("agent", '"00:11:22:33:44:55"')).status).toBe(202);
    expect(await noted()).toContain(
      "Verification code: 00:11:22:33:44:55\nThis code is the number of the hardware itself.\n",
    );
    expect(state()).toMatchObject({ nodeId: "00:11:22:33:44:55", verifyCode: "00:11:22:33:44:55" });
  });

  test("code: nodeId is recovered after a lost answer as a given code is", async () => {
    simulator.faults.add({ kind: "cut", operation: "refreshDeviceKey", applied: true });
    expect((await post("agent", '"00:11:22:33:44:66"')).status).toBe(202);
    expect(await noted()).toContain("Verification code: 00:11:22:33:44:66");
    expect(state()).toMatchObject({ nodeId: "00:11:22:33:44:66", verifyCode: "00:11:22:33:44:66" });
  });

  test("code: nodeId is told where others read it, for it is no secret", async () => {
    expect((await post("public", '"serial-4711"')).status).toBe(202);
    expect(await noted("github")).toContain(
      "Verification code: `serial-4711`\nThis code is the number of the hardware itself.\n",
    );
  });

  const deviceOf = (at: number) => `${device}-${at}`;
  const events = (imeis: readonly unknown[]) =>
    JSON.stringify(imeis.map((imei, at) => ({ device: deviceOf(at), imei, ticket: 7 })));

  test("several events in one delivery are each carried out, once", async () => {
    const imeis = [fits, "356938035643809", "{}"];
    for (const at of imeis.keys()) simulator.devices.set(deviceOf(at));
    const text = events(imeis);
    const first = await postText("exact", text);
    const { operationId, operationIds } = JSON.parse(first.text);
    expect([first.status, operationIds[0], new Set(operationIds).size]).toEqual([202, operationId, 3]);
    for (const [at, imei] of imeis.entries()) {
      await expect.poll(() => notesWith(deviceOf(at))).toHaveLength(1);
      expect(simulator.devices.get(deviceOf(at))?.nodeId).toBe(imei);
    }
    expect(await postText("exact", text)).toEqual(first);
    for (const at of imeis.keys()) expect(simulator.devices.get(deviceOf(at))?.history).toHaveLength(1);
  });

  test("one event at fault among several is told, and keeps no other from being carried out", async () => {
    for (const at of [0, 2]) simulator.devices.set(deviceOf(at));
    const { status, text } = await postText("labels", events(["860000000000001", "not known", "860000000000002"]));
    expect([status, JSON.parse(text)]).toEqual([
      400,
      expect.objectContaining({
        code: "InvalidInputError",
        detail: expect.stringMatching(/^Event 2 of 3: .*not an IMEI/),
      }),
    ]);
    for (const at of [0, 2]) await expect.poll(() => notesWith(deviceOf(at))).toHaveLength(1);
  });

  test("a sender that reads the answer is told of both there", async () => {
    const { status, text } = await post("reads", fitsNot);
    expect([status, JSON.parse(text)]).toEqual([
      200,
      expect.objectContaining({
        verifyCode: fitsNot,
        warnings: [expect.stringContaining("compare it with the label")],
      }),
    ]);
    expect(JSON.parse((await post("reads", fits)).text)).not.toHaveProperty("warnings");
  });
});
