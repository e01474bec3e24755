import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { contentOf, operationNames } from "../../shared/webhook/operation.ts";
import { readSource } from "../../shared/webhook/source.ts";
import { type Headers, verify } from "../../shared/webhook/verify.ts";
import { bytes } from "./signing.ts";

const secret = "a secret with enough letters";
const key = Buffer.from(secret).toString("base64");
const nowMs = Date.parse("2026-11-25T20:00:00Z");
const sign = (text: string, encoding: "hex" | "base64", of = secret) =>
  createHmac("sha256", of).update(text).digest(encoding);
const seconds = (atMs: number) => String(Math.floor(atMs / 1000));

interface Try {
  /** The sender's own name for the delivery, wherever it writes it. */
  readonly id: string;
  readonly atMs?: number;
  readonly body?: Record<string, unknown>;
  /** Headers as they are sent on by somebody else. */
  readonly forged?: Headers;
}
type Sent = { readonly headers: Headers; readonly body: string };

/** Each sender's settings, and how it sends: the body that it makes of an event, and its headers. */
const senders: Readonly<Record<string, { settings: object; idHeader: string; send(one: Required<Try>): Sent }>> = {
  github: {
    settings: { preset: "github" },
    idHeader: "X-GitHub-Delivery",
    send: ({ body, id }) =>
      plain(body, (text) => ({ "X-Hub-Signature-256": `sha256=${sign(text, "hex")}`, "X-GitHub-Delivery": id })),
  },
  jira: {
    settings: { preset: "jira" },
    idHeader: "X-Atlassian-Webhook-Identifier",
    send: ({ body, id }) =>
      plain(body, (text) => ({
        "X-Hub-Signature": `sha256=${sign(text, "hex")}`,
        "X-Atlassian-Webhook-Identifier": id,
      })),
  },
  pagerduty: {
    settings: { preset: "pagerduty" },
    idHeader: "X-Webhook-Id",
    send: ({ body, id }) =>
      plain(body, (text) => ({ "X-PagerDuty-Signature": `v1=${sign(text, "hex")}`, "X-Webhook-Id": id })),
  },
  linear: {
    settings: { preset: "linear" },
    idHeader: "Linear-Delivery",
    send: ({ body, id, atMs }) =>
      plain({ ...body, webhookTimestamp: atMs }, (text) => ({
        "Linear-Signature": sign(text, "hex"),
        "Linear-Delivery": id,
      })),
  },
  zendesk: {
    settings: { preset: "zendesk" },
    idHeader: "X-Zendesk-Webhook-Invocation-Id",
    send: ({ body, id, atMs }) =>
      plain(body, (text) => {
        const time = new Date(atMs).toISOString();
        return {
          "X-Zendesk-Webhook-Signature": sign(time + text, "base64"),
          "X-Zendesk-Webhook-Signature-Timestamp": time,
          "X-Zendesk-Webhook-Invocation-Id": id,
        };
      }),
  },
  "standard-webhooks": {
    settings: { preset: "standard-webhooks", secrets: [`whsec_${key}`] },
    // Its id is signed: under another one nothing verifies.
    idHeader: "X-Request-Id",
    send: ({ body, id, atMs }) =>
      plain(body, (text) => ({
        "webhook-id": id,
        "webhook-timestamp": seconds(atMs),
        "webhook-signature": `v1,${sign(`${id}.${seconds(atMs)}.${text}`, "base64")}`,
        "X-Request-Id": id,
      })),
  },
  "shared-secret": {
    settings: { preset: "shared-secret" },
    idHeader: "X-Delivery",
    send: ({ body, id }) => plain(body, () => ({ "X-Rekey-Secret": secret, "X-Delivery": id })),
  },
  hmac: {
    settings: { preset: "hmac", signature: { header: "X-Sig" } },
    idHeader: "X-Delivery",
    send: ({ body, id }) => plain(body, (text) => ({ "X-Sig": sign(text, "hex"), "X-Delivery": id })),
  },
  "hmac with a time that every try signs anew": {
    settings: {
      preset: "hmac",
      signature: {
        ...{ header: "Stripe-Signature", prefix: "v1=", separator: ",", signed: "{timestamp}.{body}" },
        timestamp: { in: "signature", name: "t", unit: "s" },
      },
    },
    idHeader: "X-Delivery",
    send: ({ body, id, atMs }) =>
      plain(body, (text) => ({
        "Stripe-Signature": `t=${seconds(atMs)},v1=${sign(`${seconds(atMs)}.${text}`, "hex")}`,
        "X-Delivery": id,
      })),
  },
  "hmac with a signed id": {
    settings: { preset: "hmac", signature: { header: "X-Sig", signed: "{id}{body}", idHeader: "X-Event" } },
    idHeader: "X-Delivery",
    send: ({ body, id }) =>
      plain(body, (text) => ({ "X-Sig": sign(id + text, "hex"), "X-Event": id, "X-Delivery": id })),
  },
};

