import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Reading, readDelivery } from "../../shared/webhook/delivery.ts";
import { expressionFaults, readSource } from "../../shared/webhook/source.ts";
import { ticketIdAdvice } from "../../shared/webhook/ticket-ids.ts";
import { type Headers, verify } from "../../shared/webhook/verify.ts";
import { bytes } from "./signing.ts";

// The sources of docs/tickets.md, as an operator copies them: each is read, its sender's delivery verifies and re-keys.

/** A chapter of the page: a source under its name, and what its sender sends. */
interface Chapter {
  readonly title: string;
  readonly name: string;
  readonly configuration: { readonly secrets: readonly string[]; readonly [field: string]: unknown };
  readonly payload: Readonly<Record<string, unknown>>;
}

const page = readFileSync(new URL("../../docs/tickets.md", import.meta.url), "utf8");
const chapters = page
  .split(/^### /m)
  .slice(1)
  .map((text): Chapter => {
    const [source, payload] = [...text.matchAll(/^```json\n(.*?)^```/gms)].map(([, block = ""]) => JSON.parse(block));
    const [[name, configuration] = expect.fail("no source")] = Object.entries<Chapter["configuration"]>(source);
    return { title: text.split("\n")[0] ?? "", name, configuration, payload };
  });

const secret = "c2VjcmV0IG9mIGEgc2VuZGVy";
const nowMs = Date.parse("2026-11-25T20:12:02Z");
const seconds = String(nowMs / 1000);
const mac = (text: string, encoding: "hex" | "base64", algorithm = "sha256", key: string | Buffer = secret) =>
  createHmac(algorithm, key).update(text).digest(encoding);
const basic = (user: string) => ({ Authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString("base64")}` });
const standard = (body: string) => ({
  "webhook-id": "msg_1",
  "webhook-timestamp": seconds,
  "webhook-signature": `v1,${mac(`msg_1.${seconds}.${body}`, "base64", "sha256", Buffer.from(secret, "base64"))}`,
});

/** How each sender proves itself, by its own documentation. */
const headersOf: Readonly<Record<string, (body: string) => Headers>> = {
  desk: (body) => ({
    "X-Zendesk-Webhook-Signature": mac(`2026-11-25T20:12:02Z${body}`, "base64"),
    "X-Zendesk-Webhook-Signature-Timestamp": "2026-11-25T20:12:02Z",
  }),
  "field-service": (body) => ({ "X-Hub-Signature": `sha256=${mac(body, "hex")}` }),
  automation: () => ({ "X-Rekey-Secret": secret }),
  snow: () => ({ "X-Rekey-Secret": secret }),
  freshservice: () => basic("freshservice"),
  freshdesk: () => basic("freshdesk"),
  incidents: (body) => ({ "X-PagerDuty-Signature": `v1=${mac(body, "hex")}` }),
  repository: (body) => ({ "X-Hub-Signature-256": `sha256=${mac(body, "hex")}`, "X-GitHub-Event": "issues" }),
  gitlab: () => ({ "X-Gitlab-Token": secret, "X-Gitlab-Event": "Issue Hook" }),
  "gitlab-signed": standard,
  linear: (body) => ({ "Linear-Signature": mac(body, "hex") }),
  hubspot: (body) => ({
    "X-HubSpot-Signature-v3": mac(`POSThttps://rekey.example/webhooks/hubspot${body}${nowMs}`, "base64"),
    "X-HubSpot-Request-Timestamp": String(nowMs),
  }),
  intercom: (body) => ({ "X-Hub-Signature": `sha1=${mac(body, "hex", "sha1")}` }),
  halo: (body) => ({ "X-Halo-Signature": `sha256= ${mac(body, "base64")}` }),
  visits: (body) => ({ "Calendly-Webhook-Signature": `t=${seconds},v1=${mac(`${seconds}.${body}`, "hex")}` }),
  odoo: () => basic("odoo"),
  helpdesk: standard,
};

