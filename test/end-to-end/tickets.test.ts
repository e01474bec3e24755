import { describe, expect, test } from "vitest";
import { deliver, senderAt, senderOf, senders } from "../../local/ticket-desk/senders.ts";
import { traitsOf } from "../../shared/errors.ts";
import { useTicketStage } from "./ticket-stage.ts";

const stage = useTicketStage(true);
// These have no internal notes.
const isPublic = (preset: string) => ["github", "linear"].includes(senderOf(preset).system);

describe.each(Object.keys(senders))("a ticket of %s", (preset) => {
  test("re-keys its device and ends with a note; its repeat changes nothing", async () => {
    const first = await stage.send(preset);
    const { operationId } = JSON.parse(first.text) as { operationId: string };
    expect([first.status, first.text]).toEqual([202, JSON.stringify({ operationId })]);
    await stage.settled(preset);
    const [note] = stage.notesOf(preset);
    expect(note?.text).toContain(operationId);
    expect(note?.text.includes(stage.code())).toBe(!isPublic(preset));
    expect(note?.internal).toBe(!isPublic(preset));
    expect(stage.history().map(({ nodeId }) => nodeId.includes(stage.device.imei))).toEqual([true]);

    const repeat = await stage.send(preset);
    expect([repeat.status, repeat.text]).toEqual([first.status, first.text]);
    await stage.quiet();
    expect(stage.notesOf(preset)).toHaveLength(1);
    expect(stage.history()).toHaveLength(1);
  });
});

describe.each(Object.keys(senders))("ten concurrent repeats of %s", (preset) => {
  test("leave one state and one note, and the code in no answer, log line or history", async () => {
    stage.desk.fail({ kind: "slow", count: 2 });
    const sent = () => stage.send(preset);
    // A sender that waits for 5 s only may be asked to come again by a machine that starts ten processes at once.
    const taken = async (answer = sent(), left = 10): ReturnType<typeof sent> =>
      (await answer).status === 503 && left > 0 ? taken(sent(), left - 1) : answer;
    const answers = await Promise.all(Array.from({ length: 10 }, () => taken()));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    await stage.settled(preset);
    await stage.quiet();
    expect(stage.notesOf(preset)).toHaveLength(1);
    expect(new Set(stage.history().map(({ verifyCode }) => verifyCode)).size).toBe(1);
    const events = [...(stage.workflows?.executions.values() ?? [])].map((one) => JSON.stringify(one));
    expect(events.join()).toContain(stage.device.deviceId);
    for (const text of [...answers.map((answer) => answer.text), stage.logs(), events.join()]) {
      expect(text.includes(stage.code())).toBe(false);
    }
  });
});

