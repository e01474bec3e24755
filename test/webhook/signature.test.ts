import { describe, expect, test } from "vitest";
import { faultsOf } from "./source-faults.ts";

const fields = { deviceId: "device.id" };

/** What stands for itself in a source that is well but for it. */
const well = "a secret with enough letters";

describe("each of nine sources that an operator wrote", () => {
  const imei = { deviceId: "device", nodeId: "imei" };
  const tooShort = "secrets.0 must have at least 16 characters";
  const ticket = { ...imei, ticketId: "ticket" };
  const gh = {
    deviceId: "$match(issue.body, /Device: *(\\S+)/)[0].groups[0]",
    nodeId: "$match(issue.body, /IMEI: *(\\d{15})/)[0].groups[0]",
    ticketId: "issue.number",
  };

  test.each<[string, object, string]>([
    [
      "v1whsec",
      { preset: "standard-webhooks", secrets: ["v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], fields: imei },
      "none",
    ],
    [
      "urlsafe",
      { preset: "standard-webhooks", secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2-a_aSw"], fields: imei },
      "none",
    ],
    [
      "newline",
      { preset: "shared-secret", secrets: ["abc\n"], reply: "ack", fields: imei },
      `${tooShort}; secrets.0 must not hold a line end or another control character`,
    ],
    [
      "hexkey",
      { preset: "hmac", secrets: ["not hex"], signature: { header: "X-Sig", key: "hex" }, fields: imei },
      `${tooShort}; secrets.0 is not hex, and signature.key says so`,
    ],
    [
      "sha1",
      {
        ...{ preset: "hmac", secrets: ["abc"], fields: imei },
        signature: { header: "X-Hub-Signature", prefix: "sha1=", algorithm: "sha1" },
      },
      tooShort,
    ],
    [
      "fresh",
      {
        ...{ preset: "shared-secret", secrets: ["abc"], reply: "ack", fields: ticket },
        ticket: { system: "freshservice", baseUrl: "https://acme.freshservice.com", token: "t" },
      },
      tooShort,
    ],
    [
      "snow",
      {
        ...{ preset: "shared-secret", secrets: ["abc"], reply: "ack", fields: ticket },
        ticket: { system: "servicenow", baseUrl: "https://acme.service-now.com", user: "u", token: "t" },
      },
      tooShort,
    ],
    ["urn", { preset: "shared-secret", secrets: ["abc"], reply: "ack", imei: "urn", fields: imei }, tooShort],
    [
      "gh",
      {
        ...{ preset: "github", secrets: ["abc"], when: 'action = "labeled"', fields: gh },
        ticket: { system: "github", token: "t", repository: "a/b" },
      },
      tooShort,
    ],
  ])("%s has these faults", async (_, configuration, faults) => {
    expect(await faultsOf(configuration)).toBe(faults);
    // Nothing else is wrong with it.
    if (faults === tooShort) expect(await faultsOf({ ...configuration, secrets: [well] })).toBe("none");
  });
});

const hmac = (signature: object, secret = well) => ({
  ...{ preset: "hmac", secrets: [secret], signature: { header: "X-Sig", ...signature }, fields },
});
const standard = (secret: string) => ({ preset: "standard-webhooks", secrets: [secret], fields });
const shared = (secret: string, signature: object = {}) => ({
  ...{ preset: "shared-secret", secrets: [secret], signature, fields },
});
const stated = (place: string) => ({ in: place, name: "t", unit: "s" });

describe("a secret, or a way to sign, with which nothing or anything would verify", () => {
  test.each<[string, object, string]>([
    ["a shared secret of three letters and a line end", shared("abc\n"), "secrets.0 must have at least 16 characters"],
    ["a secret with the line end that its file had", shared(`${well}\n`), "secrets.0 must not hold a line end"],
    ["a secret with a tab in it", shared("a secret\twith enough"), "secrets.0 must not hold a line end"],
    ["a secret behind a blank", shared(` ${well}`), "secrets.0 must not begin or end with a blank"],
    ["fifteen letters", shared("x".repeat(15)), "secrets.0 must have at least 16 characters"],
    ["a secret of nothing", shared(""), "secrets.0 must have at least 16 characters"],
    [
      "the previous secret being too short",
      { ...shared(well), secrets: [well, "old"] },
      "secrets.1 must have at least",
    ],
    ["Zendesk's public test secret", shared("dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="), "everybody knows it"],
    ["a hex key without hex", hmac({ key: "hex" }, "not hex"), "secrets.0 is not hex, and signature.key says so"],
    ["a hex key with half a byte", hmac({ key: "hex" }, "0".repeat(33)), "secrets.0 is not hex"],
    ["a base64 key with other letters", hmac({ key: "base64" }, "a secret, not base64"), "secrets.0 is not base64"],
    ["a base64 key that is marked as another kind", hmac({ key: "base64" }, `whsec_${"A".repeat(32)}`), "not base64"],
    ["whsec_ before nothing that is base64", standard("whsec_!!!!!!!!!!!!"), "secrets.0 is not base64"],
    ["whsec_ of another version", standard(`v2,whsec_${"A".repeat(32)}`), "secrets.0 is not base64"],
    ["a time that nobody signs", hmac({ timestamp: stated("header") }), "signature.timestamp is not signed"],
    [
      "a time beside the signature that nobody signs",
      hmac({ separator: ",", timestamp: stated("signature") }),
      "signature.timestamp is not signed",
    ],
    [
      "a time that is a part of a header with one part",
      hmac({ signed: "{timestamp}{body}", timestamp: stated("signature") }),
      "signature.separator is missing between time and signature",
    ],
    [
      "a time in the body where one outside is signed",
      hmac({ signed: "{timestamp}{body}", timestamp: stated("field") }),
      "signature.timestamp must be a header or a part of the signature",
    ],
    ["a header for an id that nobody signs", hmac({ idHeader: "X-Id" }), "signature.idHeader is not signed"],
    [
      "events told apart by an id that nobody signs",
      hmac({ event: "id" }),
      "signature.event is id, and no id is signed",
    ],
    ["events told apart by no time", hmac({ event: "time" }), "signature.event is time, and no time is signed"],
    ["nothing between two signatures", hmac({ separator: "" }), "signature.separator must not be empty"],
    ["md5", hmac({ algorithm: "md5" }), "signature.algorithm is not valid"],
    ["a shared secret that tells events apart", shared(well, { event: "id" }), "signature.event does not belong"],
  ])("%s is refused when it is read, with its place", async (_, configuration, fault) => {
    expect(await faultsOf(configuration)).toContain(fault);
  });

  test.each<[string, object]>([
    ["v1,whsec_", standard("v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
    ["url-safe base64", standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2-a_aSw")],
    ["base64 without its end", hmac({ key: "base64" }, "YSBzZWNyZXQgd2l0aCBl")],
    ["hex in capitals", hmac({ key: "hex" }, "00FF00FF00FF00FF00FF")],
    ["sixteen letters, none of them English", shared("пароль-для-Rekey")],
    ["blanks within", shared("a pass phrase of words")],
    ["sha1 under its own prefix", hmac({ header: "X-Hub-Signature", prefix: "sha1=", algorithm: "sha1" })],
    ["a time in the body, which is signed with it", hmac({ timestamp: stated("field") })],
    [
      "time and signature in one header",
      hmac({ separator: ",", prefix: "v1=", signed: "{timestamp}.{body}", timestamp: stated("signature") }),
    ],
    ["a method and an address that are signed too", hmac({ signed: "POSThttps://rekey.example/webhooks/hub{body}" })],
  ])("%s is read", async (_, configuration) => {
    expect(await faultsOf(configuration)).toBe("none");
  });
});
