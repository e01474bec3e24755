import { describe, expect, test } from "vitest";
import { senders } from "../../local/ticket-desk/senders.ts";
import { presetNames } from "../../shared/webhook/presets.ts";
import { isSourceName, readSource } from "../../shared/webhook/source.ts";
import { isTicketId } from "../../shared/webhook/ticket-api.ts";
import { faultsOf } from "./source-faults.ts";

const fields = { deviceId: "device.id" };

describe("a source's configuration", () => {
  test.each(Object.entries(senders))("of %s is read", async (_, { configuration }) => {
    const source = await readSource("desk", configuration);
    expect(source.secrets).toEqual(configuration.secrets);
    expect(Object.keys(source.fields)).toContain("deviceId");
  });

  test.each([
    ["nothing at all", undefined, "must be an object"],
    [
      "an unknown preset",
      { preset: "trello", fields },
      `preset is not valid: it must be ${presetNames.slice(0, -1).join(", ")} or ${presetNames.at(-1)}`,
    ],
    ["no preset", { fields }, "preset is missing: it must be zendesk, jira,"],
    [
      "an unknown ticketing system",
      { preset: "jira", fields, ticket: { system: "jsm", token: "t" } },
      "ticket.system is not valid: it must be zendesk, jira, jira-service-management,",
    ],
    ["no device", { preset: "jira", fields: {} }, "fields.deviceId is missing"],
    ["a misspelt field", { preset: "jira", fields: { ...fields, nodeid: "a" } }, "fields.nodeid is unknown"],
    ["a secret that is no text", { preset: "jira", fields, secrets: [7] }, "secrets.0 must be a string"],
    [
      "a signature where it is fixed",
      { preset: "jira", fields, signature: { header: "X" } },
      "signature is fixed for jira",
    ],
    ["hmac without a header", { preset: "hmac", fields }, "signature.header is missing"],
    [
      "hmac that signs no body",
      { preset: "hmac", fields, signature: { header: "X", signed: "{id}" } },
      "signature.signed must name {body}",
    ],
    [
      "hmac with an id from nowhere",
      { preset: "hmac", fields, signature: { header: "X", signed: "{id}{body}" } },
      "signature.idHeader is missing",
    ],
    [
      "hmac with a time from nowhere",
      { preset: "hmac", fields, signature: { header: "X", signed: "{timestamp}{body}" } },
      "signature.timestamp must be a header",
    ],
    [
      "hmac with a user",
      { preset: "hmac", fields, signature: { header: "X", user: "u" } },
      "signature.user belongs to shared-secret",
    ],
    [
      "a shared secret that is hashed",
      { preset: "shared-secret", fields, signature: { encoding: "hex" } },
      "signature.encoding does not belong",
    ],
    ["a ticket without a token", { preset: "jira", fields, ticket: { system: "linear" } }, "ticket.token is missing"],
    [
      "a ticket without an address",
      { preset: "jira", fields, ticket: { system: "zendesk", token: "t", user: "u" } },
      "ticket.baseUrl is missing, zendesk needs it",
    ],
    [
      "a code of no nodeId",
      { preset: "jira", fields, code: "nodeId" },
      'fields.nodeId is missing, and code is "nodeId"',
    ],
    [
      "a code of another kind",
      { preset: "jira", fields, code: "mac" },
      "code is not valid: it must be derived or nodeId",
    ],
    [
      "a check digit of nothing",
      { preset: "jira", fields, imeiCheckDigit: "refuse" },
      "imei is missing, and imeiCheckDigit needs it",
    ],
    [
      "a ticket over plain HTTP",
      { preset: "jira", fields, ticket: { system: "freshdesk", token: "t", baseUrl: "http://desk.example" } },
      "ticket.baseUrl must be an https address",
    ],
    [
      "PagerDuty without a sender",
      { preset: "pagerduty", fields, ticket: { system: "pagerduty", token: "t" } },
      "ticket.from is missing",
    ],
    [
      "GitHub without a repository",
      { preset: "github", fields, ticket: { system: "github", token: "t" } },
      "ticket.repository is missing",
    ],
  ])("with %s is refused, and the log names the field", async (_, configuration, fault) => {
    expect(await faultsOf(configuration)).toContain(fault);
  });

  test("never quotes a secret", async () => {
    const configuration = {
      preset: "jira",
      fields,
      secrets: ["s3cret"],
      ticket: { system: "zendesk", token: "t0ken" },
      x: 1,
    };
    expect(await faultsOf(configuration)).not.toMatch(/s3cret|t0ken/);
  });

  test("may leave out anything but the device: undefined is as good as absent", async () => {
    const source = await readSource("desk", {
      ...{ preset: "hmac", fields: { ...fields, nodeId: undefined } },
      signature: { header: "X-Sign", algorithm: undefined, encoding: "base64", windowSeconds: undefined },
    });
    expect(Object.keys(source.fields)).toEqual(["deviceId"]);
    expect(source.scheme).toMatchObject({ algorithm: "sha256", encoding: "base64", windowSeconds: 300 });
    expect(source).toMatchObject({ when: undefined, imei: undefined, limitSeconds: undefined, ticket: undefined });
    expect(source).toMatchObject({ imeiCheckDigit: "tell", code: "derived" });
  });

  test("may have an id and a time signed that it says where to find", async () => {
    const signature = {
      ...{ header: "X", signed: "{id}{timestamp}{body}", idHeader: "X-Id", separator: ",", key: "hex" },
      ...{ timestamp: { in: "header", name: "X-At", unit: "s" }, prefix: "v1=", windowSeconds: 60 },
    };
    const { scheme } = await readSource("desk", { preset: "hmac", fields, signature });
    expect(scheme).toEqual({ kind: "hmac", algorithm: "sha256", encoding: "hex", event: "id", ...signature });
  });

  test("has hmac's defaults, and those of a shared secret", async () => {
    const hmac = await readSource("own", { preset: "hmac", fields, signature: { header: "X-Sign" } });
    expect(hmac.scheme).toMatchObject({
      kind: "hmac",
      header: "X-Sign",
      algorithm: "sha256",
      encoding: "hex",
      signed: "{body}",
    });
    expect([hmac.reply, hmac.secrets]).toEqual(["ack", []]);
    const shared = await readSource("own", { preset: "shared-secret", fields });
    expect(shared.scheme).toEqual({ kind: "shared-secret", header: "X-Rekey-Secret", prefix: "", user: null });
    expect(shared.reply).toBe("result");
  });
});

test.each([
  ["desk_1-A", true],
  ["", false],
  ["a b", false],
  ["x".repeat(41), false],
  ["ä", false],
])("a source may be named %j: %s", (name, may) => expect(isSourceName(name)).toBe(may));

test.each([
  ["35436", true],
  ["FIELD-17", true],
  ["9d385017c611228701d22104cc95c371", true],
  ["", false],
  [".", false],
  ["..", false],
  ["a/b", false],
  ["1^ORDERBYx", false],
  ["1?x", false],
  ["x".repeat(128), true],
  ["x".repeat(129), false],
  [".a", true],
  ["#35436", true],
  ["##1", false],
  ["INC0010023", true],
])("%j is the id of a ticket: %s", (id, is) => expect(isTicketId(id)).toBe(is));
