import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createCertificates } from "../../local/platform-simulator/certificates.ts";
import type { SimulatorOptions } from "../../local/platform-simulator/simulator.ts";
import { errorOf, type Rekey, startRekey } from "./rekey.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A system whose connections to the platform are counted on their way. */
async function start(options: SimulatorOptions, secret: Record<string, unknown>) {
  const rekey = await startRekey(options, secret);
  closing.push(rekey.close);
  const way = await startWay(Number(new URL(rekey.simulator.url).port));
  closing.push(way.close);
  rekey.changeSecret({ baseUrl: way.url });
  return { rekey, connections: way.connections };
}

async function startWay(port: number) {
  let connections = 0;
  const server = createServer((near) => {
    connections += 1;
    const far = connect(port, "127.0.0.1");
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    close: async () => void server.close(),
  };
}

/** Lets a session exist already, so that the first request on the connection is the change itself. */
function storeToken(rekey: Rekey): void {
  const nowMs = Date.now();
  const text = JSON.stringify({ accessToken: "t", issuedAtMs: nowMs, expiresAtMs: nowMs + 3_600_000 });
  rekey.secrets.store.put(rekey.secretIds.sessionSecret, { text }, crypto.randomUUID());
}

const stranger = await createCertificates();
const lapsed = await createCertificates({ expired: true });
const another = await createCertificates({ serverName: "other.example.com" });

const cases: readonly [string, SimulatorOptions, Record<string, unknown>][] = [
  ["a certificate for another host", { certificates: another }, {}],
  ["a certificate for another host than baseUrl's", {}, { serverName: undefined }],
  ["an expired certificate", { certificates: lapsed }, {}],
  ["a certificate of an unknown authority", {}, { ca: stranger.ca }],
  ["a private authority where none is configured", {}, { ca: undefined }],
  ["a certificate that vouches for itself", {}, { ca: stranger.server.certificate }],
  ["a demand for a client certificate that we do not have", {}, { clientCertificate: undefined, clientKey: undefined }],
];

describe.each(cases)("a platform with %s", (_, options, secret) => {
  test.each(["login", "change"])(
    "is a ConfigurationError at the first request, a %s: nothing is sent, and each invocation connects once, the first one once ahead besides",
    async (first) => {
      const { rekey, connections } = await start(options, secret);
      if (first === "change") storeToken(rekey);
      const rounds = 6;
      for (let round = 0; round < rounds; round += 1) {
        const outcome = await rekey.refresh({ deviceId: "device-1", nodeId: "n", idempotencyKey: "k" });
        expect(errorOf(outcome)).toBe("ConfigurationError");
        expect(JSON.stringify(outcome)).not.toMatch(/BEGIN|s3cret|CERT_|issuer/);
      }
      expect(rekey.simulator.counters.total).toBe(0);
      // The one ahead serves the first invocation if that comes before it has failed.
      expect([rounds, rounds + 1]).toContain(connections());
      const status = await rekey.http("GET", "/status");
      expect([status.status, status.json.platform.error]).toEqual([503, "ConfigurationError"]);
    },
  );
});

test("a certificate that is repaired in the secret is taken up by the next request, without a restart", async () => {
  const { rekey } = await start({}, { ca: stranger.ca });
  expect(errorOf(await rekey.refresh({ deviceId: "device-1" }))).toBe("ConfigurationError");
  rekey.changeSecret({ ca: rekey.simulator.certificates.ca });
  expect(errorOf(await rekey.refresh({ deviceId: "device-1" }))).toBe("ok");
});

test.each(["the old authority first", "the new one first"])(
  "a platform whose authority is changed for another of the same name is trusted with both in ca, %s",
  async (order) => {
    const { rekey } = await start({}, {});
    const { ca } = rekey.simulator.certificates;
    rekey.changeSecret({ ca: order.startsWith("the new") ? `${ca}\n${stranger.ca}` : `${stranger.ca}\n${ca}` });
    expect(errorOf(await rekey.refresh({ deviceId: "device-1" }))).toBe("ok");
    expect((await rekey.http("GET", "/status")).json.platform).toMatchObject({ ok: true });
  },
);

test("a platform that hangs up on our client certificate without a word is asked a bounded number of times", async () => {
  const { certificate: clientCertificate, key: clientKey } = stranger.client;
  const { rekey, connections } = await start({}, { clientCertificate, clientKey });
  expect(errorOf(await rekey.refresh({ deviceId: "device-1" }))).toBe("PlatformUnavailableError");
  // One of them ahead.
  expect([1, 2]).toContain(connections());
  storeToken(rekey);
  // Whether a change was read before the connection ended, nobody can tell from here.
  const outcome = await rekey.refresh({ deviceId: "device-1", nodeId: "n", idempotencyKey: "k" });
  expect(errorOf(outcome)).toBe("OutcomeUnknownError");
  expect(connections()).toBeLessThanOrEqual(12);
  expect(rekey.simulator.counters.total).toBe(0);
});
