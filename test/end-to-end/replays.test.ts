import { describe, expect, test } from "vitest";
import { deliver, senderAt, senderOf, senders } from "../../local/ticket-desk/senders.ts";
import { memberOf } from "../../shared/json.ts";
import { type PresetName, presets } from "../../shared/webhook/presets.ts";
import { useTicketStage } from "./ticket-stage.ts";

// What recorded bytes, a sender's repeats and events with an equal body come to: with the workflow, whose executions
// remember, and without it, where the ticket does.
describe.each([
  ["with the workflow", true],
  ["without a workflow", false],
])("%s", (_, withWorkflows) => {
  const stage = useTicketStage(withWorkflows);

  interface Recorded {
    readonly body: string;
    readonly headers: Readonly<Record<string, string>>;
  }

  /** A delivery as somebody who sees it go by writes it down. */
  const recorded = (preset: string, device = stage.device): Recorded => {
    const sender = senderOf(preset);
    const payload = sender.payload(device);
    const body = JSON.stringify(sender.stamped?.(payload) ?? payload);
    return { body, headers: sender.headers(body, "the sender's own id") };
  };
  const post = async (preset: string, { body, headers }: Recorded, others: Record<string, string> = {}) => {
    const url = `${stage.system.url}/webhooks/${senderOf(preset).source}`;
    const response = await fetch(url, { method: "POST", headers: { ...headers, ...others }, body });
    return { status: response.status, text: await response.text() };
  };
  const idHeaderOf = (preset: string) => {
    const found = Object.entries(presets).find(([name]) => name === preset)?.[1];
    return found?.deliveryIdHeader ?? "X-Delivery-Id";
  };
  const operationOf = (text: string) => memberOf(JSON.parse(text), "operationId");
  const codes = () => new Set(stage.history().map(({ verifyCode }) => verifyCode)).size;
  const started = () =>
    [...(stage.workflows?.executions.values() ?? [])].filter(({ input }) => input.includes(stage.device.deviceId))
      .length;

  describe.each(Object.keys(senders))("recorded bytes of %s", (preset) => {
    test("sent six times under other ids start nothing, arm no other code and write no second note", async () => {
      const bytes = recorded(preset);
      const first = await post(preset, bytes);
      expect(first.status).toBe(202);
      await stage.settled(preset);
      await stage.quiet();
      const before = stage.simulator.counters.total;
      for (const id of ["1", "2", "3", "4", "5", "6"]) {
        const replay = await post(preset, bytes, { [idHeaderOf(preset)]: id });
        // Its id is signed: with another one nothing verifies.
        if (preset === "standard-webhooks") expect(replay.status).toBe(401);
        else expect(replay).toEqual(first);
      }
      expect(await post(preset, bytes)).toEqual(first);
      await stage.quiet();
      expect([stage.history().length, stage.notesOf(preset).length]).toEqual([1, 1]);
      expect(stage.simulator.counters.total).toBe(before);
      if (withWorkflows) expect(started()).toBe(1);
    });

    test("do not undo a newer ticket", async () => {
      const old = recorded(preset);
      await post(preset, old);
      await stage.settled(preset);
      await stage.quiet();
      const newer = { ...stage.device, imei: `87${stage.device.imei.slice(2)}` };
      await post(preset, recorded(preset, newer));
      await expect.poll(() => stage.notesOf(preset).length).toBe(2);
      await stage.quiet();
      await post(preset, old, preset === "standard-webhooks" ? {} : { [idHeaderOf(preset)]: "another id" });
      await stage.quiet();
      expect(stage.simulator.devices.get(stage.device.deviceId)?.nodeId).toContain(newer.imei);
      expect([stage.history().length, stage.notesOf(preset).length]).toEqual([2, 2]);
    });
  });

  if (withWorkflows) {
    test("recorded bytes of a source without a ticket start nothing, also when the first execution has ended", async () => {
      const sender = senderAt("zendesk", "ticketless");
      const body = JSON.stringify(sender.payload(stage.device));
      const bytes = { body, headers: sender.headers(body, "the sender's own id") };
      const url = `${stage.system.url}/webhooks/ticketless`;
      const answers = [];
      for (const id of ["1", "2", "3"]) {
        const headers = { ...bytes.headers, [idHeaderOf("zendesk")]: id };
        const response = await fetch(url, { method: "POST", headers, body });
        answers.push([response.status, await response.text()]);
        await expect.poll(() => stage.history().length).toBe(1);
        await stage.quiet();
      }
      expect(new Set(answers.map(String)).size).toBe(1);
      expect([stage.history().length, started()]).toEqual([1, 1]);
    });
  }

  test.each<PresetName>(["zendesk", "standard-webhooks"])(
    "another event of %s with an equal body is another operation: it arms the same code again, and its note says so",
    async (preset) => {
      const sender = senderOf(preset);
      const payload = sender.payload(stage.device);
      const first = await deliver(stage.system.url, sender, payload, "event 1");
      await stage.settled(preset);
      const second = await deliver(stage.system.url, sender, payload, "event 2");
      await expect.poll(() => stage.notesOf(preset).length).toBe(2);
      await stage.quiet();
      expect(operationOf(second.text)).not.toBe(operationOf(first.text));
      expect([stage.history().length, codes()]).toEqual([2, 1]);
      const [one, other] = stage
        .notesOf(preset)
        .map(({ text }) => text.includes("A code that a note told then is this one"));
      expect([one, other]).toEqual([false, true]);
      expect(stage.notesOf(preset).every(({ text }) => text.includes(stage.code()))).toBe(true);
    },
  );

  test.each(["zendesk", "linear", "standard-webhooks"])(
    "a repeat that %s signs anew, with its id unchanged, is the same operation",
    async (preset) => {
      const sender = senderOf(preset);
      const payload = sender.payload(stage.device);
      const answers = [];
      for (let tries = 0; tries < 3; tries += 1) {
        answers.push(await deliver(stage.system.url, sender, payload, "one event"));
        await stage.settled(preset);
      }
      await stage.quiet();
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
      // Without the workflow only the ticket tells that an anew signed one is the same.
      if (withWorkflows || preset !== "zendesk") expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect([stage.history().length, stage.notesOf(preset).length]).toEqual([1, 1]);
    },
  );
});
