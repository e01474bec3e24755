import { generateKeyPairSync, type KeyObject } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createCertificates } from "../../local/platform-simulator/certificates.ts";
import { RekeyError } from "../../shared/errors.ts";
import { createCredentialStore, parseCredentials } from "../../shared/platform/credentials.ts";
import { type Clock, deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import type { Secrets, SecretVersion } from "../../shared/runtime/secrets.ts";
import { rsa, sign } from "./odd-certificates.ts";

const plain = { baseUrl: "http://127.0.0.1:8743", appId: "app", secret: "very secret" };
const parse = (changes: object) => parseCredentials(JSON.stringify({ ...plain, ...changes }), "v1");
const messageOf = (text: string): string => {
  try {
    parseCredentials(text, "v1");
  } catch (error) {
    if (error instanceof RekeyError && error.name === "ConfigurationError") return error.message;
    throw error;
  }
  return "ok";
};
const key32 = Buffer.alloc(32, 1).toString("base64");

test("what the secret leaves out has its default", () => {
  expect(parse({})).toMatchObject({
    ...{ versionId: "v1", appId: "app", secret: "very secret", appKeyHeader: "app_key" },
    ...{ secureContexts: [], serverName: undefined, codeKey: undefined },
  });
  expect(parse({ serverName: null, appKeyHeader: null, codeKey: null, ca: null })).toMatchObject({
    appKeyHeader: "app_key",
  });
});

test("what it holds is taken over", () => {
  const read = parse({ serverName: "iot.example.com", appKeyHeader: "x-app-key", codeKey: key32 });
  expect(read).toMatchObject({ serverName: "iot.example.com", appKeyHeader: "x-app-key" });
  expect(read.codeKey?.export()).toEqual(Buffer.alloc(32, 1));
  expect(parse({ baseUrl: "https://iot.example.com" }).secureContexts).toHaveLength(1);
});

test.each([
  "https://10.1.2.3:8743",
  "https://iot.example.com/proxy/",
  "http://localhost:1",
  "http://127.9.9.9",
  "http://127.100.200.30",
  "http://[::1]:1",
])("the baseUrl %s is taken", (baseUrl) => {
  expect(messageOf(JSON.stringify({ ...plain, baseUrl }))).toBe("ok");
});

test.each([
  "iot.example.com",
  "ftp://iot.example.com",
  "ws://127.0.0.1",
  "http://iot.example.com",
  "http://127.0.0.1.example.com",
  "http://example.com/127.0.0.1",
  "http://localhost.example.com",
  "https://user@iot.example.com",
  "https://user:pass@iot.example.com",
  "https://:pass@iot.example.com",
  "https://iot.example.com/?a=b",
  "https://iot.example.com/#a",
])("the baseUrl %s is refused", (baseUrl) => {
  expect(messageOf(JSON.stringify({ ...plain, baseUrl }))).toBe("The application secret is malformed: baseUrl");
});

test.each<[string, unknown]>([
  ["appId", ""],
  ["appId", "a".repeat(257)],
  ["appId", "a\r\nx-injected: 1"],
  ["appId", undefined],
  ["secret", ""],
  ["secret", "s".repeat(257)],
  ["secret", 5],
  ["serverName", ""],
  ["appKeyHeader", "a b"],
  ["appKeyHeader", "a\r\nb"],
  ["appKeyHeader", ""],
  ["appKeyHeader", "x".repeat(65)],
  ["codeKey", Buffer.alloc(31).toString("base64")],
  ["codeKey", 5],
  ["ca", ""],
])("%s may not be %j, and the error names the field alone", (field, value) => {
  expect(messageOf(JSON.stringify({ ...plain, [field]: value }))).toBe(`The application secret is malformed: ${field}`);
});

test.each([
  ["clientCert", "clientCert is unknown"],
  ["base_url", "base_url is unknown"],
  ["a key with\r\nblanks", "a field is unknown"],
])("a field %j that nobody reads is named, for it is mostly one that is misspelt", (field, said) => {
  const message = messageOf(JSON.stringify({ ...plain, [field]: "hidden-value" }));
  expect(message).toBe(`The application secret is malformed: ${said}`);
});

test("every wrong field is named once", () => {
  expect(messageOf("{}")).toBe("The application secret is malformed: baseUrl, appId, secret");
});

test.each(["", "not json", "[]", "null", '"text"', "5"])("%j is no JSON object", (text) => {
  expect(messageOf(text)).toBe("The application secret is not a JSON object");
});

describe("certificates", async () => {
  const [one, another] = await Promise.all([createCertificates(), createCertificates()]);
  const https = { baseUrl: "https://127.0.0.1:1" };
  const { certificate: clientCertificate, key: clientKey } = one.client;
  const encrypted = (type: "pkcs8" | "pkcs1", key: KeyObject) =>
    String(key.export({ type, format: "pem", cipher: "aes-256-cbc", passphrase: "p" }));
  const rsaKey = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
  const broken = one.ca.replace(/[A-Za-z]{8}/, "////////");
  const weak = await sign({ algorithm: rsa(1_024) });

  test.each<[string, object, string]>([
    ["a pair", { clientCertificate, clientKey }, "ok"],
    [
      "a pair, its certificate followed by its authority's",
      { clientCertificate: `${clientCertificate}\n${one.ca}`, clientKey },
      "ok",
    ],
    ["a CA alone", { ca: one.ca }, "ok"],
    ["two CAs", { ca: `${one.ca}\n${another.ca}` }, "ok"],
    ["two CAs with words around them", { ca: `Root:\n${one.ca}\nOld root:\n${another.ca}\nEnd` }, "ok"],
    ["a CA indented as in YAML", { ca: `${one.ca}\n${another.ca}`.replace(/^/gm, "    ") }, "ok"],
    ["a CA with the line breaks of JSON in JSON", { ca: one.ca.replaceAll("\n", "\\n") }, "ok"],
    ["a CA with the line breaks of Windows", { ca: `${one.ca}\n${another.ca}`.replaceAll("\n", "\r\n") }, "ok"],
    ["a certificate without its key", { clientCertificate }, "clientCertificate and clientKey belong together"],
    ["a key without its certificate", { clientKey }, "clientCertificate and clientKey belong together"],
    [
      "another's key",
      { clientCertificate, clientKey: another.client.key },
      "clientKey does not belong to the first certificate of clientCertificate",
    ],
    ["a CA that is none", { ca: "very secret" }, "ca holds no certificate in PEM"],
    ["a CA that ends at once", { ca: "-----BEGIN very secret" }, "certificate 1 of the 1 in ca cannot be read"],
    [
      "a broken CA behind a good one",
      { ca: `${another.ca}\n${broken}` },
      "certificate 2 of the 2 in ca cannot be read",
    ],
    [
      "a key among the CAs",
      { ca: `${one.ca}\n${one.client.key}\n${another.ca}` },
      "certificate 2 of the 3 in ca cannot be read",
    ],
    [
      "a broken certificate behind the client's",
      { clientCertificate: `${clientCertificate}\n${broken}`, clientKey },
      "certificate 2 of the 2 in clientCertificate cannot be read",
    ],
    [
      "a client certificate that is none",
      { clientCertificate: "x", clientKey },
      "clientCertificate holds no certificate in PEM",
    ],
    ["a key that is no PEM", { clientCertificate, clientKey: "very secret" }, "clientKey is no private key in PEM"],
    ["a public key", { clientCertificate, clientKey: one.ca }, "clientKey is no private key in PEM"],
    ...[encrypted("pkcs8", rsaKey), encrypted("pkcs1", rsaKey)].map((key): [string, object, string] => [
      "an encrypted key",
      { clientCertificate, clientKey: key },
      "clientKey is encrypted; it has to stand here without a passphrase",
    ]),
    [
      "a key of 1024 bits",
      { clientCertificate: weak.certificate, clientKey: weak.key },
      "clientKey is too short: RSA needs 2048 bits",
    ],
  ])("%s", (_, changes, said) => {
    const message = said === "ok" ? said : `The application secret is malformed: ${said}`;
    expect(messageOf(JSON.stringify({ ...plain, ...https, ...changes }))).toBe(message);
  });
});

test("whatever the secret's text, the answer is credentials or a ConfigurationError that quotes nothing of it", () => {
  const part = fc.oneof(fc.string({ unit: "binary" }), fc.constant(null), fc.integer(), fc.constant("hidden-value"));
  const secret = fc.record(
    { baseUrl: part, appId: part, secret: part, ca: part, clientCertificate: part, clientKey: part, codeKey: part },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.json(),
        secret.map((one) => JSON.stringify(one)),
      ),
      (text) => {
        expect(messageOf(text)).not.toContain("hidden-value");
      },
    ),
  );
});

