import { afterAll, beforeAll, expect, test } from "vitest";
import { ticketWebhook } from "../../functions/ticketWebhook.ts";
import { startTicketDesk, type TicketDesk } from "../../local/ticket-desk/desk.ts";
import { senderOf, sourcesOf } from "../../local/ticket-desk/senders.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";
import { createSources } from "../../shared/webhook/sources.ts";
import { createDevice } from "../platform/one-device.ts";
import { SimulatedStore } from "../simulation/store.ts";
import { countersOf, invocationBy } from "./world.ts";

let desk: TicketDesk;
beforeAll(async () => {
  desk = await startTicketDesk();
});
afterAll(() => desk.close());

/**
 * Delivers an event, while the platform makes what it is asked for and tells nobody.
 *
 * @param storeMs what a call of the secrets store takes, in milliseconds
 */
async function deliver(preset: string, storeMs: number, deviceId = "device") {
  const { platform, time, calls } = createDevice(
    Array(20).fill({ tookMs: 1_000, answer: "hangs", acts: true, thenOnline: false }),
  );
  const clock = { ...time.clock(), now: () => Date.now() };
  const { invocation } = invocationBy(clock, { caller: "unknown" });
  const sender = senderOf(preset);
  // An expression is evaluated in real time.
  const fields = { deviceId, nodeId: "hardware" };
  const configured = { ...sourcesOf(desk)[sender.source], fields, when: undefined, ticket: undefined, imei: undefined };
  const store = new SimulatedStore(time, { webhooks: JSON.stringify({ [sender.source]: configured }) });
  const secrets = createSecrets(store.client({ latencyMs: () => storeMs / 2 }));
  const own = sender.payload({ deviceId: "d", imei: "860000000000009" });
  const payload = { ...own, device: "d", hardware: "n" };
  const body = JSON.stringify(sender.stamped?.(payload) ?? payload);
  const headers = { "content-type": "application/json", ...sender.headers(body, "delivery-1") };
  const error = await ticketWebhook
    .run({ source: sender.source, headers, body: Buffer.from(body) }, invocation, {
      platform,
      sources: createSources(secrets, "webhooks", clock, invocation.log),
      workflow: undefined,
      ...{ clock, metrics: countersOf() },
    })
    .catch((thrown: unknown) => thrown);
  return { error, tookMs: time.elapsedMs, calls };
}

// How long each sender waits for an answer, less half a second for the way; where it repeats on a 504, it sees one.
const senders = [
  ["zendesk", 9_500, 503],
  ["jira", 9_500, 504],
  ["pagerduty", 4_500, 504],
  ["github", 9_500, 504],
  ["linear", 4_500, 504],
  ["standard-webhooks", 14_500, 504],
  ["shared-secret", 19_500, 504],
  ["hmac", 9_500, 504],
] as const;

test.each(senders)("%s has its answer within %d ms of a platform that answers nobody: %d", async (...row) => {
  const [preset, limitMs, status] = row;
  for (const storeMs of [10, 3_000]) {
    const { error, tookMs, calls } = await deliver(preset, storeMs);
    expect(error).toMatchObject({ name: "OutcomeUnknownError", status, retryable: true });
    expect(tookMs).toBeLessThanOrEqual(limitMs);
    expect(calls.length).toBeGreaterThan(0);
  }
});

test("a delivery whose time the store has used up has no expression evaluated, and is to come again", async () => {
  const { error, tookMs, calls } = await deliver("pagerduty", 4_190, "$lowercase(device)");
  expect(error).toMatchObject({
    ...{ name: "PlatformUnavailableError", message: expect.stringContaining("not evaluated in time"), status: 503 },
  });
  expect([tookMs, calls]).toEqual([4_190, []]);
});
