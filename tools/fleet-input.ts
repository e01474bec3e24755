import { createReadStream } from "node:fs";
import type { CodeOrigin } from "../shared/device.ts";
import { readFleetInput } from "../shared/fleet/input.ts";
import type { FleetEntry, FleetFault } from "../shared/fleet/input-lines.ts";
import { Sketch, type Sketched } from "../shared/fleet/sketch.ts";
import type { ImeiForm } from "../shared/imei.ts";
import type { ObjectStore } from "../shared/runtime/objects.ts";

/** How nodeIds are written, and what a code is. */
export interface LocalInput {
  readonly file: string;
  readonly imei: ImeiForm | undefined;
  readonly code: CodeOrigin;
}

/** The entries of a file, its nodeIds written as IMEIs where that is wanted. */
export function entriesOf({ file, imei, code }: LocalInput): AsyncGenerator<readonly FleetEntry[]> {
  return readFleetInput(createReadStream(file, { highWaterMark: 1024 * 1024 }), { code, imei });
}

/** What a file holds by itself. */
export interface Judged extends Sketched {
  readonly faults: number;
  readonly warnings: number;
}

/** Looks through a file; tells each fault and warning. */
export async function judge(input: LocalInput, tell: (fault: FleetFault, kind: string) => void): Promise<Judged> {
  const sketch = new Sketch();
  let [size, faults, warnings] = [0, 0, 0];
  for await (const entries of entriesOf(input)) {
    for (const entry of entries) {
      if (entry.kind === "device") {
        size += 1;
        sketch.add(entry.device.deviceId);
        continue;
      }
      if (entry.kind === "fault") faults += 1;
      else warnings += 1;
      tell(entry.fault, entry.kind);
    }
  }
  return { size, faults, warnings, hashes: sketch.hashes };
}

/** Sends a file to the bucket: as it is, or as JSON lines with its nodeIds written as IMEIs, each on its own line. */
export async function upload(input: LocalInput, objects: ObjectStore, key: string): Promise<void> {
  const writer = objects.writer(key);
  if (input.imei === undefined) {
    const decoder = new TextDecoder();
    for await (const chunk of createReadStream(input.file)) await writer.write(decoder.decode(chunk, { stream: true }));
    await writer.end();
    return;
  }
  let line = 1;
  for await (const entries of entriesOf(input)) {
    for (const entry of entries) {
      if (entry.kind !== "device") continue;
      const { line: at, ...device } = entry.device;
      await writer.write(`${"\n".repeat(at - line)}${JSON.stringify(device)}`);
      line = at;
    }
  }
  await writer.write("\n");
  await writer.end();
}
