import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hmacDefaults, presets, sharedSecretDefaults } from "../../shared/webhook/presets.ts";
import type { HmacScheme } from "../../shared/webhook/scheme.ts";
import { zendeskTestSecret } from "../../shared/webhook/secret.ts";
import { headerValue } from "../../shared/webhook/verify.ts";
import { bytes, hmac, outcome } from "./signing.ts";

function scheme(name: keyof typeof presets): HmacScheme {
  const found = presets[name].scheme;
  if (found === null) throw new TypeError(`${name} has no fixed scheme`);
  return found;
}

const publicSecret = "It's a Secret to Everybody";
const standard = {
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  nowMs: 1614265330_000,
  body: bytes('{"test": 2432232314}'),
  headers: {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  },
};
const zendeskTime = "2026-11-24T13:00:00Z";
const zendeskNow = Date.parse(zendeskTime);
const zendeskHeaders = (secret: string, body: string, time = zendeskTime) => ({
  "X-Zendesk-Webhook-Signature": hmac(secret, time, body).digest("base64"),
  "X-Zendesk-Webhook-Signature-Timestamp": time,
});

describe("the published test values verify", () => {
  test("GitHub's, whatever the spelling of the header's name", () => {
    const value = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    for (const name of ["X-Hub-Signature-256", "x-hub-signature-256", "X-HUB-SIGNATURE-256"]) {
      expect(outcome(scheme("github"), [publicSecret], { [name]: value }, bytes("Hello, World!"))).toBe("verified");
    }
  });

  test("Jira's", () => {
    const value = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
    expect(outcome(scheme("jira"), [publicSecret], { "x-hub-signature": value }, bytes("Hello World!"))).toBe(
      "verified",
    );
  });

  test("Standard Webhooks', alone and in a list with a newer version", () => {
    const { secret, headers, body, nowMs } = standard;
    expect(outcome(scheme("standard-webhooks"), [secret], headers, body, nowMs)).toBe("verified");
    const listed = { ...headers, "webhook-signature": `v2,xx v1a,yy ${headers["webhook-signature"]}` };
    expect(outcome(scheme("standard-webhooks"), [secret], listed, body, nowMs)).toBe("verified");
  });
});

describe("what each sender's page says", () => {
  test("Zendesk signs the time and then the body; the opposite order is refused", () => {
    const body = '{"ticket":1}';
    expect(outcome(scheme("zendesk"), ["s"], zendeskHeaders("s", body), bytes(body), zendeskNow)).toBe("verified");
    const old = {
      ...zendeskHeaders("s", body),
      "X-Zendesk-Webhook-Signature": hmac("s", body, zendeskTime).digest("base64"),
    };
    expect(outcome(scheme("zendesk"), ["s"], old, bytes(body), zendeskNow)).toBe("SignatureError");
  });

  test("Zendesk's public test secret verifies nothing, even when it is configured", () => {
    const headers = zendeskHeaders(zendeskTestSecret, "{}");
    expect(outcome(scheme("zendesk"), [zendeskTestSecret], headers, bytes("{}"), zendeskNow)).toBe("SignatureError");
    expect(outcome(scheme("zendesk"), ["real", zendeskTestSecret], headers, bytes("{}"), zendeskNow)).toBe(
      "SignatureError",
    );
  });

  test("any one of PagerDuty's v1 signatures may match, and other versions are ignored", () => {
    const good = hmac("s", "{}").digest("hex");
    const header = (value: string) => ({ "X-PagerDuty-Signature": value });
    expect(outcome(scheme("pagerduty"), ["s"], header(`v1=${"0".repeat(64)},v1=${good}`), bytes("{}"))).toBe(
      "verified",
    );
    expect(outcome(scheme("pagerduty"), ["s"], header(`v2=${good}`), bytes("{}"))).toBe("SignatureError");
  });

  test("Linear states its time in the body, in milliseconds, and has a window of a minute", () => {
    const at = 1_790_000_000_000;
    const body = JSON.stringify({ webhookTimestamp: at });
    const headers = { "Linear-Signature": hmac("s", body).digest("hex") };
    expect(outcome(scheme("linear"), ["s"], headers, bytes(body), at + 60_000)).toBe("verified");
    expect(outcome(scheme("linear"), ["s"], headers, bytes(body), at + 60_001)).toBe("SignatureError");
    for (const other of ["{}", "[]", "no json", '{"webhookTimestamp":null}', `{"webhookTimestamp":${at / 1000}}`]) {
      const signed = { "Linear-Signature": hmac("s", other).digest("hex") };
      expect(outcome(scheme("linear"), ["s"], signed, bytes(other), at)).toBe("SignatureError");
    }
  });

  test("a sha1 signature is refused, under its own header and under the right one", () => {
    const sha1 = createHmac("sha1", publicSecret).update("Hello, World!").digest("hex");
    for (const headers of [{ "X-Hub-Signature": `sha1=${sha1}` }, { "X-Hub-Signature-256": `sha1=${sha1}` }]) {
      expect(outcome(scheme("github"), [publicSecret], headers, bytes("Hello, World!"))).toBe("SignatureError");
    }
  });
});

