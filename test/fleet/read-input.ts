import { expect } from "vitest";
import { readFleetInput } from "../../shared/fleet/input.ts";
import type { FleetFault, InputOptions } from "../../shared/fleet/input-lines.ts";
import type { FleetDevice } from "../../shared/fleet/lines.ts";

/** What an input comes to, read in pieces of so many bytes. */
export async function inputOf(content: string | Uint8Array, pieceBytes = 5, options?: InputOptions) {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const pieces = async function* () {
    for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes);
  };
  const devices: FleetDevice[] = [];
  const faults: FleetFault[] = [];
  const warnings: FleetFault[] = [];
  for await (const entries of readFleetInput(pieces(), options)) {
    for (const entry of entries) {
      if (entry.kind === "device") devices.push(entry.device);
      else (entry.kind === "fault" ? faults : warnings).push(entry.fault);
    }
  }
  return { devices, faults, warnings };
}

/** What is wrong with an input, as "line: message". */
export const faultsIn = async (content: string | Uint8Array, pieceBytes?: number) =>
  (await inputOf(content, pieceBytes)).faults.map(({ line, message }) => `${line}: ${message}`);

/** The devices of an input that has no faults. */
export async function devicesIn(content: string | Uint8Array, pieceBytes?: number) {
  const { devices, faults } = await inputOf(content, pieceBytes);
  expect(faults).toEqual([]);
  return devices;
}
