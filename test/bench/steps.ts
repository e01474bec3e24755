import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startLocalSystem } from "../../local/local-system.ts";
import { startPlatformSimulator } from "../../local/platform-simulator/simulator.ts";
import { startSecretsEndpoint } from "../../local/secrets-endpoint/server.ts";
import { workflowParts } from "../../local/step-functions/part.ts";
import { startTicketDesk, ticketApiOf, ticketDeskPart } from "../../local/ticket-desk/desk.ts";
import { secretOf } from "../../local/ticket-desk/sender.ts";
import { deliver, senderAt, senderOf } from "../../local/ticket-desk/senders.ts";
import { startContainer } from "./container.ts";
import { ratioOf, shown, spreadOf } from "./figures.ts";

/** What a ticket goes through, function by function, next door to the platform. */
export const steps = [
  "refreshDeviceKey",
  "ticketWebhook, plain paths",
  "ticketWebhook, an expression",
  "decideNextStep",
  "writeTicketNote",
] as const;

/** One of {@link steps}. */
export type Step = (typeof steps)[number];

/** A figure a round, in milliseconds. */
export interface StepSamples {
  readonly coldMs: number[];
  /** The median of a round's warm calls. */
  readonly warmMs: number[];
}

/** The steps, and the whole way from a ticket's webhook to the note on it, sandboxes warm. */
export interface MeasuredSteps {
  readonly steps: Record<Step, StepSamples>;
  readonly ticketToNoteMs: number[];
}

const plain = senderAt("shared-secret", "plain");
const expressive = senderAt("shared-secret", "expressive");
const device = { deviceId: "device-1", imei: "860000000000001" };
const environment = {
  AWS_REGION: "eu-central-1",
  AWS_ACCESS_KEY_ID: "AKIDBENCH",
  AWS_SECRET_ACCESS_KEY: "bench-secret-access-key",
  AWS_SESSION_TOKEN: "bench-session-token",
  REKEY_SECRET_ID: "application",
  REKEY_SESSION_SECRET_ID: "session",
  REKEY_WEBHOOKS_SECRET_ID: "webhooks",
};
const warmCalls = 20;

/** Everything that the steps talk to. */
export interface StepsStage {
  /** The bundle that does a step. */
  bundleOf(step: Step): string;
  /** Starts a step's function and calls it. @param build a folder with our bundles; default: this checkout's */
  take(step: Step, build?: string): Promise<{ readonly coldMs: number; readonly warmMs: number }>;
  close(): Promise<void>;
}

/** Starts it: a desk, a platform next door, the secrets. */
export async function openStepsStage(): Promise<StepsStage> {
  const desk = await startTicketDesk();
  desk.openAll(plain.system);
  const simulator = await startPlatformSimulator({ quota: { calls: 1_000_000, windowMs: 60_000 } });
  simulator.devices.set(device.deviceId, { status: "OFFLINE" });
  const { configuration } = plain;
  const fields = configuration["fields"] as Record<string, string>;
  const ticket = ticketApiOf(desk, plain.system);
  const webhooks = {
    plain: { ...configuration, secrets: [secretOf("plain")], reply: "result", ticket },
    expressive: {
      ...{ ...configuration, secrets: [secretOf("expressive")], reply: "result", ticket },
      fields: { ...fields, deviceId: "$trim($lowercase(freshdesk_webhook.ticket_cf_device))" },
    },
  };
  const application = JSON.stringify(simulator.applicationSecret());
  const store = await startSecretsEndpoint({
    region: environment.AWS_REGION,
    secrets: { application, webhooks: JSON.stringify(webhooks), session: "" },
  });
  return {
    bundleOf: (step) => `${invocationsOf(step).handler}.mjs`,
    async take(step, build = join(import.meta.dirname, "../../dist")) {
      const { handler, event } = invocationsOf(step);
      const container = await startContainer(
        {
          taskRoot: build,
          handler: `${handler}.handler`,
          environment: { ...environment, AWS_ENDPOINT_URL_SECRETS_MANAGER: store.url },
        },
        event(),
      );
      const warmMs: number[] = [];
      for (let call = 0; call < warmCalls; call += 1) {
        const startedAt = performance.now();
        assertDone(step, await container.invoke(event()));
        warmMs.push(performance.now() - startedAt);
      }
      await container.close();
      assertDone(step, container.firstAnswer);
      return { coldMs: container.coldMs, warmMs: spreadOf(warmMs).median };
    },
    close: async () => {
      for (const one of [desk, simulator, store]) await one.close();
    },
  };
}

