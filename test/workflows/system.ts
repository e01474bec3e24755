import { fileURLToPath } from "node:url";
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { functionsOf } from "../../local/deployed.ts";
import { type LocalSystem, startLocalSystem } from "../../local/local-system.ts";
import type { LocalObjectStore } from "../../local/object-store.ts";
import {
  type PlatformSimulator,
  type SimulatorOptions,
  startPlatformSimulator,
} from "../../local/platform-simulator/simulator.ts";
import { localFleetBucket } from "../../local/ports.ts";
import type { StepFunctions } from "../../local/step-functions/endpoint.ts";
import { workflowParts } from "../../local/step-functions/part.ts";

/** The built functions, the workflows and the simulator, with what a test needs to look at. */
export interface WorkflowSystem {
  readonly system: LocalSystem;
  readonly simulator: PlatformSimulator;
  readonly workflows: StepFunctions;
  readonly objects: LocalObjectStore;
  readonly client: SFNClient;
  /** Starts `rekey-local-<workflow>`. @returns the execution's ARN */
  start(workflow: string, input: unknown, name?: string): Promise<string>;
  /** Waits until an execution is over. */
  over(executionArn: string): Promise<DescribeExecutionCommandOutput>;
  /** Text of an object in the bucket of fleet runs. */
  object(key: string): string;
  putObject(key: string, text: string): void;
  close(): Promise<void>;
}

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Starts it all. @param timeScale what a second of a workflow's waiting lasts, in seconds */
export async function startWorkflowSystem(timeScale: number, options: SimulatorOptions = {}): Promise<WorkflowSystem> {
  let simulator: PlatformSimulator | undefined;
  let workflows: StepFunctions | undefined;
  let objects: LocalObjectStore | undefined;
  const { ticketWebhook: _, ...functions } = await functionsOf(file("../../serverless.yml"), file("../../dist"));
  const system = await startLocalSystem({
    platform: async () => {
      simulator = await startPlatformSimulator(options);
      return simulator;
    },
    parts: workflowParts({
      timeScale,
      onStart: (running, store) => {
        workflows = running;
        objects = store;
      },
    }),
    functions: { ...functions, writeTicketNote: { bundle: file("../local/fixtures/note.mjs"), maxConcurrency: 1 } },
    routes: [],
  });
  if (simulator === undefined || workflows === undefined || objects === undefined) throw new Error("Not started");
  const store = objects;
  const { arnOf, url } = workflows;
  const client = new SFNClient({
    endpoint: url,
    region: "eu-central-1",
    credentials: { accessKeyId: "AKIDLOCAL", secretAccessKey: "local" },
  });
  return {
    system,
    simulator,
    workflows,
    objects,
    client,
    start: async (workflow, input, name) => {
      const command = new StartExecutionCommand({
        stateMachineArn: arnOf(`rekey-local-${workflow}`),
        input: JSON.stringify(input),
        ...(name === undefined ? {} : { name }),
      });
      return (await client.send(command)).executionArn ?? "";
    },
    over: async (executionArn) => {
      await workflows?.executions.get(executionArn)?.ended;
      return client.send(new DescribeExecutionCommand({ executionArn }));
    },
    object: (key) => store.objects.get(`${localFleetBucket}/${key}`)?.toString("utf8") ?? "",
    putObject: (key, text) => void store.objects.set(`${localFleetBucket}/${key}`, Buffer.from(text)),
    close: async () => {
      client.destroy();
      await system.close();
    },
  };
}
