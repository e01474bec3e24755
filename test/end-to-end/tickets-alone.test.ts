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
    ...[400, expect.stringMatching(/is not re-keyed: `?The new IMEI is missing`?\./)],
  ]);
});

// How long the answer may take is a matter of test/functions/in-time.test.ts, in simulated time.
test.each([
  ["pagerduty", 504],
  ["linear", 504],
  ["github", 504],
  ["zendesk", 503],
])(
  "%s has an answer of a platform that answers nobody: %d, after which its repeat brings the same code",
  async (...row) => {
    const [preset, unknown] = row;
    // The change is made, and nobody learns of it.
    stage.simulator.faults.add({ kind: "hang", operation: "refreshDeviceKey", applied: true, count: 0 });
    await stage.system.lambda.recycle("ticketWebhook");
    const { status, text } = await stage.send(preset);
    stage.simulator.faults.clear();
    expect([status, JSON.parse(text).code]).toEqual([unknown, "OutcomeUnknownError"]);
    expect((await stage.send(preset)).status).toBe(202);
    expect(stage.history().length).toBeGreaterThan(1);
    expect(new Set(stage.history().map(({ verifyCode }) => verifyCode)).size).toBe(1);
  },
);
