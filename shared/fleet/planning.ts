import type { CodeOrigin } from "../device.ts";
import { RekeyError } from "../errors.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ObjectStore } from "../runtime/objects.ts";
import { noCounts } from "./counts.ts";
import { readFleetInput } from "./input.ts";
import type { FleetFault } from "./input-lines.ts";
import { KnownLines } from "./known-lines.ts";
import type { FleetDevice, FleetLine } from "./lines.ts";
import type { RunPlan, RunStore } from "./run-store.ts";
import { Sketch } from "./sketch.ts";
import { BatchesWriter, PartsWriter, runLines } from "./streams.ts";

/** What a run is started with, as far as its plan depends on it. */
export interface PlanInput {
  readonly run: string;
  /** Key of the input in the bucket. */
  readonly key: string;
  readonly callsPerMinute: number;
  /** Seconds until the code ends, for devices whose line says none. */
  readonly timeout: number;
  readonly appId?: string | undefined;
  /** `nodeId`: a line's code is its nodeId. */
  readonly code: CodeOrigin;
  /** So many lines go first; 0: none. */
  readonly canary: number;
}

/** What an input is by itself. */
export interface Judgement {
  readonly devices: number;
  readonly faults: number;
  readonly warnings: number;
  readonly first: readonly FleetFault[];
  readonly sketch: readonly number[];
}

/** What the lines of an input are to a run. */
export interface LineCounts {
  /** Done before, and as they were: nothing is asked for them. */
  done: number;
  /** New to the run, or not tried yet. */
  added: number;
  /** Known by another nodeId, code or owner. */
  changed: number;
  /** Tried before, and not done. */
  again: number;
  /** Known to the run, whatever became of them, and not in this input: what is done stays as it is. */
  leftOut: number;
}

interface Dependencies {
  readonly objects: ObjectStore;
  readonly store: RunStore;
  readonly clock: Clock;
}

const shownFaults = 20;
/** How long a batch lasts: often enough to take turns with another run, and seldom enough to keep objects few. */
export const batchMinutes = 4;
const maxBatchDevices = 2_000;
// A batch of the execution before looks after its owner every five seconds; two at once would exceed the quota.
const takeOverMs = 6_000;

/**
 * Looks through the whole input, and writes every fault down.
 *
 * @throws InvalidInputError there is no such object
 */
export async function judgeInput(input: PlanInput, { objects, store }: Dependencies): Promise<Judgement> {
  const sketch = new Sketch();
  const first: FleetFault[] = [];
  const writer = store.lineWriter(store.faultsKey);
  let [devices, faults, warnings] = [0, 0, 0];
  for await (const entries of readFleetInput(await bytesOf(objects, input.key), { code: input.code })) {
    for (const entry of entries) {
      if (entry.kind === "device") {
        devices += 1;
        sketch.add(entry.device.deviceId);
        continue;
      }
      if (entry.kind === "fault") faults += 1;
      else warnings += 1;
      if (first.length < shownFaults) first.push(entry.fault);
      await writer.write([entry.kind === "fault" ? entry.fault : { ...entry.fault, warning: true }]);
    }
  }
  await writer.end();
  return { devices, faults, warnings, first, sketch: sketch.hashes };
}

/** What a run of this name knows of its lines. */
export async function knownLines(store: RunStore, plan: RunPlan | undefined): Promise<KnownLines> {
  const known = new KnownLines();
  if (plan === undefined) return known;
  for await (const lines of runLines(store, plan)) for (const line of lines) known.add(line);
  return known;
}

/** Whether a line has to be asked for, and what of its past it takes along. */
function sorted(device: FleetDevice, known: KnownLines, counts: LineCounts): { line: FleetLine; tried: boolean } {
  const met = known.meet(device);
  switch (met.kind) {
    case "done":
      counts.done += 1;
      return { line: met.line, tried: true };
    case "tried":
      counts.again += 1;
      return {
        line: met.triedAtMs === undefined ? device : { ...device, status: "waiting", triedAtMs: met.triedAtMs },
        tried: true,
      };
    case "changed":
      counts.changed += 1;
      return { line: device, tried: false };
    default:
      counts.added += 1;
      return { line: device, tried: false };
  }
}

async function* devicesOf(input: PlanInput, objects: ObjectStore): AsyncGenerator<FleetDevice[]> {
  for await (const entries of readFleetInput(await bytesOf(objects, input.key), { code: input.code })) {
    yield entries.flatMap((entry) => (entry.kind === "device" ? [withDefaults(entry.device, input)] : []));
  }
}

