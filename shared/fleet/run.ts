import * as z from "zod/mini";
import { RekeyError } from "../errors.ts";
import type { ObjectStore } from "../runtime/objects.ts";
import { type FleetDevice, fleetDevice } from "./lines.ts";

/** Name of a run: it is part of keys, and what the codes are derived from. */
export const runName = z
  .string()
  .check(z.regex(/^[A-Za-z0-9_-]{1,80}$/, "must be letters, digits, - and _, 80 at most"));

/** What became of a device. `waiting` ones are taken up again in a later round. */
export const resultLine = z.object({
  line: z.int(),
  deviceId: z.string(),
  nodeId: z.optional(z.string()),
  status: z.enum(["done", "failed", "waiting"]),
  /** Only where codes were asked for. */
  verifyCode: z.optional(z.string()),
  /** When the code ends; null when it never does, or when the device has already connected. */
  expiresAt: z.optional(z.nullable(z.string())),
  replayed: z.optional(z.boolean()),
  error: z.optional(z.string()),
  detail: z.optional(z.string()),
  advice: z.optional(z.string()),
  /** When this became known. */
  at: z.string(),
});

/** One of {@link resultLine}. */
export type ResultLine = z.infer<typeof resultLine>;

const counts = z.object({ done: z.int(), failed: z.int(), waiting: z.int() });

/** What a run is and how far it is; the one object that a progress view needs. */
export const runProgress = z.object({
  run: z.string(),
  total: z.int(),
  done: z.int(),
  failed: z.int(),
  waiting: z.int(),
  round: z.int(),
  /** Milliseconds since 1970. */
  startedAtMs: z.number(),
  updatedAtMs: z.number(),
  finished: z.boolean(),
  /** What the round's batches have added, by outKey: a batch that is worked off again adds only what is new. */
  batches: z.optional(z.record(z.string(), counts)),
  /** Why the last batch broke off, if it did. */
  stopped: z.optional(z.object({ error: z.string(), cause: z.string() })),
});

/** One of {@link runProgress}. */
export type RunProgress = z.infer<typeof runProgress>;

/** What a run was made of; a second start under the same name must be of the same input. */
export const runPlan = z.object({
  inputKey: z.string(),
  /** SHA-256 of the input. */
  inputHash: z.string(),
  devices: z.int(),
  batchDevices: z.int(),
  /** The round that is under way, from 1. */
  round: z.int(),
  startedAtMs: z.number(),
  finished: z.boolean(),
});

/** One of {@link runPlan}. */
export type RunPlan = z.infer<typeof runPlan>;

/** One batch in a round's manifest: what the engine hands to each of its children. */
export const batchEntry = z.object({ batch: z.int(), inKey: z.string(), outKey: z.string() });

/** One of {@link batchEntry}. */
export type BatchEntry = z.infer<typeof batchEntry>;

/** The objects of one run, under `runs/<run>/`. */
export interface Run {
  readonly resultKey: string;
  readonly faultsKey: string;
  manifestKey(round: number): string;
  readPlan(): Promise<RunPlan | undefined>;
  writePlan(plan: RunPlan): Promise<void>;
  readProgress(): Promise<RunProgress | undefined>;
  writeProgress(progress: RunProgress): Promise<void>;
  /** Which execution works on the run; a later one takes over, and the earlier one must stop. */
  readOwner(): Promise<string | undefined>;
  writeOwner(execution: string): Promise<void>;
  readManifest(round: number): Promise<readonly BatchEntry[]>;
  /** Writes a round's batches and its manifest, the manifest last. */
  writeRound(round: number, devices: readonly FleetDevice[], batchDevices: number): Promise<void>;
  readDevices(inKey: string): Promise<readonly FleetDevice[]>;
  readLines(outKey: string): Promise<readonly ResultLine[]>;
  writeLines(outKey: string, lines: readonly ResultLine[]): Promise<void>;
}

/** What an execution is told that another one has replaced. */
export const takenOver = "Another execution has taken over this run";

/** The objects of the run with this name. */
export function openRun(name: string, objects: Pick<ObjectStore, "get" | "put">): Run {
  const prefix = `runs/${name}`;
  const manifestKey = (round: number) => `${prefix}/rounds/${round}/manifest.json`;
  const read = async <Schema extends z.ZodMiniType>(key: string, schema: Schema) => {
    const text = await objects.get(key);
    return text === undefined ? undefined : parsed(text, schema);
  };
  const write = (key: string, value: unknown) => objects.put(key, JSON.stringify(value));
  return {
    resultKey: `${prefix}/result.jsonl`,
    faultsKey: `${prefix}/faults.jsonl`,
    manifestKey,
    readPlan: () => read(`${prefix}/plan.json`, runPlan),
    writePlan: (plan) => write(`${prefix}/plan.json`, plan),
    readProgress: () => read(`${prefix}/progress.json`, runProgress),
    writeProgress: (progress) => write(`${prefix}/progress.json`, progress),
    readOwner: () => read(`${prefix}/owner.json`, z.string()),
    writeOwner: (execution) => write(`${prefix}/owner.json`, execution),
    readManifest: async (round) => (await read(manifestKey(round), z.array(batchEntry))) ?? [],
    async writeRound(round, devices, batchDevices) {
      const entries: BatchEntry[] = [];
      for (let from = 0; from < devices.length; from += batchDevices) {
        const batch = entries.length + 1;
        const inKey = `${prefix}/rounds/${round}/${batch}.in.jsonl`;
        entries.push({ batch, inKey, outKey: `${prefix}/rounds/${round}/${batch}.out.jsonl` });
        await objects.put(inKey, toLines(devices.slice(from, from + batchDevices)));
      }
      await write(manifestKey(round), entries);
    },
    readDevices: async (inKey) => fromLines(await objects.get(inKey), fleetDevice),
    readLines: async (outKey) => fromLines(await objects.get(outKey), resultLine),
    writeLines: (outKey, lines) => objects.put(outKey, toLines(lines)),
  };
}

/** JSON lines of values. */
export function toLines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}

function fromLines<Schema extends z.ZodMiniType>(text: string | undefined, schema: Schema): z.output<Schema>[] {
  return (text ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => parsed(line, schema));
}

function parsed<Schema extends z.ZodMiniType>(text: string, schema: Schema): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new RekeyError("ConfigurationError", "An object of the fleet run was changed by somebody else", { cause });
  }
}

/** How many lines have each status. */
export function countByStatus(lines: readonly ResultLine[]): Record<ResultLine["status"], number> {
  const counts = { done: 0, failed: 0, waiting: 0 };
  for (const { status } of lines) counts[status] += 1;
  return counts;
}
