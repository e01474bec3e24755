import { appId, deviceId, nodeId, timeoutSeconds, verifyCode } from "../device.ts";
import { faultsOf } from "../input-faults.ts";
import { jsonOf } from "../json.ts";
import type { CsvRecord } from "./csv.ts";
import { HashIndex, hashOf, NumberList } from "./hash-index.ts";
import type { FleetDevice } from "./lines.ts";
import { looksRounded, mangledAs } from "./spreadsheet.ts";

/** One thing that is wrong with an input, or looks so, and where. */
export interface FleetFault {
  /** From 1; a quoted field may span lines, then the first of them. */
  readonly line: number;
  /** Name of the column, where it is one column's fault. */
  readonly column?: string;
  /** What is wrong and what to do; it never holds a code. */
  readonly message: string;
}

/** What a line of an input comes to: a device, or faults; a warning is beside a device. */
export type FleetEntry =
  | { readonly kind: "device"; readonly device: FleetDevice }
  | { readonly kind: "fault" | "warning"; readonly fault: FleetFault };

/** The columns of a CSV and fields of a JSON line; only deviceId is mandatory. */
export const fleetColumns = ["deviceId", "nodeId", "expectedNodeId", "verifyCode", "timeout", "appId"] as const;

/** Columns that the file of failed lines has beside those, which say nothing when it is sent again. */
export const saidColumns = ["error", "detail", "advice"] as const;

type Column = (typeof fleetColumns)[number];

/** Devices in one run at most; more make several runs, one after the other. */
export const maxDevices = 1_000_000;

/** How an input is to be read. */
export interface InputOptions {
  /** `nodeId`: every line without a code of its own needs a nodeId. Default `derived`. */
  readonly code?: "derived" | "nodeId";
  /** Default {@link maxDevices}. */
  readonly maxDevices?: number;
}

const ghostRow = "holds no value, as spreadsheets leave rows behind: delete the empty rows, and save again";

const schemas = { deviceId, nodeId, expectedNodeId: nodeId, verifyCode, appId };

/** What the lines of one input come to, and what has to be known of all of them together. */
export class InputLines {
  readonly #options: InputOptions;
  readonly #seen = { deviceId: new SeenLines(), nodeId: new SeenLines() };
  #entries: FleetEntry[] = [];
  #header: readonly string[] | undefined;
  #unreadable = false;
  #rows = 0;
  #faults = 0;

  constructor(options: InputOptions) {
    this.#options = options;
  }