/** A device with what the run says where its line says nothing. */
export function withDefaults(
  line: FleetDevice,
  { timeout, appId, code }: Pick<PlanInput, "timeout" | "appId" | "code">,
): FleetDevice {
  const device = { timeout, ...(appId === undefined ? {} : { appId }), ...line };
  const own = code === "nodeId" ? (device.verifyCode ?? device.nodeId) : device.verifyCode;
  return own === undefined ? device : { ...device, verifyCode: own };
}

/** What the lines of the input are to the run; changes nothing. */
export async function compareInput(input: PlanInput, { objects, store }: Dependencies): Promise<LineCounts> {
  const known = await knownLines(store, await store.readPlan());
  const counts: LineCounts = { done: 0, added: 0, changed: 0, again: 0, leftOut: 0 };
  for await (const devices of devicesOf(input, objects)) for (const one of devices) sorted(one, known, counts);
  return { ...counts, leftOut: known.unmet };
}

/**
 * Makes of an input, and of what is known of its lines, a generation of the run of its own: lines that are done are at
 * rest, the others in batches, those never tried first. The plan is written last, so that until then the run is what it
 * was.
 */
export async function planGeneration(
  input: PlanInput,
  { devices, sketch }: Judgement,
  execution: string,
  dependencies: Dependencies,
): Promise<{ plan: RunPlan; counts: LineCounts; batches: number; before: RunPlan | undefined }> {
  const { store, clock } = dependencies;
  await store.writeOwner(execution);
  const before = await store.readPlan();
  if (before?.state === "running") await clock.sleep(takeOverMs);
  const known = await knownLines(store, before);
  const generation = (before?.generation ?? 0) + 1;
  const folder = store.folder(generation);
  const batchDevices = Math.max(1, Math.min(maxBatchDevices, input.callsPerMinute * batchMinutes));
  const made = await writeLines(input, known, { ...dependencies, folder, batchDevices });
  const removed = made.counts.leftOut === 0 ? [] : await keepRemoved(store, before, known, `${folder}/removed`);
  const startedAtMs = before?.startedAtMs ?? clock.now();
  const manifestKey = `${folder}/round-1/manifest.json`;
  await store.writeManifest(manifestKey, made.entries);
  await store.writeControl({ want: "run", callsPerMinute: input.callsPerMinute });
  const counted = { ...noCounts, done: made.counts.done, waiting: made.counts.again };
  await store.writeProgress({
    ...{ run: input.run, generation, total: devices, ...counted, round: 1, startedAtMs, updatedAtMs: clock.now() },
    ...{ finished: false, callsPerMinute: input.callsPerMinute, before: counted },
    batches: made.entries.map(() => null),
  });
  const plan: RunPlan = {
    ...{ generation, input: { ...input }, total: devices, sketch: [...sketch], startedAtMs, state: "running" },
    ...{ round: 1, manifestKey, batchDevices, settled: [...made.settled], removed: [...removed] },
  };
  await store.writePlan(plan);
  return { plan, counts: made.counts, batches: made.entries.length, before };
}

async function writeLines(
  input: PlanInput,
  known: KnownLines,
  { objects, store, folder, batchDevices }: Dependencies & { folder: string; batchDevices: number },
) {
  const counts: LineCounts = { done: 0, added: 0, changed: 0, again: 0, leftOut: 0 };
  const atRest = new PartsWriter(store, `${folder}/settled-0`);
  const fresh = new BatchesWriter(store, `${folder}/round-1/fresh`, batchDevices, input.canary);
  const again = new BatchesWriter(store, `${folder}/round-1/again`, batchDevices);
  for await (const devices of devicesOf(input, objects)) {
    for (const device of devices) {
      const { line, tried } = sorted(device, known, counts);
      await (line.status === "done" ? atRest : tried ? again : fresh).write(line);
    }
  }
  const settled = await atRest.end();
  const entries = [...(await fresh.end()), ...(await again.end())].map((entry, batch) => ({
    ...{ ...entry, batch, afterSeconds: 0 },
  }));
  return { settled, entries, counts: { ...counts, leftOut: known.unmet } };
}

/** Lines that are done stay so for an input that has them again: their codes are out in the field. */
async function keepRemoved(store: RunStore, before: RunPlan | undefined, known: KnownLines, prefix: string) {
  const writer = new PartsWriter(store, prefix);
  if (before !== undefined) {
    for await (const lines of runLines(store, before)) {
      for (const line of lines) if (line.status === "done" && !known.wasMet(line)) await writer.write(line);
    }
  }
  return writer.end();
}

async function bytesOf(objects: ObjectStore, key: string): Promise<AsyncIterable<Uint8Array>> {
  const bytes = await objects.read(key);
  if (bytes === undefined) throw new RekeyError("InvalidInputError", "There is no object with this key in the bucket");
  return bytes;
}