describe("fail closed", () => {
  test("a stale or future time is refused, at either edge of the window", () => {
    const { secret, headers, body, nowMs } = standard;
    const at = (offsetMs: number) => outcome(scheme("standard-webhooks"), [secret], headers, body, nowMs + offsetMs);
    expect([at(-300_000), at(300_000)]).toEqual(["verified", "verified"]);
    expect([at(-300_001), at(300_001)]).toEqual(["SignatureError", "SignatureError"]);
  });

  test.each([
    ["no secret", []],
    ["an empty secret", [""]],
  ])("%s verifies nothing", (_name, secrets: string[]) => {
    const headers = { "X-Hub-Signature-256": `sha256=${hmac("", "{}").digest("hex")}` };
    expect(outcome(scheme("github"), secrets, headers, bytes("{}"))).toBe("SignatureError");
    expect(outcome(sharedSecretDefaults, secrets, { "X-Rekey-Secret": "" }, bytes("{}"))).toBe("SignatureError");
  });

  test("a header that stands there twice in two spellings is refused", () => {
    const value = `sha256=${hmac("s", "{}").digest("hex")}`;
    const headers = { "X-Hub-Signature-256": value, "x-hub-signature-256": value };
    expect(outcome(scheme("github"), ["s"], headers, bytes("{}"))).toBe("SignatureError");
    expect(headerValue(headers, "x-hub-signature-256")).toBeUndefined();
  });

  test("a secret that is no base64 is no key for a scheme that wants base64", () => {
    const headers = { ...standard.headers, "webhook-signature": `v1,${hmac("", "").digest("base64")}` };
    expect(outcome(scheme("standard-webhooks"), ["whsec_!!!"], headers, standard.body, standard.nowMs)).toBe(
      "SignatureError",
    );
  });

  test("hex in capitals is the same number; base64 in other letters is another one", () => {
    const value = hmac("s", "{}").digest("hex").toUpperCase();
    const of = (header: string) => outcome(scheme("github"), ["s"], { "X-Hub-Signature-256": header }, bytes("{}"));
    expect([of(`sha256=${value}`), of(`SHA256=${value}`)]).toEqual(["verified", "SignatureError"]);
    const headers = zendeskHeaders("s", "{}");
    const signature = headers["X-Zendesk-Webhook-Signature"].toUpperCase();
    const sent = { ...headers, "X-Zendesk-Webhook-Signature": signature };
    expect(outcome(scheme("zendesk"), ["s"], sent, bytes("{}"), zendeskNow)).toBe("SignatureError");
  });
});

describe("a change of secret without a gap", () => {
  test("the current and the previous secret verify, one that is gone does not", () => {
    const headers = (secret: string) => ({ "X-Hub-Signature-256": `sha256=${hmac(secret, "{}").digest("hex")}` });
    const of = (secret: string) => outcome(scheme("github"), ["new", "old"], headers(secret), bytes("{}"));
    expect([of("new"), of("old"), of("older")]).toEqual(["verified", "verified", "SignatureError"]);
  });
});