function plain(body: Record<string, unknown>, headers: (text: string) => Headers): Sent {
  const text = JSON.stringify(body);
  return { headers: headers(text), body: text };
}

const event = { device: "meter-1", imei: "860000000000001" };

/** The names of a delivery that verifies, as the function makes them. */
async function namesOf(
  sender: string,
  { headers, body }: Sent,
  changes: object = {},
  configured: string | undefined = undefined,
  part: number | undefined = undefined,
) {
  const { settings = {} } = senders[sender] ?? {};
  const given = { secrets: [secret], ...settings, ...changes, fields: { deviceId: "device" } };
  const source = await readSource("desk", given);
  const proof = verify(source.scheme, source.secrets, { headers, body: bytes(body), nowMs });
  return operationNames(source, configured, { headers, body: bytes(body), proof }, part);
}

const sent = (sender: string, { id, atMs = nowMs, body = event, forged = {} }: Try): Sent => {
  const one = senders[sender]?.send({ id, atMs, body, forged }) ?? expect.fail();
  return { ...one, headers: { ...one.headers, ...forged } };
};
const of = (sender: string, one: Try) => namesOf(sender, sent(sender, one));

describe.each(Object.keys(senders))("of %s", (sender) => {
  const idHeader = senders[sender]?.idHeader ?? "";

  test("the same bytes again, under other ids or none, are the same operation", async () => {
    const first = await of(sender, { id: "1" });
    expect(first.operationId).toMatch(/^desk-[0-9a-f]{32}$/);
    for (const forged of ["2", "3", "4", "5", "6", undefined]) {
      const again = await of(sender, { id: "1", forged: { [idHeader]: forged } });
      expect([again.operationId, again.idempotencyKey]).toEqual([first.operationId, first.idempotencyKey]);
    }
  });

  test("the sender's own repeat, with its ids unchanged, is the same operation", async () => {
    const first = await of(sender, { id: "1" });
    const same = await of(sender, { id: "1" });
    expect(same.operationId).toBe(first.operationId);
    const later = await of(sender, { id: "1", atMs: nowMs + 30_000 });
    if (sender === "zendesk") expect([later.tryOf, later.idempotencyKey]).toEqual([first.tryOf, first.idempotencyKey]);
    else expect(later.operationId).toBe(first.operationId);
  });

  test("another event is another operation, with another code", async () => {
    const first = await of(sender, { id: "1" });
    const other = await of(sender, { id: "2", atMs: nowMs + 1_000, body: { ...event, imei: "860000000000002" } });
    expect(other.operationId).not.toBe(first.operationId);
    expect(other.idempotencyKey).not.toBe(first.idempotencyKey);
    expect(contentOf(other.operationId)).not.toBe(contentOf(first.operationId));
    const sameId = await of(sender, { id: "1", body: { ...event, imei: "860000000000002" } });
    if (sender === "zendesk") expect(sameId.tryOf).not.toBe(first.tryOf);
  });
});

describe("another event with an equal body", () => {
  test.each(["zendesk", "standard-webhooks", "hmac with a signed id"])(
    "of %s is another operation that arms the same code, and shows that it asks for the same",
    async (sender) => {
      const first = await of(sender, { id: "1" });
      const other = await of(sender, { id: "2", atMs: nowMs + 1_000 });
      expect(other.operationId).not.toBe(first.operationId);
      expect(other.idempotencyKey).toBe(first.idempotencyKey);
      expect(contentOf(other.operationId)).toBe(contentOf(first.operationId));
      if (sender === "zendesk") expect(other.tryOf).not.toBe(first.tryOf);
    },
  );

  test("of a sender that signs nothing is another one only long after, and one of its own each time", async () => {
    const { operationId, laterOne } = await of("shared-secret", { id: "1" });
    const later = [1, 2].map((times) => laterOne?.(times) ?? "");
    expect(new Set([operationId, ...later]).size).toBe(3);
    for (const one of later) expect([one.length, contentOf(one)]).toEqual([operationId.length, contentOf(operationId)]);
  });

  test("of any other sender is a repeat of the first: its own texts never are equal", async () => {
    for (const sender of ["github", "jira", "pagerduty", "linear", "hmac"]) {
      expect(await of(sender, { id: "2", atMs: nowMs + 1_000 })).toEqual(await of(sender, { id: "1" }));
    }
  });
});