describe("a note", () => {
  test("that fails is tried again until it is there, once, and the re-key stands", async () => {
    stage.desk.fail({ kind: "status", status: 503, count: 3 });
    expect((await stage.send("zendesk")).status).toBe(202);
    await stage.settled("zendesk");
    expect(stage.notesOf("zendesk")).toHaveLength(1);
    expect(stage.history()).toHaveLength(1);
  });

  test("whose answer was cut after it was written is not written twice", async () => {
    stage.desk.fail({ kind: "cut", writesOnly: true });
    await stage.send("jira");
    await stage.settled("jira");
    await stage.quiet();
    expect(stage.notesOf("jira")).toHaveLength(1);
  });

  test("whose desk is silent, or asks for patience, is written when it speaks again", async () => {
    stage.desk.fail({ kind: "status", status: 429 });
    stage.desk.fail({ kind: "hang" });
    await stage.send("pagerduty");
    await expect.poll(() => stage.notesOf("pagerduty")).toHaveLength(1);
    expect(stage.history()).toHaveLength(1);
  });

  test("says why it did not work and what helps", async () => {
    const { url } = stage.system;
    const sender = senderAt("zendesk", "impatient");
    stage.simulator.devices.goOnline(stage.device.deviceId);
    await deliver(url, sender, sender.payload(stage.device), stage.device.deviceId);
    await stage.settled("zendesk");
    expect(stage.notesOf("zendesk")[0]?.text).toContain(traitsOf("DeviceOnlineError").title);
    expect(stage.notesOf("zendesk")[0]?.text).toContain(traitsOf("DeviceOnlineError").advice);
    expect(stage.history()).toHaveLength(0);
  });

  test("holds no markup, mention, link or formula that the ticket brought along", async () => {
    const sender = senderOf("zendesk");
    const hostile = '=HYPERLINK("https://evil.example") <script>alert(1)</script> [x](http://evil) @everyone';
    const payload = Object.assign(sender.payload(stage.device), {});
    Object.assign(Reflect.get(payload, "ticket"), { requester: `${hostile}\n\n# Verification code: 0000` });
    await deliver(stage.system.url, sender, payload, stage.device.deviceId);
    await stage.settled("zendesk");
    const lines = stage.notesOf("zendesk")[0]?.text.split("\n") ?? [];
    const asked = lines.find((line) => line.startsWith("Asked for by: ")) ?? expect.fail("Nobody asked");
    expect(lines.filter((line) => line.startsWith("Verification code: "))).toHaveLength(1);
    expect(asked.slice("Asked for by: ".length)).toMatch(/^[\p{L}\p{N} :;,._·…-]*$/u);
  });

  test("is written for a ticket only, wherever its id tries to lead", async () => {
    const sender = senderOf("zendesk");
    const payload = sender.payload(stage.device);
    Object.assign(Reflect.get(payload, "ticket"), { id: "../../../users/1" });
    const before = stage.desk.requests();
    const { status, text } = await deliver(stage.system.url, sender, payload, stage.device.deviceId);
    expect([status, JSON.parse(text).code]).toEqual([400, "InvalidInputError"]);
    expect(stage.desk.requests()).toBe(before);
  });

  test("tells a ticket that meets the condition and names no hardware what is missing, once", async () => {
    const faulty = () => stage.desk.on("github", "7").filter(({ text }) => text.includes("The new IMEI is missing"));
    const sender = senderOf("github");
    const payload = sender.payload({ ...stage.device, imei: "none" });
    // As far away as GitHub: all ten would have looked before the first has written.
    stage.desk.fail({ kind: "slow", count: 10 });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => deliver(stage.system.url, sender, payload, stage.device.deviceId)),
    );
    for (const { status, text } of answers) {
      const { code: name, detail } = JSON.parse(text);
      expect([status, name, detail]).toEqual([400, "InvalidInputError", expect.stringContaining("nodeId is missing")]);
    }
    await expect.poll(faulty).toHaveLength(1);
    await stage.quiet();
    expect(faulty()).toHaveLength(1);
    expect(stage.history()).toHaveLength(0);
  });
});

test.each(["pagerduty", "linear", "github", "zendesk"])(
  "with the workflow, %s has its answer while the platform answers nobody",
  async (preset) => {
    const { faults } = stage.simulator;
    faults.add({ kind: "hang", count: 0 });
    expect((await stage.send(preset)).status).toBe(202);
    expect([stage.history(), stage.notesOf(preset)]).toEqual([[], []]);
    faults.clear();
    // Whoever waits for an answer learns that none will come.
    stage.simulator.dropConnections();
    await stage.settled(preset);
    expect(stage.notesOf(preset)).toHaveLength(1);
  },
);

test("no code of all these tickets is in a log line or in a workflow's history", async () => {
  const told = [...stage.simulator.devices.all()].flatMap((device) =>
    device.history.map(({ verifyCode }) => verifyCode),
  );
  expect(told.length).toBeGreaterThan(10);
  const kept = `${stage.logs()}${JSON.stringify([...(stage.workflows?.executions.values() ?? [])])}`;
  expect(told.filter((one) => kept.includes(one))).toEqual([]);
});
