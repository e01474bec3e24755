import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Part } from "../local-system.ts";
import { type LocalObjectStore, startObjectStore } from "../object-store.ts";
import { localFleetBucket } from "../ports.ts";
import { type StepFunctions, startStepFunctions } from "./endpoint.ts";
import type { Definition } from "./engine.ts";

/** Settings of the local workflows. */
export interface WorkflowsOptions {
  /** Port of the Step Functions endpoint; default 0: any free one. */
  readonly port?: number;
  /** Port of the object store; default 0: any free one. */
  readonly objectsPort?: number;
  /** What a second of waiting lasts, in seconds; default 1. */
  readonly timeScale?: number;
  /** Where the definitions are. Default: functions/. */
  readonly folder?: string;
  /** Is given both when they run. */
  readonly onStart?: (workflows: StepFunctions, objects: LocalObjectStore) => void;
}

/**
 * Every functions/*.asl.json as a state machine `rekey-local-<name>`, and before it the objects that fleet runs live
 * in.
 */
export function workflowParts(options: WorkflowsOptions = {}): Part[] {
  const folder = options.folder ?? fileURLToPath(new URL("../../functions", import.meta.url));
  let store: LocalObjectStore | undefined;
  const objects: Part = {
    name: "Objects (S3)",
    start: async () => {
      store = await startObjectStore(options.objectsPort === undefined ? {} : { port: options.objectsPort });
      return {
        url: store.url,
        environment: { AWS_ENDPOINT_URL_S3: store.url, REKEY_FLEET_BUCKET: localFleetBucket },
        close: store.close,
      };
    },
  };
  const workflows: Part = {
    name: "Step Functions",
    start: async ({ lambda }) => {
      if (store === undefined) throw new TypeError("The objects start before the workflows");
      const { objects } = store;
      const running = await startStepFunctions({
        stateMachines: await definitionsIn(folder),
        lambda,
        readObject: async (bucket, key) => objects.get(`${bucket}/${key}`)?.toString("utf8"),
        timeScale: options.timeScale ?? 1,
        ...(options.port === undefined ? {} : { port: options.port }),
      });
      options.onStart?.(running, store);
      return {
        url: running.url,
        environment: {
          AWS_ENDPOINT_URL_SFN: running.url,
          REKEY_WORKFLOW_ARN: running.arnOf("rekey-local-rekeyDevice"),
        },
        close: running.close,
      };
    },
  };
  return [objects, workflows];
}

/** The definitions in a folder by the name of their state machine, with what the deployment puts in for placeholders. */
export async function definitionsIn(folder: string): Promise<Record<string, Definition>> {
  const suffix = ".asl.json";
  const files = (await readdir(folder)).filter((name) => name.endsWith(suffix));
  const entries = files.map(async (file): Promise<[string, Definition]> => {
    const text = await readFile(join(folder, file), "utf8");
    return [`rekey-local-${file.slice(0, -suffix.length)}`, JSON.parse(substituted(text))];
  });
  return Object.fromEntries(await Promise.all(entries));
}

function substituted(text: string): string {
  return text.replace(/\$\{([A-Za-z0-9]+)\}/g, (_, key: string) => {
    if (key === "FleetBucketName") return localFleetBucket;
    if (key === "Partition") return "aws";
    const name = key.replace(/FunctionArn$/, "");
    return `arn:aws:lambda:eu-central-1:123456789012:function:${name.charAt(0).toLowerCase()}${name.slice(1)}`;
  });
}
