import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { deliver, senderAt, senderOf } from "../../local/ticket-desk/senders.ts";
import { useTicketStage } from "./ticket-stage.ts";

const stage = useTicketStage(true);

describe("a delivery that does not verify", () => {
  const sign = (secret: string, text: string) => createHmac("sha256", secret).update(text).digest("base64");
  const secret = senderOf("zendesk").configuration.secrets[0] ?? "";
  const publicSecret = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
  const zendesk = (signature: string, time: string) => ({
    "X-Zendesk-Webhook-Signature": signature,
    "X-Zendesk-Webhook-Signature-Timestamp": time,
  });
  const signedAt = (secret: string, text: (time: string) => string, agoMs = 0) => {
    const time = new Date(Date.now() - agoMs).toISOString();
    return zendesk(sign(secret, text(time)), time);
  };
  const cases: [string, string, (body: string) => Record<string, string>][] = [
    ["without a signature", "desk", () => ({})],
    ["with one flipped bit", "desk", (body) => signedAt(secret, (now) => `${now}${body} `)],
    ["signed an hour ago", "desk", (body) => signedAt(secret, (old) => old + body, 3_600_000)],
    ["signed in Zendesk's old order", "desk", (body) => signedAt(secret, (now) => body + now)],
    ["signed with Zendesk's public test secret", "desk", (body) => signedAt(publicSecret, (now) => now + body)],
    ["of a source that has the public test secret", "public", (body) => signedAt(publicSecret, (now) => now + body)],
    ["of a source without a secret", "unsigned", (body) => signedAt("", (now) => now + body)],
    ["of a source with an empty secret", "blank", (body) => signedAt("", (now) => now + body)],
    [
      "with a sha1 signature",
      "repository",
      (body) => ({ "X-Hub-Signature": `sha1=${createHmac("sha1", secret).update(body).digest("hex")}` }),
    ],
    ["of an unknown source", "nobody", () => ({})],
    ["of a source that is a property of every object", "constructor", () => ({})],
  ];

  test.each(cases)("%s: 401 problem+json, and nothing is called", async (_, source, headers) => {
    const body = JSON.stringify(senderOf("zendesk").payload(stage.device));
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
    expect(await response.text()).not.toMatch(/fields|broken|malformed/);
    expect(stage.logs()).toContain("signature.header is missing");
  });

  test("of a malformed source is told to its sender alone, and in the log once", async () => {
    const stranger = await fetch(`${stage.system.url}/webhooks/halfway`, { method: "POST", body: "{}" });
    const unknown = await fetch(`${stage.system.url}/webhooks/nobody`, { method: "POST", body: "{}" });
    const told = async (response: Response) => ({ ...((await response.json()) as object), requestId: "" });
    expect([stranger.status, await told(stranger)]).toEqual([unknown.status, await told(unknown)]);
    const sender = senderAt("zendesk", "halfway");
    for (let times = 0; times < 3; times += 1) {
      const { status, text } = await deliver(stage.system.url, sender, sender.payload(stage.device), `${times}`);
      expect([status, JSON.parse(text).code]).toEqual([503, "ConfigurationError"]);
      expect(text).not.toMatch(/fields|halfway|deviceId/);
    }
    const lines = stage
      .logs()
      .split("\n")
      .filter((line) => line.includes("fields.deviceId is missing"));
    expect(new Set(lines).size).toBe(lines.length);
    // A sandbox each at most: this function has served no delivery of this source before.
    expect(lines.length).toBeLessThanOrEqual(4);
    expect(lines.length).toBeGreaterThan(0);
  });

  test("is answered with a request id of ours, whatever a stranger's says", async () => {
    const headers = { "X-Request-Id": "chosen-by-a-stranger" };
    const response = await fetch(`${stage.system.url}/webhooks/desk`, { method: "POST", body: "{}", headers });
    expect(response.headers.get("x-request-id")).toMatch(/^[\w-]{8,}$/);
    expect(response.headers.get("x-request-id")).not.toBe("chosen-by-a-stranger");
    expect(stage.logs()).not.toContain("chosen-by-a-stranger");
  });

  test("is not needed to ask which sources can verify and be read", async () => {
    const outcome = await stage.system.lambda.invoke("ticketWebhook", { check: true });
    const said = outcome.ok ? outcome.result : expect.fail(outcome.error.errorMessage);
    expect(said).toMatchObject({
      ok: false,
      sources: {
        desk: { ok: true },
        repository: { ok: true },
        broken: { ok: false, faults: expect.arrayContaining([{ path: "signature.header", message: "is missing" }]) },
        public: { ok: false, faults: [{ path: "secrets.0", message: expect.stringContaining("everybody knows it") }] },
        unsigned: { ok: false, faults: [{ path: "secrets", message: expect.stringContaining("is missing") }] },
        blank: { ok: false, faults: [{ path: "secrets.0", message: expect.stringContaining("16 characters") }] },
        halfway: { ok: false, faults: [{ path: "fields.deviceId", message: "is missing" }] },
      },
    });
    expect(JSON.stringify(said)).not.toContain("the own secret of");
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
      },
      {},
    ],
  ])("%s is none of our business: 204", async (_, preset, payload, headers) => {
    const sender = senderOf(preset);
    const signed = (body: string, id: string) => ({ ...sender.headers(body, id), ...headers });
    // Linear's window of a minute begins when it is sent, not when this file was read.
    const sent = preset === "linear" ? { ...payload, webhookTimestamp: Date.now() } : payload;
    const { status, text } = await deliver(
      stage.system.url,
      { ...sender, headers: signed },
      sent,
      stage.device.deviceId,
    );
    expect([status, text]).toEqual([204, ""]);
  });

  test("over a megabyte is refused before it is read, one just below is taken", async () => {
    const sender = senderOf("zendesk");
    const sized = (bytes: number) => ({ ...sender.payload(stage.device), padding: "x".repeat(bytes) });
    expect((await deliver(stage.system.url, sender, sized(1_100_000), stage.device.deviceId)).status).toBe(413);
    expect((await deliver(stage.system.url, sender, sized(1_000_000), stage.device.deviceId)).status).toBe(202);
  });

  test("of a sender that reads the answer gets the code in it, and the same one for the same delivery", async () => {
    const sender = senderAt("shared-secret", "reads");
    const payload = sender.payload(stage.device);
    const first = await deliver(stage.system.url, sender, payload, "");
    const again = await deliver(stage.system.url, sender, payload, "");
    expect([first.status, JSON.parse(first.text).verifyCode]).toEqual([200, stage.code()]);
    expect(JSON.parse(again.text).verifyCode).toBe(JSON.parse(first.text).verifyCode);
  });

  test("of a sender that reads the answer is refused by name", async () => {
    const sender = senderAt("shared-secret", "reads");
    const { status, text } = await deliver(
      stage.system.url,
      sender,
      sender.payload({ ...stage.device, deviceId: "nobody" }),
      "",
    );
    expect([status, JSON.parse(text).code]).toEqual([404, "DeviceNotFoundError"]);
  });
});

test.each(["", "no JSON", "null", "[]", "7", '{"event":null}', '{"event":{"data":{"custom_fields":7}}}', "\u0000"])(
  "PagerDuty sees no 4xx for the signed body %j",
  async (body) => {
    const { headers, source } = senderOf("pagerduty");
    const url = `${stage.system.url}/webhooks/${source}`;
    const response = await fetch(url, { method: "POST", headers: headers(body, stage.device.deviceId), body });
    expect([200, 202, 204]).toContain(response.status);
  },
);
