import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type LocalSystem, startLocalSystem } from "../../local/local-system.ts";
import { type PlatformSimulator, startPlatformSimulator } from "../../local/platform-simulator/simulator.ts";
import { startSandbox } from "../../local/sandbox.ts";
import type { Sender } from "../../local/ticket-desk/sender.ts";
import { deliver, senderOf } from "../../local/ticket-desk/senders.ts";
import { operations } from "../operations.ts";
import { type Bundle, buildBundles, ownerOf, partsOf } from "./bundles.ts";

// Counts are the same on every machine; times are not, and belong to `npm run bench`.

/** The most that a bundle may weigh, in bytes; one that is not named, what re-keying may. */
const limits: Readonly<Record<string, { readonly minified: number; readonly gzipped: number }>> = {
  authenticate: { minified: 120_700, gzipped: 42_700 },
  decideNextStep: { minified: 59_000, gzipped: 20_000 },
  statusCheck: { minified: 123_400, gzipped: 43_700 },
  // 1.7 kB of it are the words for technicians (plain-words.ts).
  ticketWebhook: { minified: 177_000, gzipped: 62_700 },
  // What it starts for a source with expressions: the engine, and the payload's reading.
  "parts/ticketWebhook-expressions": { minified: 88_000, gzipped: 28_300 },
  writeTicketNote: { minified: 117_000, gzipped: 41_300 },
};
const usual = { minified: 126_200, gzipped: 44_600 };

