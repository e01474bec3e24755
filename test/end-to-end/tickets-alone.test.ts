import { expect, test } from "vitest";
import { deliver, senderOf } from "../../local/ticket-desk/senders.ts";
import { useTicketStage } from "./ticket-stage.ts";

// Without a workflow: the re-key and its note are done within the answer.
const stage = useTicketStage(false);

test("the re-key and its note are there when the answer is", async () => {
  const { status, text } = await stage.send("zendesk");
  expect(status).toBe(202);
  expect(text).not.toContain(stage.code());
  expect(stage.notesOf("zendesk")[0]?.text).toContain(stage.code());
  await stage.send("zendesk");
  expect(stage.notesOf("zendesk")).toHaveLength(1);
});

test("PagerDuty sees no 4xx for a delivery that is its own: 200 for what is final, 503 for what may pass", async () => {
  const sender = senderOf("pagerduty");
  const unknown = await deliver(stage.system.url, sender, sender.payload({ ...stage.device, deviceId: "nobody" }), "1");
  expect([unknown.status, JSON.parse(unknown.text).code]).toEqual([200, "DeviceNotFoundError"]);
  stage.simulator.devices.goOnline(stage.device.deviceId);
  const online = await stage.send("pagerduty", "2");
  expect([online.status, JSON.parse(online.text).code]).toEqual([503, "DeviceOnlineError"]);
});

test("a ticket that names no hardware is told so within the answer", async () => {
  const sender = senderOf("github");
  const { status } = await deliver(
    stage.system.url,
    sender,
    sender.payload({ ...stage.device, imei: "none" }),
    stage.device.deviceId,
  );
  expect([status, stage.desk.on("github", "7").at(-1)?.text]).toEqual([
    ...[400, expect.stringContaining("nodeId is missing")],
  ]);
});

test.each([
  ["pagerduty", 4_500],
  ["linear", 4_500],
  ["github", 9_000],
  ["zendesk", 9_000],
])(
  "%s has its answer within %i ms of a platform that takes 3 s, and its repeat brings the same code",
  async (preset, limitMs) => {
    await stage.system.lambda.recycle("ticketWebhook");
    const coldMs = await stage.usualMs();
    await stage.system.lambda.recycle("ticketWebhook");
    stage.simulator.faults.add({ kind: "latency", milliseconds: 3_000, count: 0 });
    const answers = [await stage.send(preset), await stage.send(preset)];
    stage.simulator.faults.clear();
    for (const { ms, status } of answers) {
      expect(ms).toBeLessThan(limitMs + 3 * coldMs);
      // 504: the change was on its way when the time was over; each of these the sender takes or repeats.
      expect([200, 202, 503, 504]).toContain(status);
    }
    expect((await stage.send(preset)).status).toBe(202);
    expect(new Set(stage.history().map(({ verifyCode }) => verifyCode)).size).toBe(1);
  },
);
