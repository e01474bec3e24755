import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { type LocalSystem, startLocalSystem } from "../../local/local-system.ts";
import { type PlatformSimulator, startPlatformSimulator } from "../../local/platform-simulator/simulator.ts";
import type { StepFunctions } from "../../local/step-functions/endpoint.ts";
import { workflowParts } from "../../local/step-functions/part.ts";
import { startTicketDesk, type TicketDesk, ticketDeskPart } from "../../local/ticket-desk/desk.ts";
import { type Device, secretOf } from "../../local/ticket-desk/sender.ts";
import { deliver, senderOf, senders, sourcesOf } from "../../local/ticket-desk/senders.ts";

interface Stage {
  readonly system: LocalSystem;
  readonly simulator: PlatformSimulator;
  readonly desk: TicketDesk;
  readonly workflows: StepFunctions | undefined;
}

async function startStage(withWorkflows: boolean, environment: Readonly<Record<string, string>>): Promise<Stage> {
  const simulator = await startPlatformSimulator({ quota: { calls: 100_000, windowMs: 60_000 } });
  const desk = await startTicketDesk();
  let workflows: StepFunctions | undefined;
  const sources = sourcesOf(desk);
  const { zendesk, "shared-secret": shared } = senders;
  const system = await startLocalSystem({
    platform: async () => simulator,
    parts: [
      ticketDeskPart(desk),
      ...(withWorkflows ? workflowParts({ timeScale: 0.01, onStart: (running) => (workflows = running) }) : []),
    ],
    environment,
    webhookSources: {
      ...sources,
      reads: { ...shared?.configuration, secrets: [secretOf("reads")], reply: "result" },
      public: { ...zendesk?.configuration, secrets: ["dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="] },
      unsigned: { ...zendesk?.configuration, secrets: [] },
      blank: { ...zendesk?.configuration, secrets: [""] },
      impatient: { ...sources["desk"], secrets: [secretOf("impatient")], limitSeconds: 60 },
      ticketless: { ...zendesk?.configuration, secrets: [secretOf("ticketless")] },
      halfway: { ...zendesk?.configuration, secrets: [secretOf("halfway")], fields: { nodeId: "ticket.imei" } },
      broken: { preset: "hmac", secrets: ["x"], fields: { deviceId: "ticket.((" } },
    },
  });
  return { system, simulator, desk, workflows };
}
/**
 * The local cloud with a ticket desk for the tests of one file, and a device of its own for each of them.
 *
 * @param withWorkflows without them, everything is done within the answer
 * @param environment of every function, beside its own and in place of it; asked for when all begins
 */
export function useTicketStage(
  withWorkflows: boolean,
  environment: () => Promise<Record<string, string>> = async () => ({}),
) {
  let stage: Stage;
  let device: Device = { deviceId: "", imei: "" };
  let count = 0;
  /** What each event said, so that its repeats say the same. */
  const payloads = new Map<string, object>();
  beforeAll(async () => {
    stage = await startStage(withWorkflows, await environment());
  });
  afterAll(() => stage.system.close());
  beforeEach(() => {
    count += 1;
    device = { deviceId: `ticket-device-${count}`, imei: String(860_000_000_000_000 + count) };
    stage.simulator.devices.set(device.deviceId);
  });
  const history = () => stage.simulator.devices.get(device.deviceId)?.history ?? [];
  const notesOf = (preset: string) => {
    const { system, ticketId } = senderOf(preset);
    return stage.desk.on(system, ticketId).filter(({ text }) => text.includes(device.deviceId));
  };
  return {
    get system() {
      return stage.system;
    },
    get simulator() {
      return stage.simulator;
    },
    get desk() {
      return stage.desk;
    },
    get workflows() {
      return stage.workflows;
    },
    /** The device of this test, and the hardware that its ticket names. */
    get device() {
      return device;
    },
    history,
    /** The code that was armed last. */
    code: () => history().at(-1)?.verifyCode ?? expect.fail("no code"),
    notesOf,
    send: (preset: string, deliveryId = device.deviceId) => {
      const sender = senderOf(preset);
      const event = `${preset} ${device.deviceId} ${deliveryId}`;
      const payload = payloads.get(event) ?? sender.payload(device);
      payloads.set(event, payload);
      return deliver(stage.system.url, sender, payload, deliveryId);
    },
    /** Resolves when the ticket has its note. */
    settled: (preset: string) => expect.poll(() => notesOf(preset).length).toBeGreaterThan(0),
    /** Resolves when nothing is under way any more: no execution can add a note or a call. */
    quiet: () => Promise.all([...(stage.workflows?.executions.values() ?? [])].map(({ ended }) => ended)),
    logs: () => stage.system.lambda.lines.map(({ line }) => line).join("\n"),
  };
}
