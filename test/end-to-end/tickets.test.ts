import { createHmac } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type LocalSystem, startLocalSystem } from "../../local/local-system.ts";
import { type PlatformSimulator, startPlatformSimulator } from "../../local/platform-simulator/simulator.ts";
import type { StepFunctions } from "../../local/step-functions/endpoint.ts";
import { workflowParts } from "../../local/step-functions/part.ts";
import { startTicketDesk, type TicketDesk, ticketDeskPart } from "../../local/ticket-desk/desk.ts";
import { secretOf } from "../../local/ticket-desk/sender.ts";
import { deliver, senderAt, senderOf, senders, sourcesOf } from "../../local/ticket-desk/senders.ts";
import { traitsOf } from "../../shared/errors.ts";

interface Stage {
  readonly system: LocalSystem;
  readonly simulator: PlatformSimulator;
  readonly desk: TicketDesk;
  readonly workflows: StepFunctions | undefined;
}

/** @param withWorkflows without them, everything is done within the answer */
async function startStage(withWorkflows: boolean): Promise<Stage> {
  const simulator = await startPlatformSimulator({ quota: { calls: 100_000, windowMs: 60_000 } });
  const desk = await startTicketDesk();
  let workflows: StepFunctions | undefined;
  const sources = sourcesOf(desk);
  const { zendesk, "shared-secret": shared } = senders;
  const system = await startLocalSystem({
    platform: async () => simulator,
    parts: [
      ticketDeskPart(desk),
      ...(withWorkflows ? workflowParts({ timeScale: 0.01, onStart: (running) => (workflows = running) }) : []),
    ],
    webhookSources: {
      ...sources,
      reads: { ...shared?.configuration, secrets: [secretOf("reads")], reply: "result" },
      public: { ...zendesk?.configuration, secrets: ["dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="] },
      unsigned: { ...zendesk?.configuration, secrets: [] },
      blank: { ...zendesk?.configuration, secrets: [""] },
      impatient: { ...sources["desk"], secrets: [secretOf("impatient")], limitSeconds: 60 },
      broken: { preset: "hmac", secrets: ["x"], fields: { deviceId: "ticket.((" } },
    },
  });
  return { system, simulator, desk, workflows };
}

let stage: Stage;
let count = 0;
let deviceId = "";
let imei = "";

beforeAll(async () => {
  stage = await startStage(true);
});
afterAll(() => stage.system.close());
beforeEach(() => {
  count += 1;
  deviceId = `ticket-device-${count}`;
  imei = String(860_000_000_000_000 + count);
  stage.simulator.devices.set(deviceId);
});

const history = ({ simulator }: Stage = stage) => simulator.devices.get(deviceId)?.history ?? [];
const code = (of: Stage = stage) => history(of).at(-1)?.verifyCode ?? expect.fail("no code");
const notesOf = (preset: string, { desk }: Stage = stage) => {
  const { system, ticketId } = senderOf(preset);
  return desk.on(system, ticketId).filter(({ text }) => text.includes(deviceId));
};
/** What each event said, so that its repeats say the same. */
const payloads = new Map<string, object>();
const send = (preset: string, deliveryId = deviceId, of: Stage = stage) => {
  const sender = senderOf(preset);
  const event = `${preset} ${deviceId} ${deliveryId}`;
  const payload = payloads.get(event) ?? sender.payload({ deviceId, imei });
  payloads.set(event, payload);
  return deliver(of.system.url, sender, payload, deliveryId);
};
async function settled(preset: string, of: Stage = stage): Promise<void> {
  for (let left = 300; left > 0 && notesOf(preset, of).length === 0; left -= 1) await delay(20);
}
const logs = ({ system }: Stage = stage) => system.lambda.lines.map(({ line }) => line).join("\n");

const mayRead = ["zendesk", "jira", "pagerduty", "standard-webhooks", "shared-secret", "hmac"];