  get #limit(): number {
    return this.#options.maxDevices ?? maxDevices;
  }

  /** Nothing that follows is looked at any more. */
  get isFull(): boolean {
    return this.#unreadable || this.#rows > this.#limit;
  }

  /** What has been found since it was last asked. */
  take(): readonly FleetEntry[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }

  end(): readonly FleetEntry[] {
    if (this.#rows === 0 && this.#faults === 0) this.fault(1, "holds no device");
    return this.take();
  }

  fault(line: number, message: string, column?: string): void {
    this.#faults += 1;
    this.#entries.push({ kind: "fault", fault: { line, ...(column === undefined ? {} : { column }), message } });
  }

  record({ line, fields, fault }: CsvRecord): void {
    const isEmpty = fields.every((field) => field.trim() === "");
    if (fault !== undefined) this.fault(line, fault);
    else if (this.isFull || (isEmpty && fields.length === 1)) return;
    else if (this.#header === undefined) this.#begin(line, fields);
    else if (isEmpty) this.fault(line, ghostRow);
    else if (fields.length !== this.#header.length) {
      this.fault(line, `has ${fields.length} fields where the header has ${this.#header.length}`);
    } else this.#fields(line, this.#header, fields);
  }

  #begin(line: number, fields: readonly string[]): void {
    const names = fields.map((name) => name.trim());
    this.#header = names;
    for (const [index, name] of names.entries()) {
      const known = isColumn(name) || saidColumns.some((column) => column === name);
      if (!known) this.fault(line, `has ${columnNamed(name, index)}, which is none of ${fleetColumns.join(", ")}`);
      else if (names.indexOf(name) < index) this.fault(line, `has the column ${name} twice`);
    }
    if (names.includes("deviceId")) return;
    this.fault(line, "has no column deviceId");
    this.#unreadable = true;
  }

  #fields(line: number, header: readonly string[], fields: readonly string[]): void {
    const values = new Map<Column, string>();
    for (const [index, name] of header.entries()) {
      // A blank that can be seen is no part of a value; others are faults.
      const value = fields[index]?.replace(/^[ \t]+|[ \t]+$/g, "") ?? "";
      if (isColumn(name) && value !== "") values.set(name, value);
    }
    this.#row(line, values);
  }

  json(line: number, text: string): void {
    const fields = jsonOf(text);
    if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
      this.fault(line, fields === undefined ? "is not JSON" : "is not a JSON object");
      return;
    }
    const values = new Map<Column, string>();
    const faultsBefore = this.#faults;
    for (const [name, value] of Object.entries(fields)) {
      if (saidColumns.some((column) => column === name) || value === null) continue;
      if (!isColumn(name)) this.fault(line, `has ${fieldNamed(name)}, which is none of ${fleetColumns.join(", ")}`);
      else if (typeof value !== "string" && !(typeof value === "number" && name === "timeout")) {
        this.fault(line, `${name} must be a text`, name);
      } else if (value === "" && name !== "deviceId") this.fault(line, `${name} is empty`, name);
      else values.set(name, String(value));
    }
    this.#row(line, values, faultsBefore);
  }

  #row(line: number, values: ReadonlyMap<Column, string>, faultsBefore = this.#faults): void {
    this.#rows += 1;
    if (this.isFull) {
      this.fault(line, `is more than the ${this.#limit} devices that one run takes: make several runs`);
      return;
    }
    if ((values.get("deviceId") ?? "") === "") this.fault(line, "deviceId is missing", "deviceId");
    for (const [name, value] of values) this.#value(line, name, value);
    this.#duplicate(line, "deviceId", values.get("deviceId"));
    this.#duplicate(line, "nodeId", values.get("nodeId"));
    if (this.#options.code === "nodeId" && !values.has("nodeId") && !values.has("verifyCode")) {
      this.fault(line, "nodeId is missing, which is to be the code", "nodeId");
    }
    if (this.#faults > faultsBefore) return;
    const { timeout, ...texts } = Object.fromEntries(values);
    const seconds = timeout === undefined ? {} : { timeout: Number(timeout) };
    this.#entries.push({ kind: "device", device: { line, deviceId: "", ...texts, ...seconds } });
  }

  #value(line: number, name: Column, value: string): void {
    if (value === "") return;
    if (name === "timeout") {
      if (/^\d{1,10}$/.test(value) && timeoutSeconds.safeParse(Number(value)).success) return;
      this.fault(line, "timeout must be a whole number of seconds, 0 to 2147483647", name);
      return;
    }
    const mangled = mangledAs(value);
    if (mangled !== undefined) {
      this.fault(line, `${name}${quoted(name, value)} ${mangled}`, name);
      return;
    }
    const parsed = schemas[name].safeParse(value, { reportInput: true });
    for (const issue of parsed.error?.issues ?? []) {
      for (const { message } of faultsOf(issue)) this.fault(line, `${name}${quoted(name, value)} ${message}`, name);
    }
    if (name !== "verifyCode" && looksRounded(value)) {
      const message = `${name}${quoted(name, value)} ends in zeros, as a number does of which Excel kept 15 digits`;
      this.#entries.push({ kind: "warning", fault: { line, column: name, message } });
    }
  }

  /** Two rows for one device, or for one piece of hardware, would undo each other. */
  #duplicate(line: number, column: "deviceId" | "nodeId", value: string | undefined): void {
    if (value === undefined || value === "") return;
    const first = this.#seen[column].first(value, line);
    if (first !== line) this.fault(line, `${column}${quoted(column, value)} is already on line ${first}`, column);
  }
}

/** On which line each text was first seen. */
class SeenLines {
  readonly #index = new HashIndex();
  readonly #lines = new NumberList((length) => new Uint32Array(length));

  first(text: string, line: number): number {
    const known = this.#index.size;
    const number = this.#index.add(hashOf(text));
    if (number === known) this.#lines.set(number, line);
    return this.#lines.at(number);
  }
}

function isColumn(name: string): name is Column {
  return fleetColumns.some((column) => column === name);
}

/** A value for a person to find it by; a code is not shown to whoever reads faults. */
function quoted(name: Column, value: string): string {
  return name === "verifyCode" ? "" : ` "${shown(value)}"`;
}

/** Without a header the first line's values would be taken for names, and one of them may be a code. */
function columnNamed(name: string, index: number): string {
  return /^[A-Za-z][A-Za-z _]*$/.test(name) ? `a column "${shown(name)}"` : `a column ${index + 1} of another name`;
}

function fieldNamed(name: string): string {
  return /^[A-Za-z_][A-Za-z _]*$/.test(name) ? `a field "${shown(name)}"` : "a field of another name";
}

function shown(text: string): string {
  return text.slice(0, 40).replace(/\p{C}/gu, "?");
}
