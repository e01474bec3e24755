import { afterEach, beforeEach, expect, test } from "vitest";
import { type SecretsEndpoint, startSecretsEndpoint } from "../../local/secrets-endpoint/server.ts";
import { type Clock, deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";
import { createSources, type Sources } from "../../shared/webhook/sources.ts";
import { clientOf } from "../local/secrets-endpoint/client.ts";

let store: SecretsEndpoint;
let aheadMs = 0;
let sources: Sources;
const clock: Clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
const desk = (deviceId: string) => ({ preset: "jira", secrets: ["s"], fields: { deviceId } });

beforeEach(async () => {
  aheadMs = 0;
  store = await startSecretsEndpoint({
    secrets: { webhooks: JSON.stringify({ desk: desk("a.b"), bad: { preset: "no" } }), empty: null },
  });
  sources = createSources(createSecrets(clientOf(store, 1)), "webhooks", clock);
});
afterEach(() => store.close());

const get = (name: string, from = sources) => from.get(name, deadlineIn(2_000, systemClock));

test("a source is read once and kept for a minute, then what was changed is heeded", async () => {
  const first = await get("desk");
  expect(first?.fields["deviceId"]?.expression).toBe("a.b");
  aheadMs = 59_000;
  store.store.put("webhooks", { text: JSON.stringify({ desk: desk("c.d") }) }, "a-request-token-of-32-characters-1");
  expect(await get("desk")).toBe(first);
  expect(store.counters.calls("GetSecretValue")).toBe(1);
  aheadMs = 61_000;
  const changed = await get("desk");
  expect(changed?.fields["deviceId"]?.expression).toBe("c.d");
  aheadMs = 122_000;
  // Read again, and not made again: nothing has changed.
  expect(await get("desk")).toBe(changed);
  expect(await get("desk")).toBe(changed);
  expect(store.counters.calls("GetSecretValue")).toBe(3);
});

test.each(["nobody", "constructor", "__proto__", "", "a b", "x".repeat(41)])("there is no source %j", async (name) => {
  expect(await get(name)).toBeUndefined();
});

test("one that is malformed is a ConfigurationError each time, and harms no other", async () => {
  for (let time = 0; time < 2; time += 1) {
    await expect(get("bad")).rejects.toMatchObject({ name: "ConfigurationError" });
  }
  expect(await get("desk")).toMatchObject({ name: "desk" });
});

test.each(["[]", "null", "7", "{", ""])(
  "a secret with the text %j is a ConfigurationError that does not quote it",
  async (text) => {
    store.store.put("webhooks", { text }, "a-request-token-of-32-characters-2");
    await expect(get("desk")).rejects.toMatchObject({
      ...{ name: "ConfigurationError", message: "The webhooks secret is not a JSON object" },
    });
  },
);

test("a secret without a value has no sources", async () => {
  expect(await get("desk", createSources(createSecrets(clientOf(store)), "empty", clock))).toBeUndefined();
});

test("a store that does not answer is SecretsUnavailableError", async () => {
  await store.down();
  await expect(get("desk")).rejects.toMatchObject({ name: "SecretsUnavailableError" });
});
