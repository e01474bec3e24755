import * as z from "zod/mini";
import { RekeyError } from "../errors.ts";
import { jsonOf } from "../json.ts";
import type { ObjectStore } from "../runtime/objects.ts";
import { fleetCounts } from "./counts.ts";
import { type FleetLine, fleetLine, toLines } from "./lines.ts";

/** Name of a run: it is part of keys, and what the codes are derived from. */
export const runName = z
  .string()
  .check(z.regex(/^[A-Za-z0-9_-]{1,80}$/, "must be letters, digits, - and _, 80 at most"));

/** Lines at rest in one object, each line's number above the one before. */
const part = z.object({ key: z.string(), lines: z.int() });

/** One batch of a round: what the engine hands to each of its children. */
export const batchEntry = z.object({
  /** From 0. */
  batch: z.int(),
  inKey: z.string(),
  outKey: z.string(),
  devices: z.int(),
  /** The number of its first line. */
  firstLine: z.int(),
  /** These go first, and the run stops unless they are well. */
  canary: z.boolean(),
  /** How long the round waits for its devices before this batch: the first one's wait is the round's. */
  afterSeconds: z.int(),
});

/** One of {@link batchEntry}. */
export type BatchEntry = z.infer<typeof batchEntry>;

/** What a run is; written by planFleet at each start and by concludeRound after each round, the last thing of each. */
export const runPlan = z.object({
  /** Each start makes another one, with objects of its own. */
  generation: z.int(),
  /** How the run was started, for `resume`. */
  input: z.record(z.string(), z.unknown()),
  total: z.int(),
  /** Hashes of some of its devices, by which an input is known as this run's. */
  sketch: z.array(z.number()),
  /** Milliseconds since 1970, the first start. */
  startedAtMs: z.number(),
  state: z.enum(["running", "finished", "stopped"]),
  /** The round that is under way, from 1. */
  round: z.int(),
  /** Where its batches stand; absent when the run is finished. */
  manifestKey: z.optional(z.string()),
  batchDevices: z.int(),
  /** Lines that are done or failed since an earlier round. */
  settled: z.array(part),
  /** Lines that are done but stand in the input no more. */
  removed: z.array(part),
});

/** One of {@link runPlan}. */
export type RunPlan = z.infer<typeof runPlan>;

/** Why nothing is done at present, or was not to the end. */
export const runStop = z.object({
  error: z.string(),
  cause: z.string(),
  /** When it is tried again, in milliseconds since 1970; absent: when somebody starts the run again. */
  nextTryAtMs: z.optional(z.number()),
  /** How often it was tried in vain. */
  tries: z.optional(z.int()),
  /** How many lines were never tried; absent: none, or it is not over. */
  untried: z.optional(z.int()),
});

/** How far a run is; the one object that a progress view needs, written by the batches every five seconds. */
export const runProgress = z.object({
  run: z.string(),
  generation: z.int(),
  total: z.int(),
  ...fleetCounts.shape,
  round: z.int(),
  startedAtMs: z.number(),
  updatedAtMs: z.number(),
  finished: z.boolean(),
  callsPerMinute: z.number(),
  stopped: z.optional(runStop),
  /** When the round began: what the counts above are made of, with what each batch adds. */
  before: fleetCounts,
  batches: z.array(z.nullable(fleetCounts)),
  /** The round that was concluded last, by its manifest, and what `before` was then; absent: none was. */
  concluded: z.optional(z.object({ manifestKey: z.string(), before: fleetCounts })),
});

/** One of {@link runProgress}. */
export type RunProgress = z.infer<typeof runProgress>;

/** What an operator wants of a run that is under way; whoever may write into the bucket may write it. */
export const runControl = z.object({
  want: z.enum(["run", "pause", "stop"]),
  callsPerMinute: z.optional(z.int().check(z.minimum(1), z.maximum(100_000))),
});

/** One of {@link runControl}. */
export type RunControl = z.infer<typeof runControl>;

/** Takes lines one by one. */
export interface LineWriter {
  readonly key: string;
  write(lines: readonly unknown[]): Promise<void>;
  end(): Promise<void>;
}

