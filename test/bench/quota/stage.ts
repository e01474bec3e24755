import { setTimeout as delay } from "node:timers/promises";
import { SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { type LocalSystem, startLocalSystem } from "../../../local/local-system.ts";
import type { LocalObjectStore } from "../../../local/object-store.ts";
import { type PlatformSimulator, startPlatformSimulator } from "../../../local/platform-simulator/simulator.ts";
import { localFleetBucket } from "../../../local/ports.ts";
import type { StepFunctions } from "../../../local/step-functions/endpoint.ts";
import type { Ending } from "../../../local/step-functions/engine.ts";
import { workflowParts } from "../../../local/step-functions/part.ts";
import { startTicketDesk, type TicketDesk, ticketDeskPart } from "../../../local/ticket-desk/desk.ts";
import { sourcesOf } from "../../../local/ticket-desk/senders.ts";
import type { ResultLine } from "../../../shared/fleet/lines.ts";
import { openRun, type RunStore } from "../../../shared/fleet/run-store.ts";
import { createObjectStore, createS3Client } from "../../../shared/runtime/objects.ts";

/** A request that the platform was asked, logins left out. */
export interface Call {
  readonly deviceId: string;
  /** When it came. */
  readonly atMs: number;
  /** Absent: not answered yet. */
  answeredAtMs?: number;
  /** Absent: it was done. */
  code?: string;
}

/** The whole local system at the platform's real quota, in real minutes. */
export interface Stage {
  readonly system: LocalSystem;
  readonly simulator: PlatformSimulator;
  readonly objects: LocalObjectStore;
  readonly desk: TicketDesk;
  /** Everything that the platform was asked so far, by whoever asked. */
  readonly calls: readonly Call[];
  /** The addresses that the tool of operators takes from its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Adds so many devices `<prefix>1` and so on. */
  devices(prefix: string, count: number): string[];
  store(run: string): RunStore;
  /** Puts the devices into the bucket and starts a run with them. */
  begin(run: string, deviceIds: readonly string[], input?: object): Promise<{ readonly ended: Promise<Ending> }>;
  linesOf(run: string): ResultLine[];
  close(): Promise<void>;
}

/** The quota of the platform's page: so many calls in a minute. */
export const quota = { calls: 100, windowMs: 60_000 };
export const nodeIdOf = (deviceId: string) => `urn:imei:new-${deviceId}`;

/** @param latencyMs how long the platform takes to answer */
export async function startStage(latencyMs: number): Promise<Stage> {
  const simulator = await startPlatformSimulator({ quota, latencyMs });
  const calls = watch(simulator);
  const desk = await startTicketDesk();
  const started: { workflows?: StepFunctions; objects?: LocalObjectStore } = {};
  const parts = workflowParts({ onStart: (workflows, objects) => Object.assign(started, { workflows, objects }) });
  const system = await startLocalSystem({
    platform: async () => simulator,
    parts: [ticketDeskPart(desk), ...parts],
    webhookSources: sourcesOf(desk),
  });
  const { workflows, objects } = started;
  if (workflows === undefined || objects === undefined) throw new Error("The workflows did not start");
  const access = { region: "eu-central-1", credentials: { accessKeyId: "AKIDLOCAL", secretAccessKey: "local" } };
  const client = new SFNClient({ endpoint: workflows.url, ...access });
  const bucket = createObjectStore(localFleetBucket, createS3Client(objects.url, access));
  let starts = 0;
  return {
    ...{ system, simulator, objects, desk, calls },
    environment: { AWS_ENDPOINT_URL_SFN: workflows.url, AWS_ENDPOINT_URL_S3: objects.url },
    devices: (prefix, count) =>
      Array.from({ length: count }, (_, at) => simulator.devices.set(`${prefix}${at + 1}`).deviceId),
    store: (run) => openRun(run, bucket),
    async begin(run, deviceIds, input = {}) {
      const lines = deviceIds.map((deviceId) => `${deviceId},${nodeIdOf(deviceId)}\n`);
      await bucket.put(`${run}.csv`, `deviceId,nodeId\n${lines.join("")}`);
      starts += 1;
      const { executionArn = "" } = await client.send(
        new StartExecutionCommand({
          stateMachineArn: workflows.arnOf("rekey-local-rekeyFleet"),
          name: `${run}--${starts}`,
          input: JSON.stringify({ run, key: `${run}.csv`, includeCode: true, ...input }),
        }),
      );
      const execution = workflows.executions.get(executionArn);
      if (execution === undefined) throw new Error("The execution did not start");
      return { ended: execution.ended };
    },
    linesOf: (run) =>
      (objects.objects.get(`${localFleetBucket}/runs/${run}/result.jsonl`)?.toString("utf8") ?? "")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as ResultLine),
    async close() {
      client.destroy();
      await system.close();
    },
  };
}

/** Listens to the simulator from inside: when a request comes, before it is held back, and what it is answered. */
function watch({ faults, application }: PlatformSimulator): Call[] {
  const calls: Call[] = [];
  const hit = faults.hit.bind(faults);
  faults.hit = (operation, deviceId) => {
    if (deviceId !== undefined) calls.push({ deviceId, atMs: Date.now() });
    return hit(operation, deviceId);
  };
  const answer = application.answer.bind(application);
  application.answer = (received) => {
    const answered = answer(received);
    const call = calls.findLast(
      ({ deviceId, answeredAtMs }) => deviceId === received.deviceId && answeredAtMs === undefined,
    );
    if (call !== undefined) {
      call.answeredAtMs = Date.now();
      if (answered.code !== undefined) call.code = answered.code;
    }
    return answered;
  };
  return calls;
}

/** Resolves once it holds. @throws after so many milliseconds in which it did not */
export async function until(holds: () => boolean | Promise<boolean>, longestMs: number, what: string): Promise<void> {
  const endMs = Date.now() + longestMs;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`In ${longestMs / 1_000} s ${what} was not seen`);
    await delay(100);
  }
}