describe.each(Object.keys(senders))("a ticket of %s", (preset) => {
  test("re-keys its device and ends with a note; its repeat changes nothing", async () => {
    const first = await send(preset);
    const { operationId } = JSON.parse(first.text) as { operationId: string };
    expect([first.status, first.text]).toEqual([202, JSON.stringify({ operationId })]);
    await settled(preset);
    const [note] = notesOf(preset);
    expect(note?.text).toContain(operationId);
    expect(note?.text.includes(code())).toBe(mayRead.includes(preset));
    expect(note?.internal).toBe(mayRead.includes(preset));
    expect(history().map(({ nodeId }) => nodeId.includes(imei))).toEqual([true]);

    const repeat = await send(preset);
    expect([repeat.status, repeat.text]).toEqual([first.status, first.text]);
    await delay(300);
    expect(notesOf(preset)).toHaveLength(1);
    expect(history()).toHaveLength(1);
  });
});

describe.each(Object.keys(senders))("ten concurrent repeats of %s", (preset) => {
  test("leave one state and one note, and the code in no answer, log line or history", async () => {
    stage.desk.fail({ kind: "slow", count: 2 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(preset)));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    await settled(preset);
    await delay(300);
    expect(notesOf(preset)).toHaveLength(1);
    expect(new Set(history().map(({ verifyCode }) => verifyCode)).size).toBe(1);
    const events = [...(stage.workflows?.executions.values() ?? [])].map((one) => JSON.stringify(one));
    expect(events.join()).toContain(deviceId);
    for (const text of [...answers.map((answer) => answer.text), logs(), events.join()]) {
      expect(text.includes(code())).toBe(false);
    }
  });
});

describe("a note", () => {
  test("that fails is tried again until it is there, once, and the re-key stands", async () => {
    stage.desk.fail({ kind: "status", status: 503, count: 3 });
    expect((await send("zendesk")).status).toBe(202);
    await settled("zendesk");
    expect(notesOf("zendesk")).toHaveLength(1);
    expect(history()).toHaveLength(1);
  });

  test("whose answer was cut after it was written is not written twice", async () => {
    stage.desk.fail({ kind: "cut", writesOnly: true });
    await send("jira");
    await settled("jira");
    await delay(500);
    expect(notesOf("jira")).toHaveLength(1);
  });

  test("whose desk is silent, or asks for patience, is written when it speaks again", async () => {
    stage.desk.fail({ kind: "status", status: 429 });
    stage.desk.fail({ kind: "hang" });
    await send("pagerduty");
    await expect.poll(() => notesOf("pagerduty"), { timeout: 20_000 }).toHaveLength(1);
    expect(history()).toHaveLength(1);
  });

  test("says why it did not work and what helps", async () => {
    const { url } = stage.system;
    const sender = senderAt("zendesk", "impatient");
    stage.simulator.devices.goOnline(deviceId);
    await deliver(url, sender, sender.payload({ deviceId, imei }), deviceId);
    await settled("zendesk");
    expect(notesOf("zendesk")[0]?.text).toContain(traitsOf("DeviceOnlineError").title);
    expect(notesOf("zendesk")[0]?.text).toContain(traitsOf("DeviceOnlineError").advice);
    expect(history()).toHaveLength(0);
  });

  test("holds no markup, mention, link or formula that the ticket brought along", async () => {
    const sender = senderOf("zendesk");
    const hostile = '=HYPERLINK("https://evil.example") <script>alert(1)</script> [x](http://evil) @everyone';
    const payload = Object.assign(sender.payload({ deviceId, imei }), {});
    Object.assign(Reflect.get(payload, "ticket"), { requester: `${hostile}\n\n# Verification code: 0000` });
    await deliver(stage.system.url, sender, payload, deviceId);
    await settled("zendesk");
    const [, , , , asked = ""] = notesOf("zendesk")[0]?.text.split("\n") ?? [];
    expect(asked).toMatch(/^Asked for by: /);
    expect(asked.slice("Asked for by: ".length)).toMatch(/^[\p{L}\p{N} :;,._·…-]*$/u);
  });

  test("is written for a ticket only, wherever its id tries to lead", async () => {
    const sender = senderOf("zendesk");
    const payload = sender.payload({ deviceId, imei });
    Object.assign(Reflect.get(payload, "ticket"), { id: "../../../users/1" });
    const before = stage.desk.requests();
    const { status, text } = await deliver(stage.system.url, sender, payload, deviceId);
    expect([status, JSON.parse(text).code]).toEqual([400, "InvalidInputError"]);
    expect(stage.desk.requests()).toBe(before);
  });

  test("tells a ticket that meets the condition and names no hardware what is missing, once", async () => {
    const faulty = () => stage.desk.on("github", "7").filter(({ text }) => text.includes("nodeId is missing"));
    const sender = senderOf("github");
    const payload = sender.payload({ deviceId, imei: "none" });
    // As far away as GitHub: all ten would have looked before the first has written.
    stage.desk.fail({ kind: "slow", count: 10 });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => deliver(stage.system.url, sender, payload, deviceId)),
    );
    for (const { status, text } of answers) {
      const { code: name, detail } = JSON.parse(text);
      expect([status, name, detail]).toEqual([400, "InvalidInputError", expect.stringContaining("nodeId is missing")]);
    }
    await expect.poll(faulty, { timeout: 10_000 }).toHaveLength(1);
    await delay(1_500);
    expect(faulty()).toHaveLength(1);
    expect(history()).toHaveLength(0);
  });
});

