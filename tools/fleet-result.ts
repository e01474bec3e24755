import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fleetColumns, saidColumns } from "../shared/fleet/input-lines.ts";
import { type FleetDevice, resultOf, toLines } from "../shared/fleet/lines.ts";
import { openRun } from "../shared/fleet/run-store.ts";
import { inOrder } from "../shared/fleet/streams.ts";
import { jsonOf, memberOf } from "../shared/json.ts";
import type { ObjectStore } from "../shared/runtime/objects.ts";
import { entriesOf, type LocalInput } from "./fleet-input.ts";

/** Writes the lines so far, in the input's order and without codes. */
export async function writeSoFar(objects: ObjectStore, run: string, path: string): Promise<void> {
  const store = openRun(run, objects);
  const plan = await store.readPlan();
  if (plan === undefined) return;
  const texts = async function* () {
    for await (const lines of inOrder(store, plan)) yield toLines(lines.map((line) => resultOf(line)));
  };
  await write(texts(), path);
}

/** What a failed line says why. */
interface Failure {
  readonly error: string;
  readonly detail: string;
  readonly advice: string;
}

/** Fetches a run's result. @returns the failed lines by their numbers, or undefined where there is no result */
export async function fetchResult(objects: ObjectStore, run: string, path: string) {
  const { resultKey } = openRun(run, objects);
  const bytes = await objects.read(resultKey);
  if (bytes === undefined) return undefined;
  const failures = new Map<number, Failure>();
  const counts = { done: 0, failed: 0, waiting: 0, untried: 0 };
  const texts = async function* () {
    const decoder = new TextDecoder();
    let tail = "";
    for await (const chunk of bytes) {
      const text = decoder.decode(chunk, { stream: true });
      const whole = `${tail}${text}`.split("\n");
      tail = whole.pop() ?? "";
      for (const line of whole) {
        const read = jsonOf(line);
        const status = memberOf(read, "status");
        counts[status === "done" || status === "failed" || status === "waiting" ? status : "untried"] += 1;
        if (status === "failed") failures.set(Number(memberOf(read, "line")), failureOf(read));
      }
      yield text;
    }
  };
  await write(texts(), path);
  return { counts, failures };
}

function failureOf(line: unknown): Failure {
  const said = (name: string) => String(memberOf(line, name) ?? "");
  return { error: said("error"), detail: said("detail"), advice: said("advice") };
}

/** Writes the failed lines as a CSV that can be corrected and sent again. */
export async function writeFailed(
  input: LocalInput,
  failures: ReadonlyMap<number, Failure>,
  path: string,
): Promise<void> {
  const rows = async function* () {
    yield `${[...fleetColumns, ...saidColumns].join(",")}\n`;
    for await (const entries of entriesOf(input)) {
      for (const entry of entries) {
        const failure = entry.kind === "device" ? failures.get(entry.device.line) : undefined;
        if (entry.kind === "device" && failure !== undefined) yield rowOf(entry.device, failure);
      }
    }
  };
  await write(rows(), path);
}

function rowOf(device: FleetDevice, { error, detail, advice }: Failure): string {
  const values = [...fleetColumns.map((column) => device[column] ?? ""), error, detail, advice];
  return `${values.map((value) => `"${String(value).replaceAll('"', '""')}"`).join(",")}\n`;
}

/** How many failed by which error, most first, with the first of their lines and what helps. */
export function failuresByError(failures: ReadonlyMap<number, Failure>) {
  const groups = Map.groupBy(failures, ([, { error }]) => error);
  return [...groups]
    .map(([error, members]) => ({
      ...{ error, count: members.length, lines: members.slice(0, 3).map(([line]) => line) },
      advice: members[0]?.[1].advice ?? "",
    }))
    .sort((one, other) => other.count - one.count);
}

/** Whole or not at all, for whoever reads it meanwhile. It may hold codes: for whoever owns it alone. */
async function write(texts: AsyncIterable<string>, path: string): Promise<void> {
  const part = `${path}.part`;
  try {
    await rm(part, { force: true });
    await pipeline(Readable.from(texts), createWriteStream(part, { mode: 0o600, flags: "wx" }));
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