/** What a ticket of the page says, whatever its system. */
const asked = { deviceId: "device-2", nodeId: expect.stringMatching(/^(urn:imei:)?860000000000017$/) };

/** A source with its operator's own secret in the place of the dots. */
const withSecret = (configuration: Chapter["configuration"]) => ({
  ...configuration,
  secrets: configuration.secrets.map((one) => one.replace("...", secret)),
});

async function delivered({ name, configuration, payload }: Chapter): Promise<Reading> {
  const source = await readSource(name, withSecret(configuration));
  const body = JSON.stringify(payload);
  const headers = headersOf[name]?.(body) ?? expect.fail(`nobody says how ${name} signs`);
  const proof = verify(source.scheme, source.secrets, { headers, body: bytes(body), nowMs });
  const [reading, ...others] = await readDelivery(source, { headers, body: bytes(body), proof }, 60_000);
  expect(others).toEqual([]);
  return reading;
}

describe.each(chapters.map((chapter) => [chapter.title, chapter] as const))("the source of %s", (_, chapter) => {
  test("verifies its sender's delivery and re-keys what the ticket says", async () => {
    const reading = await delivered(chapter);
    expect(reading).toMatchObject({ kind: "order", order: { device: asked } });
  });

  test("has expressions that compile, and a ticket's id that its system takes", async () => {
    const { name, configuration } = chapter;
    const source = await readSource(name, withSecret(configuration));
    expect(await expressionFaults(source, 60_000)).toEqual([]);
    const reading = await delivered(chapter);
    const ticketId = reading.kind === "order" ? reading.order.ticketId : expect.fail(reading.kind);
    expect(ticketId === undefined).toBe(source.ticket === undefined);
    if (source.ticket !== undefined) expect(ticketIdAdvice(source.ticket, ticketId ?? "")).toBeUndefined();
  });

  test("is refused while its secret is what stands on the page", async () => {
    await expect(readSource(chapter.name, chapter.configuration)).rejects.toMatchObject({ name: "ConfigurationError" });
  });
});

const signing = chapters.filter(({ configuration }) => configuration["preset"] !== "shared-secret");

test.each(signing.map((chapter) => [chapter.title, chapter] as const))(
  "a delivery of %s with one letter changed does not verify",
  async (_, { name, configuration, payload }) => {
    const source = await readSource(name, withSecret(configuration));
    const body = JSON.stringify(payload);
    const headers = headersOf[name]?.(body) ?? {};
    const changed = bytes(body.replace("device-2", "meter-2"));
    expect(() => verify(source.scheme, source.secrets, { headers, body: changed, nowMs })).toThrow("does not verify");
  },
);

test("a system of one's own that signs verifies with what openssl computes, and may be told the code", async () => {
  const [block = ""] = /^ {4}\{ "crm-signed".*?\} \}$/ms.exec(page) ?? [];
  const [[name, configuration] = expect.fail("no source")] = Object.entries<Chapter["configuration"]>(
    JSON.parse(block),
  );
  const source = await readSource(name, configuration);
  const body = '{"asset":{"platform_id":"device-2"},"old_imei":"860000000000009","new_imei":"860000000000017"}';
  const headers = { "X-Crm-Signature": mac(body, "hex", "sha256", configuration.secrets[0]) };
  const proof = verify(source.scheme, source.secrets, { headers, body: bytes(body), nowMs });
  const [reading] = await readDelivery(source, { headers, body: bytes(body), proof }, 60_000);
  expect([source.reply, reading]).toMatchObject(["result", { kind: "order", order: { device: asked } }]);
});

test("all sources of the page can stand in one secret", () => {
  expect(new Set(chapters.map(({ name }) => name)).size).toBe(chapters.length);
  expect(Object.keys(headersOf).sort()).toEqual(chapters.map(({ name }) => name).sort());
});