/** Measures all steps in turns, and as many tickets. */
export async function measureSteps(rounds: number): Promise<MeasuredSteps> {
  const measured: Record<string, StepSamples> = {};
  const stage = await openStepsStage();
  try {
    for (let round = 0; round <= rounds; round += 1) {
      for (const step of round % 2 === 0 ? steps : steps.toReversed()) {
        const { coldMs, warmMs } = await stage.take(step);
        const samples = measured[step] ?? { coldMs: [], warmMs: [] };
        measured[step] = samples;
        // In the first round the session's token is fetched, and the machine's caches are filled.
        if (round > 0) samples.coldMs.push(coldMs);
        if (round > 0) samples.warmMs.push(warmMs);
      }
    }
  } finally {
    await stage.close();
  }
  return { steps: measured as Record<Step, StepSamples>, ticketToNoteMs: await ticketsToNotes(rounds) };
}

function invocationsOf(step: Step): { readonly handler: string; event(): object } {
  switch (step) {
    case "refreshDeviceKey":
      return {
        handler: step,
        event: () => ({ deviceId: device.deviceId, nodeId: device.imei, idempotencyKey: randomUUID() }),
      };
    case "ticketWebhook, plain paths":
      return { handler: "ticketWebhook", event: () => webhookEvent(plain) };
    case "ticketWebhook, an expression":
      return { handler: "ticketWebhook", event: () => webhookEvent(expressive) };
    case "decideNextStep":
      return { handler: step, event: () => ({ execution: "bench", soFar: { input: { deviceId: device.deviceId } } }) };
    case "writeTicketNote":
      return { handler: step, event: noteEvent };
  }
}

/** A delivery as the gateway hands it over. */
function webhookEvent(sender: typeof plain): object {
  const payload = sender.payload(device);
  const body = JSON.stringify({ ...payload, event: randomUUID() });
  const headers = { "content-type": "application/json", ...sender.headers(body, randomUUID()) };
  const path = `/webhooks/${sender.source}`;
  return {
    version: "2.0",
    routeKey: "POST /webhooks/{source}",
    rawPath: path,
    rawQueryString: "",
    pathParameters: { source: sender.source },
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    requestContext: { requestId: randomUUID(), http: { method: "POST", path, sourceIp: "127.0.0.1" } },
    body,
    isBase64Encoded: false,
  };
}

function noteEvent(): object {
  return {
    ticket: { source: plain.source, ticketId: plain.ticketId, operationId: `plain-${randomUUID()}` },
    request: { deviceId: device.deviceId, nodeId: device.imei, idempotencyKey: randomUUID() },
    outcome: { ok: true, timeout: 180, expiresAt: new Date(Date.now() + 180_000).toISOString() },
  };
}

/** A step that does not do its work must not be fast. */
function assertDone(step: Step, answer: unknown): void {
  const done = /"verifyCode":|\\"verifyCode\\":|"next":"refresh"|"written":true/.test(JSON.stringify(answer));
  if (!done) throw new Error(`${step} answers ${JSON.stringify(answer)}`);
}

/** From a delivery to the note, over the local gateway, functions, workflow and desk. */
async function ticketsToNotes(rounds: number): Promise<number[]> {
  const desk = await startTicketDesk();
  const sender = senderOf("shared-secret");
  desk.open(sender.system, sender.ticketId);
  const simulator = await startPlatformSimulator({ quota: { calls: 1_000_000, windowMs: 60_000 } });
  simulator.devices.set(device.deviceId, { status: "OFFLINE" });
  const system = await startLocalSystem({
    platform: async () => simulator,
    parts: [ticketDeskPart(desk), ...workflowParts()],
    webhookSources: { [sender.source]: { ...sender.configuration, ticket: ticketApiOf(desk, sender.system) } },
  });
  const found: number[] = [];
  try {
    for (let round = 0; round <= rounds; round += 1) {
      const before = desk.notes.length;
      const startedAt = performance.now();
      const payload = sender.payload({ ...device, imei: String(860_000_000_000_000 + round) });
      const { status, text } = await deliver(system.url, sender, payload, randomUUID());
      if (status !== 202) throw new Error(`The webhook is answered ${status}: ${text}`);
      while (desk.notes.length === before && performance.now() - startedAt < 30_000) await delay(2);
      if (desk.notes.length === before) throw new Error("No note was written within half a minute");
      if (round > 0) found.push(performance.now() - startedAt);
    }
  } finally {
    await system.close();
    await desk.close();
  }
  return found;
}

/** The steps as a table of Markdown. */
export function stepsTable({ steps: samples, ticketToNoteMs }: MeasuredSteps): string[] {
  const whole = samples.refreshDeviceKey;
  return [
    "| step of a ticket, platform next door | cold, ms | to refreshDeviceKey | warm, ms |",
    "|---|---|---|---|",
    ...steps.map((step) => {
      const { coldMs, warmMs } = samples[step];
      const ratio = shown(ratioOf(coldMs, whole.coldMs), 2);
      return `| ${step} | ${shown(spreadOf(coldMs), 0)} | ${ratio} | ${shown(spreadOf(warmMs), 1)} |`;
    }),
    "",
    `From a ticket's webhook to the note on it, on the local system: ${shown(spreadOf(ticketToNoteMs), 0)} ms.`,
    "",
  ];
}
