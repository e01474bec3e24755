import { afterEach, beforeEach, expect, test } from "vitest";
import { type SecretsEndpoint, startSecretsEndpoint } from "../../local/secrets-endpoint/server.ts";
import { type Clock, deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { readAhead } from "../../shared/runtime/read-ahead.ts";
import { createSecrets, type Secrets } from "../../shared/runtime/secrets.ts";
import { clientOf } from "../local/secrets-endpoint/client.ts";

let store: SecretsEndpoint;
let secrets: Secrets;
let laterMs: number;
const clock: Clock = { ...systemClock, now: () => systemClock.now() + laterMs };
const within = (milliseconds = 5_000) => deadlineIn(milliseconds, systemClock);
const put = (text: string) => store.store.put("session", { text }, `version-of-${text}-${"x".repeat(32)}`);

beforeEach(async () => {
  laterMs = 0;
  store = await startSecretsEndpoint({ secrets: { session: "first" } });
  secrets = createSecrets(clientOf(store, 1));
});
afterEach(() => store.close());

/** Begins, and waits until the store has answered. */
async function begun(ids: readonly string[] = ["session"]): Promise<Secrets> {
  const ahead = readAhead(secrets, ids, clock);
  await expect.poll(() => store.counters.calls()).toBe(ids.length);
  return ahead;
}

test("a read that was begun is taken by the first who asks, and by nobody else", async () => {
  const ahead = await begun();
  put("second");
  expect((await ahead.read("session", within()))?.text).toBe("first");
  expect(store.counters.calls()).toBe(1);
  expect((await ahead.read("session", within()))?.text).toBe("second");
});

test("one that was begun a second ago is not taken: the store is asked anew", async () => {
  const ahead = await begun();
  put("second");
  laterMs = 1_001;
  expect((await ahead.read("session", within()))?.text).toBe("second");
});

test("one that failed is repeated, and its error never seen", async () => {
  store.deny.push({ secretId: "session" });
  const ahead = await begun();
  store.deny.length = 0;
  expect((await ahead.read("session", within()))?.text).toBe("first");
});

test("one that fails again fails as the invocation's own read does", async () => {
  store.deny.push({ secretId: "session" });
  const ahead = await begun();
  await expect(ahead.read("session", within())).rejects.toMatchObject({ name: "ConfigurationError" });
  await store.down();
  await expect(ahead.read("session", within())).rejects.toMatchObject({ name: "SecretsUnavailableError" });
});

test("one that hangs is waited for no longer than a second", async () => {
  store.faults.add({ kind: "hang", count: 1 });
  const ahead = readAhead(secrets, ["session"], clock);
  const startedAt = performance.now();
  expect((await ahead.read("session", within()))?.text).toBe("first");
  expect(performance.now() - startedAt).toBeLessThan(6_000);
});

test("nobody who has less than a second left waits for one", async () => {
  store.faults.add({ kind: "hang", count: 1 });
  const ahead = readAhead(secrets, ["session"], clock);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await ahead.read("session", within(900)))?.text).toBe("first");
});
