import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type SecretsEndpoint, startSecretsEndpoint } from "../../local/secrets-endpoint/server.ts";
import { type Clock, deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";
import { checkSources } from "../../shared/webhook/check.ts";
import { createSources, type Sources } from "../../shared/webhook/sources.ts";
import { clientOf } from "../local/secrets-endpoint/client.ts";

let store: SecretsEndpoint;
let aheadMs = 0;
let lines: string[];
let sources: Sources;
// How long the test itself takes is no part of it.
const startedAtMs = systemClock.now();
const clock: Clock = { ...systemClock, now: () => startedAtMs + aheadMs };
const secret = "a secret of the desk";
const desk = (deviceId: string) => ({ preset: "jira", secrets: [secret], fields: { deviceId } });
const bad = { preset: "jira", secrets: ["another, of the bad one"], fields: { nodeId: "a" } };
let versions = 0;

beforeEach(async () => {
  aheadMs = 0;
  lines = [];
  store = await startSecretsEndpoint({
    secrets: { webhooks: JSON.stringify({ desk: desk("a.b"), bad }), empty: null },
  });
  sources = sourcesOf("webhooks");
});
afterEach(() => store.close());

const within = () => deadlineIn(2_000, systemClock);
const sourcesOf = (secretId: string) =>
  createSources(
    createSecrets(clientOf(store, 1)),
    secretId,
    clock,
    createLog("INFO", (line) => lines.push(line)),
  );
const get = (name: string, from = sources) => from.get(name, within());
const put = (text: string) => {
  versions += 1;
  store.store.put("webhooks", { text }, `a-request-token-of-32-characters-${versions}`);
};
const refusalOf = (found: Awaited<ReturnType<typeof get>>): unknown => {
  try {
    return found?.ready();
  } catch (error) {
    return error;
  }
};
const reads = () => store.counters.calls("GetSecretValue");

test("a source is read once and kept for a minute, then what was changed is heeded", async () => {
  const first = await get("desk");
  expect(first?.ready().fields["deviceId"]?.expression).toBe("a.b");
  aheadMs = 59_000;
  put(JSON.stringify({ desk: desk("c.d") }));
  expect(await get("desk")).toBe(first);
  expect(reads()).toBe(1);
  aheadMs = 61_000;
  const changed = await get("desk");
  expect(changed?.ready().fields["deviceId"]?.expression).toBe("c.d");
  aheadMs = 122_000;
  // Read again, and not made again: nothing has changed.
  expect(await get("desk")).toBe(changed);
  expect(await get("desk")).toBe(changed);
  expect(reads()).toBe(3);
});

test.each(["nobody", "constructor", "__proto__", "", "a b", "x".repeat(41)])("there is no source %j", async (name) => {
  expect(await get(name)).toBeUndefined();
});

describe("a source that is malformed", () => {
  test("is a ConfigurationError each time that tells nothing, verifies its sender all the same, and harms no other", async () => {
    for (let time = 0; time < 2; time += 1) {
      const found = await get("bad");
      expect(found?.gate?.secrets).toEqual(bad.secrets);
      const thrown = refusalOf(found);
      expect(thrown).toMatchObject({
        ...{ name: "ConfigurationError", message: "The webhook source is not configured rightly" },
      });
      expect(thrown).not.toHaveProperty("cause");
    }
    expect((await get("desk"))?.ready()).toMatchObject({ name: "desk" });
  });

  test("is told in the log once a version of the secret, with its place and without its secret", async () => {
    for (let time = 0; time < 3; time += 1) await get("bad");
    const told = () => lines.map((line) => JSON.parse(line));
    expect(told()).toEqual([
      expect.objectContaining({ level: "ERROR", source: "bad", cause: "fields.deviceId is missing" }),
    ]);
    aheadMs = 61_000;
    await get("bad");
    expect(told()).toHaveLength(1);
    put(JSON.stringify({ bad: { ...bad, when: 7 } }));
    aheadMs = 122_000;
    for (let time = 0; time < 3; time += 1) await get("bad");
    expect(told()).toHaveLength(2);
    expect(lines.join()).not.toContain(bad.secrets[0]);
  });

  test("has no gate where its configuration does not say how a delivery is verified", async () => {
    put(JSON.stringify({ a: 7, b: { preset: "no" }, c: { preset: "hmac", secrets: [secret], fields: {} } }));
    for (const name of ["a", "b", "c"]) expect(await get(name)).toMatchObject({ gate: undefined });
  });
});

describe("a secret that cannot be read", () => {
  test.each(["[]", "null", "7", "{", ""])(
    "with the text %j is asked for once a minute, and not quoted",
    async (text) => {
      put(text);
      for (let time = 0; time < 3; time += 1) {
        await expect(get("desk")).rejects.toMatchObject({
          ...{ name: "ConfigurationError", message: "The webhooks secret is not a JSON object" },
        });
      }
      expect(reads()).toBe(1);
      put(JSON.stringify({ desk: desk("a") }));
      aheadMs = 61_000;
      expect((await get("desk"))?.ready()).toMatchObject({ name: "desk" });
    },
  );

  test("because it is refused is asked for once a minute, and its cause is told once", async () => {
    store.faults.add({ kind: "refuse", type: "AccessDeniedException", message: "no", count: 0 });
    const first: unknown = await get("desk").catch((error: unknown) => error);
    expect(first).toMatchObject({ name: "ConfigurationError", cause: expect.anything() });
    for (let time = 0; time < 3; time += 1) {
      const again: unknown = await get("desk").catch((error: unknown) => error);
      expect(again).toMatchObject({ name: "ConfigurationError" });
      expect(again).not.toHaveProperty("cause");
    }
    expect(reads()).toBe(1);
    store.faults.clear();
    aheadMs = 61_000;
    expect((await get("desk"))?.ready()).toMatchObject({ name: "desk" });
  });

  test("since it has no value has no sources", async () => {
    expect(await get("desk", sourcesOf("empty"))).toBeUndefined();
  });

  test("since the store does not answer is SecretsUnavailableError, until it answers", async () => {
    store.faults.add({ kind: "cut", count: 0 });
    await expect(get("desk")).rejects.toMatchObject({ name: "SecretsUnavailableError" });
    store.faults.clear();
    expect((await get("desk"))?.ready()).toMatchObject({ name: "desk" });
  });
});

describe("a secret that two sources have", () => {
  const whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const standard = (given: string) => ({ preset: "standard-webhooks", secrets: [given], fields: { deviceId: "d" } });

  test("is a fault of the second one, with its place; the first one works on", async () => {
    const copy = { ...desk("c"), secrets: ["one of the copy's own", secret] };
    put(JSON.stringify({ desk: desk("a"), other: desk("b"), copy }));
    expect((await get("desk"))?.ready()).toMatchObject({ name: "desk" });
    for (const name of ["other", "copy"]) {
      const found = await get(name);
      expect(() => found?.ready()).toThrow("not configured rightly");
    }
    expect(lines.map((line) => JSON.parse(line).cause)).toEqual([
      "secrets.0 is the same as one of the source desk",
      "secrets.1 is the same as one of the source desk",
    ]);
  });

  test("is found where it is written in two ways", async () => {
    put(JSON.stringify({ one: standard(whsec), two: standard(`v1,${whsec}`) }));
    expect(await checkSources(sources, within())).toEqual(
      new Map([
        ["one", []],
        ["two", [{ path: "secrets.0", message: "is the same as one of the source one" }]],
      ]),
    );
  });

  test("current and previous, of one source, is none", async () => {
    put(JSON.stringify({ desk: { ...desk("a"), secrets: [secret, secret] } }));
    expect((await get("desk"))?.ready()).toMatchObject({ name: "desk" });
  });
});

test("the check tells of the secret as it is now, which deliveries heed within a minute", async () => {
  expect((await get("desk"))?.ready()).toMatchObject({ name: "desk" });
  put(JSON.stringify({ desk: { ...desk("a"), when: 7 } }));
  expect(await checkSources(sources, within())).toEqual(
    new Map([["desk", [expect.objectContaining({ path: "when" })]]]),
  );
  put("{");
  await expect(checkSources(sources, within())).rejects.toMatchObject({ name: "ConfigurationError" });
});

test("the check names the faults of each source, and none of their secrets", async () => {
  const short = "too short";
  put(
    JSON.stringify({
      desk: desk("a"),
      bad,
      "a b": { ...desk("a"), secrets: ["of the one with a blank"] },
      unsigned: { preset: "jira", fields: { deviceId: "a" } },
      short: { ...desk("a"), secrets: [short] },
      hmac: { preset: "hmac", secrets: ["one of the hmac source"], fields: { deviceId: "a" } },
      engine: {
        preset: "jira",
        secrets: ["one of the engine's own"],
        fields: { deviceId: "$trim(a)", nodeId: "a.((" },
      },
    }),
  );
  const found = await checkSources(sources, deadlineIn(20_000, systemClock));
  expect(Object.fromEntries(found)).toEqual({
    desk: [],
    bad: [{ path: "fields.deviceId", message: "is missing" }],
    "a b": [{ path: "", message: "must be named with letters, digits, _ and -, 40 of them at most" }],
    unsigned: [{ path: "secrets", message: "is missing: nothing verifies without one" }],
    short: [{ path: "secrets.0", message: "must have at least 16 characters" }],
    hmac: [{ path: "signature.header", message: "is missing" }],
    engine: [{ path: "fields.nodeId", message: expect.stringContaining("cannot be") }],
  });
  expect(JSON.stringify([...found])).not.toContain(short);
});