/** What no bundle may hold, by path, and what it would cost. */
const unwanted: readonly [string, RegExp][] = [
  ["zod's locales, that a named import of `z` keeps", /node_modules\/zod\/.*\/locales\//],
  ["undici, which Node has itself", /node_modules\/undici\//],
  ["SSO", /credential-provider-(sso|login)|client-(sso|sso-oidc|signin)\/|token-providers/],
  ["credentials of ini files", /credential-provider-ini/],
  ["credentials of a process", /credential-provider-process/],
  ["web identities", /credential-provider-web-identity|client-sts\/|nested-clients/],
  ["the metadata service", /credential-provider-(imds|http)/],
  ["the whole chain of credential providers", /credential-provider-node/],
  ["event streams", /event-streams\/(?!index\.js)/],
  ["codecs of other protocols", /protocols\/(json\/codec|cbor|xml|query\/)|xml-builder/],
  ["the SDK's interpreter of endpoint rules", /util-endpoints\/(decideEndpoint|bdd|utils)/],
];

/** What Node must not have loaded by the end of a first invocation. */
const unloaded =
  /NativeModule (internal\/deps\/undici|internal\/deps\/acorn|http2|inspector|repl|worker_threads|sqlite)/;

let bundles: readonly Bundle[];
const bundleOf = (name: string) => bundles.find((one) => one.name === name) ?? expect.fail(`No function ${name}`);

beforeAll(async () => {
  bundles = await buildBundles();
});

describe("a bundle", () => {
  const waitedFor = [
    ...[...operations].flatMap(([name, { usesBucket }]) => (usesBucket ? [] : [name])),
    "parts/ticketWebhook-expressions",
  ];

  test("is built of all that somebody waits for", () => {
    expect(bundles.map(({ name }) => name).sort()).toEqual([...waitedFor].sort());
  });

  test.each(waitedFor)("%s stays within its limits", (name) => {
    const { minified, gzipped } = limits[name] ?? usual;
    const bundle = bundleOf(name);
    if (bundle.bytes <= minified && bundle.gzipped <= gzipped) return;
    expect.fail(
      `${name} weighs ${bundle.bytes} bytes, ${bundle.gzipped} gzipped; its limits are ${minified} and ${gzipped}. ` +
        `It grew by:\n${growthOf(bundle).join("\n")}`,
    );
  });

  test.each(unwanted)("holds nothing of %s", (what, pattern) => {
    const chains = bundles.flatMap((bundle) => {
      const file = [...bundle.files.keys()].find((path) => pattern.test(path));
      return file === undefined ? [] : [`${bundle.name} has ${what}: ${bundle.chainTo(file).join(" > ")}`];
    });
    expect(chains).toEqual([]);
  });

  test("names for whatever is in it the imports that brought it in", () => {
    const bundle = bundleOf("refreshDeviceKey");
    const client = [...bundle.files.keys()].find((path) => path.endsWith("/SecretsManagerClient.js")) ?? "";
    const chain = bundle.chainTo(client);
    expect(chain[0]).toBe("entry:refreshDeviceKey");
    expect(chain).toContain("shared/runtime/secrets.ts");
    expect(chain.at(-1)).toBe(client);
  });
});

/** Owners that weigh more than when the weights were last written down, heaviest growth first, with their imports. */
function growthOf(bundle: Bundle): string[] {
  const known: Record<string, Record<string, number>> = JSON.parse(
    readFileSync(new URL("weights.json", import.meta.url), "utf8"),
  );
  const before = known[bundle.name] ?? {};
  return Object.entries(partsOf(bundle))
    .map(([part, bytes]) => ({ part, grown: bytes - (before[part] ?? 0) }))
    .filter(({ grown }) => grown > 0)
    .sort((one, other) => other.grown - one.grown)
    .slice(0, 10)
    .map(({ part, grown }) => {
      const files = [...bundle.files].filter(([path]) => ownerOf(path) === part);
      const [heaviest = ""] = files.sort(([, one], [, other]) => other - one)[0] ?? [];
      return `  ${part} +${grown}: ${bundle.chainTo(heaviest).join(" > ")}`;
    });
}

describe("an invocation", () => {
  let system: LocalSystem;
  let simulator: PlatformSimulator;
  let count = 0;

  beforeAll(async () => {
    simulator = await startPlatformSimulator({ quota: { calls: 100_000, windowMs: 60_000 } });
    system = await startLocalSystem({
      platform: async () => simulator,
      webhookSources: { reads: { ...senderOf("shared-secret").configuration, reply: "result" } },
    });
  });
  afterAll(() => system.close());
  beforeEach(() => {
    simulator.devices.set("device-1", { status: "OFFLINE" });
  });

  const counts = () => ({
    requests: simulator.counters.total,
    handshakes: simulator.counters.handshakes,
    logins: simulator.counters.requests.login + simulator.counters.requests.refreshToken,
    secretCalls: system.secrets.counters.calls(),
  });

  type Counts = ReturnType<typeof counts>;

  async function during(work: () => Promise<void>): Promise<Counts> {
    const before = counts();
    await work();
    const after = counts();
    return {
      requests: after.requests - before.requests,
      handshakes: after.handshakes - before.handshakes,
      logins: after.logins - before.logins,
      secretCalls: after.secretCalls - before.secretCalls,
    };
  }

  const directly = (name: string, event: object) => async () => {
    const outcome = await system.lambda.invoke(name, event);
    if (!outcome.ok) throw new Error(outcome.error.errorMessage);
  };
  const overHttp = (path: string) => async () => {
    expect((await fetch(`${system.url}${path}`)).status).toBe(200);
  };
  const ticket = async () => {
    count += 1;
    const sender: Sender = { ...senderOf("shared-secret"), source: "reads" };
    const payload = sender.payload({ deviceId: "device-1", imei: String(860_000_000_000_000 + count) });
    expect((await deliver(system.url, sender, payload, `delivery-${count}`)).status).toBe(200);
  };

  const none: Counts = { requests: 0, handshakes: 0, logins: 0, secretCalls: 0 };

  const oneRequest: Counts = { ...none, requests: 1 };
  const coldRequest: Counts = { requests: 1, handshakes: 1, logins: 0, secretCalls: 2 };

  test("on an empty session logs in once, over the connection that then carries the request", async () => {
    const first = await during(directly("refreshDeviceKey", { deviceId: "device-1", nodeId: "first" }));
    expect({ ...first, secretCalls: 0 }).toEqual({ requests: 2, handshakes: 1, logins: 1, secretCalls: 0 });
  });

  test.each<[string, () => Promise<void>, { readonly cold: Counts; readonly warm: Counts }]>([
    [
      "refreshDeviceKey",
      directly("refreshDeviceKey", { deviceId: "device-1", nodeId: "a" }),
      { cold: coldRequest, warm: oneRequest },
    ],
    [
      "refreshDeviceKey with a key",
      directly("refreshDeviceKey", { deviceId: "device-1", nodeId: "a", verifyCode: "b" }),
      { cold: coldRequest, warm: oneRequest },
    ],
    [
      "authenticate",
      directly("authenticate", {}),
      { cold: { ...none, secretCalls: 1 }, warm: { ...none, secretCalls: 1 } },
    ],
    [
      "statusCheck of a device",
      directly("statusCheck", { deviceId: "device-1" }),
      { cold: { ...coldRequest, requests: 2 }, warm: { ...none, requests: 2 } },
    ],
    ["GET /health", overHttp("/health"), { cold: none, warm: none }],
    [
      "GET /status",
      overHttp("/status"),
      // A connection of its own, and the read with the session's token over one that is kept.
      {
        cold: { ...coldRequest, handshakes: 2, secretCalls: 2 },
        warm: { ...oneRequest, handshakes: 1, secretCalls: 2 },
      },
    ],
    ["ticketWebhook", ticket, { cold: { ...coldRequest, secretCalls: 3 }, warm: oneRequest }],
    // A process that gets no time for a second and a half asks the secrets store again, as it should: one try in three
    // must be without that, and one call too many of our own is in each.
  ])("of %s makes these calls, cold and warm", { retry: 2 }, async (_name, invoke, expected) => {
    await system.lambda.recycle();
    expect(await during(invoke)).toEqual(expected.cold);
    expect(await during(invoke)).toEqual(expected.warm);
    expect(await during(invoke)).toEqual(expected.warm);
  });

  /** A sandbox of its own, of the bundle itself or of what stands in its place. */
  const sandboxOf = (name: string, bundle: string) =>
    startSandbox({
      bundle,
      functionName: name,
      environment: {
        BUNDLE: distOf(name).href,
        AWS_REGION: "eu-central-1",
        AWS_ACCESS_KEY_ID: `AKIDLOCAL${name.toUpperCase()}`,
        AWS_SECRET_ACCESS_KEY: "local-secret-access-key",
        AWS_ENDPOINT_URL_SECRETS_MANAGER: system.secrets.url,
        REKEY_SECRET_ID: system.secretIds.applicationSecret,
        REKEY_SESSION_SECRET_ID: system.secretIds.sessionSecret,
        REKEY_WEBHOOKS_SECRET_ID: system.secretIds.webhooksSecret,
      },
    });
  const distOf = (name: string) => new URL(`../../dist/${name}.mjs`, import.meta.url);

  // What was begun ahead is used within a second, which a loaded machine may take away.
  test("of refreshDeviceKey finds its secrets read and its connection open", { retry: 2 }, async () => {
    const before = counts();
    const sandbox = await sandboxOf("refreshDeviceKey", fileURLToPath(distOf("refreshDeviceKey")));
    await expect.poll(() => counts().handshakes - before.handshakes).toBe(1);
    expect(counts()).toEqual({ ...before, handshakes: before.handshakes + 1, secretCalls: before.secretCalls + 2 });
    const outcome = await sandbox.invoke({ deviceId: "device-1", nodeId: "a" });
    await sandbox.close();
    expect(outcome).toMatchObject({ ok: true });
    expect(counts()).toMatchObject({ handshakes: before.handshakes + 1, requests: before.requests + 1 });
  });

  test("of ticketWebhook finds its sources read, and nothing opened for a stranger", async () => {
    const before = counts();
    const sandbox = await sandboxOf("ticketWebhook", fileURLToPath(distOf("ticketWebhook")));
    await expect.poll(() => counts().secretCalls - before.secretCalls).toBe(1);
    await sandbox.close();
    expect(counts()).toEqual({ ...before, secretCalls: before.secretCalls + 1 });
  });

  test.each(["refreshDeviceKey", "authenticate", "statusCheck"])(
    "of %s leaves unloaded what it does not need",
    async (name) => {
      const sandbox = await sandboxOf(name, fileURLToPath(new URL("loaded-modules.mjs", import.meta.url)));
      const outcome = await sandbox.invoke(name === "authenticate" ? {} : { deviceId: "device-1" });
      await sandbox.close();
      if (!outcome.ok) throw new Error(outcome.error.errorMessage);
      const loaded = outcome.result as string[];
      expect(loaded).toContain("NativeModule https");
      expect(loaded.filter((module) => unloaded.test(module))).toEqual([]);
    },
  );
});
