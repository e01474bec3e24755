import { appId, type CodeOrigin, deviceId, longestText, nodeId, timeoutSeconds, verifyCode } from "../device.ts";
import { hasCheckDigit, type ImeiForm, imeiIn } from "../imei.ts";
import { faultsOf } from "../input-faults.ts";
import { jsonOf } from "../json.ts";
import { maxSeconds } from "../seconds.ts";
import { ColumnShape } from "./column-shape.ts";
import type { CsvRecord } from "./csv.ts";
import { HashIndex, hashOf, NumberList } from "./hash-index.ts";
import { readHeader } from "./header.ts";
import type { FleetDevice } from "./lines.ts";
import { isTotal, looksRounded, mangledAs } from "./spreadsheet.ts";

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
const maxDevices = 1_000_000;

/** How an input is to be read. */
export interface InputOptions {
  /** `nodeId`: every line without a code of its own needs a nodeId. Default `derived`. */
  readonly code?: CodeOrigin;
  /** Each nodeId has to be an IMEI and is written so; absent: only what says `urn:imei:` of itself is looked at. */
  readonly imei?: ImeiForm | undefined;
}

const ghostRow = "holds no value, as spreadsheets leave rows behind: delete the empty rows, and save again";

const repeatedHeader = "repeats the header, as a printed table does: delete the line";
const missingDevice = "deviceId is missing";
const mergedDevice = "deviceId is missing: cells that were merged hold it in their first line only";

const schemas = { deviceId, nodeId, expectedNodeId: nodeId, verifyCode, appId };

/** What the lines of one input come to, and what has to be known of all of them together. */
export class InputLines {
  readonly #options: InputOptions;
  readonly #nodeIds = new ColumnShape();
  readonly #seen = { deviceId: new SeenLines(), nodeId: new SeenLines() };
  #entries: FleetEntry[] = [];
  #header: readonly string[] | undefined;
  #unreadable = false;
  #rows = 0;
  #faults = 0;

  constructor(options: InputOptions) {
    this.#options = options;
  }

  /** Nothing that follows is looked at any more. */
  get isFull(): boolean {
    return this.#unreadable || this.#rows > maxDevices;
  }

  /** What has been found since it was last asked. */
  take(): readonly FleetEntry[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }

  end(): readonly FleetEntry[] {
    if (this.#rows === 0 && this.#faults === 0) this.fault(1, "holds no device");
    for (const { line, message } of this.#nodeIds.warnings("nodeId")) this.#warning(line, message, "nodeId");
    return this.take();
  }

  fault(line: number, message: string, column?: string): void {
    this.#faults += 1;
    this.#entries.push({ kind: "fault", fault: { line, ...(column === undefined ? {} : { column }), message } });
  }

  #warning(line: number, message: string, column: string): void {
    this.#entries.push({ kind: "warning", fault: { line, column, message } });
  }

  record({ line, fields, fault }: CsvRecord): void {
    const isEmpty = fields.every((field) => field.trim() === "");
    if (fault !== undefined) this.fault(line, fault);
    else if (this.isFull || (isEmpty && fields.length === 1)) return;
    else if (this.#header === undefined) this.#begin(line, fields);
    else if (isEmpty) this.fault(line, ghostRow);
    else if (fields.length !== this.#header.length) this.fault(line, widthFault(fields, this.#header.length));
    else if (this.#header.every((name, at) => name === fields[at]?.trim())) this.fault(line, repeatedHeader);
    else this.#fields(line, this.#header, fields);
  }

  #begin(line: number, fields: readonly string[]): void {
    const { names, faults, isUnreadable } = readHeader(fields, fleetColumns, saidColumns);
    this.#header = names;
    this.#unreadable = isUnreadable;
    for (const fault of faults) this.fault(line, fault);
  }

  #fields(line: number, header: readonly string[], fields: readonly string[]): void {
    const values = new Map<Column, string>();
    for (const [index, name] of header.entries()) {
      // A blank that can be seen is no part of a value; others are faults.
      const value = fields[index]?.replace(/^[ \t]+|(?<![ \t])[ \t]+$/g, "") ?? "";
      if (isColumn(name) && value !== "") values.set(name, value);
    }
    this.#row(line, values);
  }

  json(line: number, text: string): void {
    if (this.isFull) return;
    const fields = jsonOf(text);
    if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
      this.fault(line, fields === undefined ? "is not JSON" : "is not a JSON object");
      return;
    }
    const values = new Map<Column, string>();
    const faultsBefore = this.#faults;
    let isTold = false;
    for (const [name, value] of Object.entries(fields)) {
      if (saidColumns.some((column) => column === name) || value === null) continue;
      if (!isColumn(name)) this.fault(line, `has ${fieldNamed(name)}, which is none of ${fleetColumns.join(", ")}`);
      else if (typeof value !== "string" && !(typeof value === "number" && name === "timeout")) {
        this.fault(line, `${name} must be a text`, name);
        isTold ||= name === "deviceId";
      } else if (value === "" && name !== "deviceId") this.fault(line, `${name} is empty`, name);
      else values.set(name, String(value));
    }
    this.#row(line, values, { faultsBefore, isTold });
  }

  #row(line: number, values: ReadonlyMap<Column, string>, { faultsBefore = this.#faults, isTold = false } = {}): void {
    this.#rows += 1;
    if (this.isFull) {
      this.fault(line, `is more than the ${maxDevices} devices that one run takes: make several runs`);
      return;
    }
    const { deviceId: device = "", nodeId: hardware = "" } = Object.fromEntries(values);
    if (device === "" && !isTold)
      this.fault(line, this.#header === undefined ? missingDevice : mergedDevice, "deviceId");
    if (isTotal(device)) {
      this.fault(line, `deviceId${quoted("deviceId", device)} begins a line of totals: delete the line`, "deviceId");
      return;
    }
    const faulty = [...values].flatMap(([name, value]) => (this.#isValue(line, name, value) ? [] : [name]));
    const beforeImei = this.#faults;
    const nodeId = hardware === "" || faulty.includes("nodeId") ? hardware : this.#imei(line, hardware);
    if (this.#faults > beforeImei) faulty.push("nodeId");
    if (this.#header === undefined || this.#header.includes("nodeId")) this.#nodeIds.add(line, nodeId);
    // What is not as it was meant is told once: two that a spreadsheet made alike are no duplicates.
    if (!faulty.includes("deviceId")) this.#duplicate(line, "deviceId", device);
    if (!faulty.includes("nodeId")) this.#duplicate(line, "nodeId", nodeId);
    if (this.#options.code === "nodeId" && !values.has("nodeId") && !values.has("verifyCode")) {
      this.fault(line, "nodeId is missing, which is to be the code", "nodeId");
    }
    if (this.#faults > faultsBefore) return;
    const { timeout, ...texts } = Object.fromEntries(values);
    const seconds = timeout === undefined ? {} : { timeout: Number(timeout) };
    const written = nodeId === "" ? {} : { nodeId };
    this.#entries.push({ kind: "device", device: { line, deviceId: device, ...texts, ...written, ...seconds } });
  }

  /** Tells what is wrong with a value. @returns whether nothing is */
  #isValue(line: number, name: Column, value: string): boolean {
    const before = this.#faults;
    if (value === "") return true;
    if (name === "timeout") {
      if (/^\d{1,10}$/.test(value) && timeoutSeconds.safeParse(Number(value)).success) return true;
      this.fault(line, `timeout must be a whole number of seconds, 0 to ${maxSeconds}`, name);
      return false;
    }
    // What is too long is told as that, and looked at no closer: a cell may hold a whole file.
    const isLong = value.length > longestText;
    const mangled = isLong ? undefined : mangledAs(value);
    if (mangled !== undefined) {
      this.fault(line, `${name}${quoted(name, value)} ${mangled}`, name);
      return false;
    }
    const parsed = schemas[name].safeParse(value, { reportInput: true });
    for (const issue of parsed.error?.issues ?? []) {
      for (const { message } of faultsOf(issue)) this.fault(line, `${name}${quoted(name, value)} ${message}`, name);
    }
    if (!isLong && name !== "verifyCode" && looksRounded(value)) {
      this.#warning(line, `${name}${quoted(name, value)} ends in zeros, as a number does that Excel has rounded`, name);
    }
    return this.#faults === before;
  }

  /**
   * Looks at a nodeId that has to be an IMEI, or says so of itself. Of other digits nobody knows what they are; the
   * nodeId that a device has, right or wrong, is what expectedNodeId has to say.
   *
   * @returns how it is sent
   */
  #imei(line: number, value: string): string {
    const { imei } = this.#options;
    if (imei === undefined && !/^urn:imei:/i.test(value)) return value;
    const read = imeiIn(value, imei ?? "urn");
    const tell = (message: string) => `nodeId${quoted("nodeId", value)} ${message}`;
    if (imei === undefined && !/^urn:imei:[\d\s.-]+$/i.test(value)) {
      this.#warning(line, tell("is not an IMEI, though it begins like one"), "nodeId");
      return value;
    }
    if ("fault" in read) {
      this.fault(line, tell(read.fault), "nodeId");
      return value;
    }
    if (imei === undefined && read.nodeId !== value) {
      this.fault(line, tell("is no IMEI as devices send it: urn:imei: in small letters, and 15 digits"), "nodeId");
      return value;
    }
    if (!hasCheckDigit(read.nodeId)) {
      const message =
        "has a last digit that does not fit the others, so one of them is wrong: compare it with the label";
      this.#warning(line, tell(message), "nodeId");
    }
    return read.nodeId;
  }

  /** Two rows for one device, or for one piece of hardware, would undo each other. */
  #duplicate(line: number, column: "deviceId" | "nodeId", value: string): void {
    if (value === "") return;
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

function fieldNamed(name: string): string {
  return /^[A-Za-z_][A-Za-z _]*$/.test(name) ? `a field "${shown(name)}"` : "a field of another name";
}

function shown(text: string): string {
  return text.slice(0, 40).replace(/\p{C}/gu, "?");
}

function widthFault(fields: readonly string[], width: number): string {
  const said = `has ${fields.length} ${fields.length === 1 ? "field" : "fields"} where the header has ${width}`;
  const isOnlyEmpty = fields.length > width && fields.slice(width).every((field) => field.trim() === "");
  return isOnlyEmpty ? `${said}: delete the empty columns beside the table, and save again` : said;
}