describe("an operation's name", () => {
  test("is by the source's own field where it has one, whatever else differs", async () => {
    const one = await namesOf("zendesk", sent("zendesk", { id: "1" }), {}, "4711");
    const again = await namesOf("zendesk", sent("zendesk", { id: "2", body: { other: 1 } }), {}, "4711");
    expect(again).toEqual(one);
    expect((await namesOf("zendesk", sent("zendesk", { id: "1" }), {}, "4712")).operationId).not.toBe(one.operationId);
  });

  test("cannot be made without the secret, nor for another source", async () => {
    const github = (changes: object = {}) => namesOf("github", sent("github", { id: "1" }), changes);
    const one = await github({ secrets: ["a secret of somebody else", secret] });
    expect(one).toEqual(await github());
    const { body } = sent("github", { id: "1" });
    const headers = { "X-Hub-Signature-256": `sha256=${sign(body, "hex", "a secret of somebody else")}` };
    const other = await namesOf("github", { headers, body }, { secrets: ["a secret of somebody else", secret] });
    expect(other.operationId).not.toBe(one.operationId);
  });

  test("of a body with a time of sending in it leaves out that time, and nothing that a ticket says of one", async () => {
    const said = (text: string) => ({ headers: { "Linear-Signature": sign(text, "hex") }, body: text });
    const linear = (text: string) => namesOf("linear", said(text));
    const one = await linear(`{"a":1,"webhookTimestamp":${nowMs},"b":12345678901234567890}`);
    expect((await linear(`{"a":1,"webhookTimestamp" : ${nowMs + 5},"b":12345678901234567890}`)).operationId).toBe(
      one.operationId,
    );
    for (const other of [
      `{"a":1,"webhookTimestamp":${nowMs},"b":12345678901234567891}`,
      `{"a":"\\"webhookTimestamp\\":1","webhookTimestamp":${nowMs},"b":12345678901234567890}`,
      `{"a":"\\"webhookTimestamp\\":2","webhookTimestamp":${nowMs},"b":12345678901234567890}`,
    ]) {
      expect((await linear(other)).operationId).not.toBe(one.operationId);
    }
    const quoted = await Promise.all(
      [1, 2].map((time) => linear(`{"a":"\\"webhookTimestamp\\":${time}","webhookTimestamp":${nowMs}}`)),
    );
    expect(quoted[0]?.operationId).not.toBe(quoted[1]?.operationId);
  });

  test("by a time in the body is that of one try where the source says so", async () => {
    const signature = { header: "X-Sig", event: "time", timestamp: { in: "field", name: "at", unit: "ms" } };
    const said = (atMs: number) => plain({ at: atMs }, (text) => ({ "X-Sig": sign(text, "hex") }));
    const at = (atMs: number, changes: object) =>
      namesOf("hmac", said(atMs), { signature: { ...signature, ...changes } });
    expect((await at(nowMs, {})).operationId).not.toBe((await at(nowMs + 1, {})).operationId);
    expect((await at(nowMs, { event: "body" })).operationId).toBe((await at(nowMs + 1, { event: "body" })).operationId);
  });

  test("of several events in one delivery is one each, the first being that of a delivery with one", async () => {
    for (const sender of ["github", "zendesk", "standard-webhooks"]) {
      const parts = [undefined, 0, 1, 2].map((part) => namesOf(sender, sent(sender, { id: "1" }), {}, undefined, part));
      const [alone, first, second, third] = await Promise.all(parts);
      expect(first).toEqual(alone);
      expect(new Set([first, second, third].map((one) => one?.operationId)).size).toBe(3);
      expect(new Set([first, second, third].map((one) => one?.idempotencyKey)).size).toBe(3);
    }
  });

  // Pinned: another way of making it would have every delivery under way at a deployment done twice.
  test("is the same from one release to the next", async () => {
    expect(await of("github", { id: "1" })).toMatchObject({ operationId: "desk-7b272dd9e7fcef4b3fa5e12f3643dc5d" });
    expect(await of("zendesk", { id: "1" })).toMatchObject({
      operationId: "desk-7b272dd9e7fcef4b3fa5192148f296c7",
      idempotencyKey: "desk-7b272dd9e7fcef4b3fa5e12f3643dc5d",
      tryOf: "3f4191f09852",
    });
  });
});