/** The objects of one run, under `runs/<run>/`; docs/fleets.md says who writes which. */
export interface RunStore {
  readonly run: string;
  readonly resultKey: string;
  readonly faultsKey: string;
  /** Where a generation keeps what it makes. */
  folder(generation: number): string;
  readPlan(): Promise<RunPlan | undefined>;
  writePlan(plan: RunPlan): Promise<void>;
  readProgress(): Promise<RunProgress | undefined>;
  writeProgress(progress: RunProgress): Promise<void>;
  readControl(): Promise<RunControl>;
  writeControl(control: RunControl): Promise<void>;
  /** Which execution works on the run; a later one takes over, and the earlier one must stop. */
  readOwner(): Promise<string | undefined>;
  writeOwner(execution: string): Promise<void>;
  readManifest(key: string): Promise<readonly BatchEntry[]>;
  writeManifest(key: string, entries: readonly BatchEntry[]): Promise<void>;
  /** All lines of a small object; none where there is no object. */
  readLines(key: string): Promise<readonly FleetLine[]>;
  writeLines(key: string, lines: readonly FleetLine[]): Promise<void>;
  /** The lines of an object of any size, some at a time. */
  streamLines(key: string): AsyncGenerator<readonly FleetLine[]>;
  lineWriter(key: string): LineWriter;
}

/** The objects of the run with this name. */
export function openRun(run: string, objects: ObjectStore): RunStore {
  const prefix = `runs/${run}`;
  const read = async <Schema extends z.ZodMiniType>(key: string, schema: Schema) => {
    const text = await objects.get(key);
    return text === undefined ? undefined : parsed(text, schema, key);
  };
  const write = (key: string, value: unknown) => objects.put(key, JSON.stringify(value));
  return {
    run,
    resultKey: `${prefix}/result.jsonl`,
    faultsKey: `${prefix}/faults.jsonl`,
    folder: (generation) => `${prefix}/${generation}`,
    readPlan: () => read(`${prefix}/plan.json`, runPlan),
    writePlan: (plan) => write(`${prefix}/plan.json`, plan),
    readProgress: () => read(`${prefix}/progress.json`, runProgress),
    writeProgress: (progress) => write(`${prefix}/progress.json`, progress),
    readControl: async () => (await read(`${prefix}/control.json`, runControl)) ?? { want: "run" },
    writeControl: (control) => write(`${prefix}/control.json`, control),
    readOwner: () => read(`${prefix}/owner.json`, z.string()),
    writeOwner: (execution) => write(`${prefix}/owner.json`, execution),
    readManifest: async (key) => (await read(key, z.array(batchEntry))) ?? [],
    writeManifest: write,
    readLines: async (key) => linesOf(((await objects.get(key)) ?? "").split("\n"), key),
    writeLines: (key, lines) => objects.put(key, toLines(lines)),
    streamLines: (key) => streamed(objects, key),
    lineWriter(key) {
      const writer = objects.writer(key);
      return { key, write: (lines) => writer.write(toLines(lines)), end: () => writer.end() };
    },
  };
}

async function* streamed(objects: ObjectStore, key: string): AsyncGenerator<readonly FleetLine[]> {
  const bytes = await objects.read(key);
  if (bytes === undefined) throw changed(key);
  const decoder = new TextDecoder();
  let tail = "";
  for await (const chunk of bytes) {
    const lines = `${tail}${decoder.decode(chunk, { stream: true })}`.split("\n");
    tail = lines.pop() ?? "";
    yield linesOf(lines, key);
  }
  yield linesOf([tail], key);
}

function linesOf(texts: readonly string[], key: string): FleetLine[] {
  return texts.filter((text) => text !== "").map((text) => parsed(text, fleetLine, key));
}

function parsed<Schema extends z.ZodMiniType>(text: string, schema: Schema, key: string): z.output<Schema> {
  const read = schema.safeParse(jsonOf(text));
  if (!read.success) throw changed(key, read.error);
  return read.data;
}

function changed(key: string, cause?: unknown): RekeyError {
  return new RekeyError("ConfigurationError", `The object ${key} was changed or removed by somebody else`, { cause });
}

/** What an execution is told that another one has replaced. */
export function takenOver(): RekeyError {
  return new RekeyError("RunTakenOverError", "Another execution has taken over this run");
}