describe("the store", () => {
  function open(versions: (SecretVersion | undefined | Error)[]) {
    const hands = { nowMs: 1_000_000 };
    const clock: Clock = { ...systemClock, now: () => hands.nowMs };
    let reads = 0;
    const notCalled = () => Promise.reject(new Error("not called"));
    const secrets: Secrets = {
      read: async () => {
        const next = versions[Math.min(reads, versions.length - 1)];
        reads += 1;
        if (next instanceof Error) throw next;
        return next;
      },
      ...{ write: notCalled, moveLabel: notCalled, labels: notCalled },
    };
    return { hands, store: createCredentialStore(secrets, "id", clock), reads: () => reads };
  }
  const version = (versionId: string, changes: object = {}) => ({
    versionId,
    text: JSON.stringify({ ...plain, ...changes }),
  });
  const deadline = deadlineIn(60_000, systemClock);

  test("reads once for all who ask at once, and again five minutes later where no age is given", async () => {
    const { store, hands, reads } = open([version("v1"), version("v2", { secret: "new" })]);
    const [one, other] = await Promise.all([store.get(deadline), store.get(deadline)]);
    expect(other).toBe(one);
    hands.nowMs += 299_999;
    expect(await store.get(deadline)).toBe(one);
    expect(reads()).toBe(1);
    hands.nowMs += 1;
    expect(await store.get(deadline)).toMatchObject({ versionId: "v2", secret: "new" });
  });

  test.each<[string, SecretVersion | undefined | Error]>([
    ["cannot be read", new TypeError("Down")],
    ["is gone", undefined],
    ["is broken", { versionId: "v2", text: "{" }],
  ])("goes on with what it has when the secret %s, and looks again five minutes later", async (_, second) => {
    const { store, hands, reads } = open([version("v1"), second]);
    const first = await store.get(deadline);
    for (const times of [2, 2, 3]) {
      hands.nowMs += 150_000 * (times === 2 && reads() === 1 ? 2 : 1);
      expect(await store.get(deadline)).toBe(first);
      expect(reads()).toBe(times);
    }
    await expect(store.get(deadline, 1)).rejects.toThrow();
  });

  test.each([
    [0, 1],
    [999, 1],
    [1_000, 2],
    [-1, 2],
  ])("asked for what is no older than a second, %d ms later, it has read %d times", async (laterMs, times) => {
    const { store, hands, reads } = open([version("v1")]);
    await store.get(deadline);
    hands.nowMs += laterMs;
    await store.get(deadline, 1_000);
    expect(reads()).toBe(times);
  });

  test("hands out the same object while the version is the same, so that its connections live on", async () => {
    const { store, hands } = open([version("v1"), version("v1"), version("v2", { secret: "new" })]);
    const first = await store.get(deadline);
    hands.nowMs += 10;
    expect(await store.get(deadline, 1)).toBe(first);
    hands.nowMs += 10;
    expect(await store.get(deadline, 1)).toMatchObject({ versionId: "v2", secret: "new" });
  });

  test("keeps what it had when a later read fails, and recovers from a first one that failed", async () => {
    const { store, hands } = open([new TypeError("Down"), version("v1"), new TypeError("Down")]);
    await expect(store.get(deadline)).rejects.toThrow("Down");
    const first = await store.get(deadline);
    hands.nowMs += 10;
    await expect(store.get(deadline, 1)).rejects.toThrow("Down");
    expect(await store.get(deadline)).toBe(first);
  });

  test("says so when there is no secret", async () => {
    await expect(open([undefined]).store.get(deadline)).rejects.toMatchObject({
      name: "ConfigurationError",
      message: "The application secret is missing or has no value",
    });
  });
});