describe("a delivery that does not verify", () => {
  const sign = (secret: string, text: string) => createHmac("sha256", secret).update(text).digest("base64");
  const secret = senderOf("zendesk").configuration.secrets[0] ?? "";
  const publicSecret = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
  const zendesk = (signature: string, time: string) => ({
    "X-Zendesk-Webhook-Signature": signature,
    "X-Zendesk-Webhook-Signature-Timestamp": time,
  });
  const now = new Date().toISOString();
  const old = new Date(Date.now() - 3_600_000).toISOString();
  const cases: [string, string, (body: string) => Record<string, string>][] = [
    ["without a signature", "desk", () => ({})],
    ["with one flipped bit", "desk", (body) => zendesk(sign(secret, `${now}${body} `), now)],
    ["signed an hour ago", "desk", (body) => zendesk(sign(secret, old + body), old)],
    ["signed in Zendesk's old order", "desk", (body) => zendesk(sign(secret, body + now), now)],
    ["signed with Zendesk's public test secret", "desk", (body) => zendesk(sign(publicSecret, now + body), now)],
    ["of a source that has the public test secret", "public", (body) => zendesk(sign(publicSecret, now + body), now)],
    ["of a source without a secret", "unsigned", (body) => zendesk(sign("", now + body), now)],
    ["of a source with an empty secret", "blank", (body) => zendesk(sign("", now + body), now)],
    [
      "with a sha1 signature",
      "repository",
      (body) => ({ "X-Hub-Signature": `sha1=${createHmac("sha1", secret).update(body).digest("hex")}` }),
    ],
    ["of an unknown source", "nobody", () => ({})],
    ["of a source that is a property of every object", "constructor", () => ({})],
  ];

  test.each(cases)("%s: 401 problem+json, and nothing is called", async (_, source, headers) => {
    const body = JSON.stringify(senderOf("zendesk").payload({ deviceId, imei }));
    const before = [stage.simulator.counters.total, stage.desk.requests(), stage.workflows?.executions.size];
    const response = await fetch(`${stage.system.url}/webhooks/${source}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers(body) },
      body,
    });
    const problem = (await response.json()) as { code: string };
    expect([response.status, response.headers.get("content-type"), problem.code]).toEqual([
      ...[401, "application/problem+json", "SignatureError"],
    ]);
    expect([stage.simulator.counters.total, stage.desk.requests(), stage.workflows?.executions.size]).toEqual(before);
  });
});

describe("a delivery", () => {
  test("of a malformed source is refused without saying how the source is configured", async () => {
    const response = await fetch(`${stage.system.url}/webhooks/broken`, { method: "POST", body: "{}" });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("fields");
    expect(logs()).toContain("signature.header is missing");
  });

  test.each([
    ["that is a ping of GitHub", "github", { zen: "Keep it logically awesome." }, { "X-GitHub-Event": "ping" }],
    ["that does not meet the condition", "github", { action: "opened" }, {}],
    ["that names no device", "zendesk", { ticket: { id: "35436", device: "", imei: "" } }, {}],
    // What our own note makes its system send: a sender that took it for an order would never come to an end.
    [
      "that tells Jira's comment",
      "jira",
      {
        webhookEvent: "jira:issue_updated",
        issue_event_type_name: "issue_commented",
        issue: {
          key: "FIELD-17",
          fields: { status: { name: "Replaced" }, customfield_10010: "device-1", customfield_10011: "1" },
        },
        comment: { id: "10001", body: "Verification code: c0de" },
      },
      {},
    ],
    [
      "that tells PagerDuty's note",
      "pagerduty",
      {
        event: {
          event_type: "incident.annotated",
          data: { incident: { id: "Q02JTSNZWHSEKV" }, content: "Verification code: c0de", type: "incident_note" },
        },
      },
      {},
    ],
    [
      "that tells GitHub's comment",
      "github",
      {
        action: "created",
        issue: { number: 7, body: "Device: device-1\nNew IMEI: 860000000000001" },
        comment: { id: 1 },
      },
      { "X-GitHub-Event": "issue_comment" },
    ],
    [
      "that tells Linear's comment",
      "linear",
      {
        action: "create",
        type: "Comment",
        data: { id: "1", body: "Device device-1 is re-keyed", issue: { id: "2" } },
        webhookTimestamp: Date.now(),
      },
      {},
    ],
    [
      "that tells Linear's issue with another title",
      "linear",
      {
        action: "update",
        type: "Issue",
        data: { id: "1", description: "Device: device-1\nNew IMEI: 860000000000001", state: { name: "Replaced" } },
        updatedFrom: { title: "Meter" },
        webhookTimestamp: Date.now(),
      },
      {},
    ],
  ])("%s is none of our business: 204", async (_, preset, payload, headers) => {
    const sender = senderOf(preset);
    const signed = (body: string, id: string) => ({ ...sender.headers(body, id), ...headers });
    const { status, text } = await deliver(stage.system.url, { ...sender, headers: signed }, payload, deviceId);
    expect([status, text]).toEqual([204, ""]);
  });

  test("over a megabyte is refused before it is read, one just below is taken", async () => {
    const sender = senderOf("zendesk");
    const sized = (bytes: number) => ({ ...sender.payload({ deviceId, imei }), padding: "x".repeat(bytes) });
    expect((await deliver(stage.system.url, sender, sized(1_100_000), deviceId)).status).toBe(413);
    expect((await deliver(stage.system.url, sender, sized(1_000_000), deviceId)).status).toBe(202);
  });

  test("of a sender that reads the answer gets the code in it, and the same one for the same delivery", async () => {
    const sender = senderAt("shared-secret", "reads");
    const payload = sender.payload({ deviceId, imei });
    const first = await deliver(stage.system.url, sender, payload, "");
    const again = await deliver(stage.system.url, sender, payload, "");
    expect([first.status, JSON.parse(first.text).verifyCode]).toEqual([200, code()]);
    expect(JSON.parse(again.text).verifyCode).toBe(JSON.parse(first.text).verifyCode);
  });

  test("of a sender that reads the answer is refused by name", async () => {
    const sender = senderAt("shared-secret", "reads");
    const { status, text } = await deliver(stage.system.url, sender, sender.payload({ deviceId: "nobody", imei }), "");
    expect([status, JSON.parse(text).code]).toEqual([404, "DeviceNotFoundError"]);
  });
});

test.each(["", "no JSON", "null", "[]", "7", '{"event":null}', '{"event":{"data":{"custom_fields":7}}}', "\u0000"])(
  "PagerDuty sees no 4xx for the signed body %j",
  async (body) => {
    const { headers, source } = senderOf("pagerduty");
    const url = `${stage.system.url}/webhooks/${source}`;
    const response = await fetch(url, { method: "POST", headers: headers(body, deviceId), body });
    expect([200, 202, 204]).toContain(response.status);
  },
);

describe("without a workflow", () => {
  let alone: Stage;
  beforeAll(async () => {
    alone = await startStage(false);
  });
  afterAll(() => alone.system.close());
  beforeEach(() => void alone.simulator.devices.set(deviceId));

  test("the re-key and its note are there when the answer is", async () => {
    const { status, text } = await send("zendesk", deviceId, alone);
    expect(status).toBe(202);
    expect(text).not.toContain(code(alone));
    expect(notesOf("zendesk", alone)[0]?.text).toContain(code(alone));
    await send("zendesk", deviceId, alone);
    expect(notesOf("zendesk", alone)).toHaveLength(1);
  });

  test("PagerDuty sees no 4xx for a delivery that is its own: 200 for what is final, 503 for what may pass", async () => {
    const sender = senderOf("pagerduty");
    const unknown = await deliver(alone.system.url, sender, sender.payload({ deviceId: "nobody", imei }), "1");
    expect([unknown.status, JSON.parse(unknown.text).code]).toEqual([200, "DeviceNotFoundError"]);
    alone.simulator.devices.goOnline(deviceId);
    const online = await send("pagerduty", "2", alone);
    expect([online.status, JSON.parse(online.text).code]).toEqual([503, "DeviceOnlineError"]);
  });

  test("a ticket that names no hardware is told so within the answer", async () => {
    const sender = senderOf("github");
    const { status } = await deliver(alone.system.url, sender, sender.payload({ deviceId, imei: "none" }), deviceId);
    expect([status, alone.desk.on("github", "7").at(-1)?.text]).toEqual([
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
      await alone.system.lambda.recycle("ticketWebhook");
      alone.simulator.faults.add({ kind: "latency", milliseconds: 3_000, count: 0 });
      const answers = [await send(preset, deviceId, alone), await send(preset, deviceId, alone)];
      alone.simulator.faults.clear();
      for (const { ms, status } of answers) {
        expect(ms).toBeLessThan(limitMs);
        expect([200, 202, 503]).toContain(status);
      }
      expect((await send(preset, deviceId, alone)).status).toBe(202);
      expect(new Set(history(alone).map(({ verifyCode }) => verifyCode)).size).toBe(1);
    },
  );
});

test.each([
  ["pagerduty", 4_500],
  ["linear", 4_500],
  ["github", 9_000],
  ["zendesk", 9_000],
])("with the workflow, %s has its answer at once, whatever the platform takes", async (preset, limitMs) => {
  stage.simulator.faults.add({ kind: "latency", milliseconds: 3_000, count: 4 });
  const { ms, status } = await send(preset);
  expect(status).toBe(202);
  expect(ms).toBeLessThan(limitMs);
  await settled(preset);
  stage.simulator.faults.clear();
  expect(notesOf(preset)).toHaveLength(1);
});

test("no code of all these tickets is in a log line or in a workflow's history", async () => {
  const told = [...stage.simulator.devices.all()].flatMap((device) =>
    device.history.map(({ verifyCode }) => verifyCode),
  );
  expect(told.length).toBeGreaterThan(10);
  const kept = `${logs()}${JSON.stringify([...(stage.workflows?.executions.values() ?? [])])}`;
  expect(told.filter((one) => kept.includes(one))).toEqual([]);
});
