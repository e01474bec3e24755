import { expect } from "vitest";
import { readFleetInput } from "../../shared/fleet/devices.ts";

/** What is wrong with an input, as "line: message". */
export const faultsIn = (text: string) => readFleetInput(text).faults.map(({ line, message }) => `${line}: ${message}`);

/** The devices of an input that has no faults. */
export function devicesIn(text: string) {
  const { devices, faults } = readFleetInput(text);
  expect(faults).toEqual([]);
  return devices;
}