describe("a shared secret", () => {
  test("stands in a header of its own, or after a prefix", () => {
    expect(outcome(sharedSecretDefaults, ["s3"], { "x-rekey-secret": "s3" }, bytes(""))).toBe("verified");
    expect(outcome(sharedSecretDefaults, ["s3"], { "x-rekey-secret": "s4" }, bytes(""))).toBe("SignatureError");
    const bearer = { ...sharedSecretDefaults, header: "Authorization", prefix: "Bearer " };
    expect(outcome(bearer, ["s3"], { authorization: "Bearer s3" }, bytes(""))).toBe("verified");
    expect(outcome(bearer, ["s3"], { authorization: "bearer s3" }, bytes(""))).toBe("verified");
    expect(outcome(bearer, ["s3"], { authorization: "Bearer S3" }, bytes(""))).toBe("SignatureError");
    expect(outcome(bearer, ["s3"], { authorization: "s3" }, bytes(""))).toBe("SignatureError");
  });

  test("is the password of HTTP Basic when a user is configured", () => {
    const basic = { ...sharedSecretDefaults, user: "rekey" };
    const header = (pair: string) => ({ Authorization: `Basic ${bytes(pair).toString("base64")}` });
    expect(outcome(basic, ["pässword"], header("rekey:pässword"), bytes(""))).toBe("verified");
    const small = { Authorization: header("rekey:pässword").Authorization.replace("Basic", "basic") };
    expect(outcome(basic, ["pässword"], small, bytes(""))).toBe("verified");
    expect(outcome(basic, ["pässword"], header("other:pässword"), bytes(""))).toBe("SignatureError");
    expect(outcome(basic, ["pässword"], { "X-Rekey-Secret": "pässword" }, bytes(""))).toBe("SignatureError");
  });
});

describe("for any bytes and any key", () => {
  const anyScheme = fc.record({
    encoding: fc.constantFrom("hex" as const, "base64" as const),
    algorithm: fc.constantFrom("sha256" as const, "sha512" as const),
    prefix: fc.constantFrom("", "v1=", "sha256="),
  });
  const anySecret = fc.string({ minLength: 1 }).filter((text) => text !== zendeskTestSecret);
  const anyBody = fc.uint8Array({ maxLength: 300 });

  test("what is signed verifies, and one flipped byte in body, key or signature does not", () => {
    const property = fc.property(anyScheme, anySecret, anyBody, fc.nat(), (settings, secret, body, seed) => {
      const hmacScheme: HmacScheme = { ...hmacDefaults, ...settings, header: "sig" };
      const signature = createHmac(settings.algorithm, bytes(secret)).update(body).digest(settings.encoding);
      const sent = { sig: `${settings.prefix}${signature}` };
      expect(outcome(hmacScheme, [secret], sent, body)).toBe("verified");

      const flip = (input: Uint8Array) => {
        const copy = Uint8Array.from(input);
        const at = seed % Math.max(1, copy.length);
        copy[at] = (copy[at] ?? 0) ^ (1 << (seed % 7));
        return copy;
      };
      if (body.length > 0) expect(outcome(hmacScheme, [secret], sent, flip(body))).toBe("SignatureError");
      const forged = Buffer.from(flip(bytes(signature))).toString("latin1");
      // A hex digit's other case is the same digit.
      const isSame = settings.encoding === "hex" && forged.toLowerCase() === signature;
      if (!isSame)
        expect(outcome(hmacScheme, [secret], { sig: `${settings.prefix}${forged}` }, body)).toBe("SignatureError");
      expect(outcome(hmacScheme, [`${secret}x`], sent, body)).toBe("SignatureError");
    });
    fc.assert(property, { numRuns: 200 });
  });

  test("garbage never gives anything but SignatureError", () => {
    const names = Object.keys(presets) as (keyof typeof presets)[];
    const property = fc.property(
      fc.constantFrom(...names),
      fc.array(fc.string(), { maxLength: 3 }),
      fc.dictionary(fc.string(), fc.string({ unit: "binary" })),
      fc.string({ unit: "binary" }),
      anyBody,
      (name, secrets, others, value, body) => {
        const used = presets[name].scheme ?? sharedSecretDefaults;
        const stated = used.kind === "hmac" && used.timestamp !== null ? { [used.timestamp.name]: value } : {};
        const headers = { ...others, [used.header]: value, ...stated };
        if (used.kind === "shared-secret" && secrets.includes(value.trim())) return;
        expect(outcome(used, secrets, headers, body)).toBe("SignatureError");
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});
