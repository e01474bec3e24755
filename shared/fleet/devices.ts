import * as z from "zod/mini";

/** One device of a fleet's input. */
export const fleetDevice = z.strictObject({
  /** Line of the input, from 1. */
  line: z.int(),
  deviceId: z.string(),
  nodeId: z.optional(z.string()),
  expectedNodeId: z.optional(z.string()),
  verifyCode: z.optional(z.string()),
  timeout: z.optional(z.number()),
  appId: z.optional(z.string()),
});

/** One of {@link fleetDevice}. */
export type FleetDevice = z.infer<typeof fleetDevice>;

/** One thing that is wrong with an input, and where. */
export interface FleetFault {
  /** From 1; a quoted field may span lines, then the first of them. */
  readonly line: number;
  readonly message: string;
}

/** What an input says: its devices where it is without fault, and every fault. */
export interface FleetInput {
  readonly devices: readonly FleetDevice[];
  readonly faults: readonly FleetFault[];
}

/** The columns of a CSV and fields of a JSON line; only deviceId is mandatory. */
export const fleetColumns = ["deviceId", "nodeId", "expectedNodeId", "verifyCode", "timeout", "appId"] as const;

type Column = (typeof fleetColumns)[number];
type Row = { readonly line: number; readonly values: ReadonlyMap<Column, string> };

/** Devices in one run at most; more make several runs, one after the other. */
export const maxDevices = 200_000;

/**
 * Reads a fleet's input, CSV (RFC 4180, with a header) or JSON lines, and finds all that is wrong with it; calls nobody.
 *
 * It is taken for JSON lines when it begins with `{`.
 */
export function readFleetInput(text: string): FleetInput {
  const content = text.replace(/^\uFEFF/, "");
  const faults: FleetFault[] = [];
  const rows = /^\s*\{/.test(content) ? jsonRows(content, faults) : csvRows(content, faults);
  const devices = rows.flatMap((row) => deviceOf(row, faults) ?? []);
  duplicates(rows, "deviceId", faults);
  duplicates(rows, "nodeId", faults);
  if (rows.length === 0 && faults.length === 0) faults.push({ line: 1, message: "holds no device" });
  if (rows.length > maxDevices) faults.push({ line: maxDevices, message: `holds more than ${maxDevices} devices` });
  return { devices, faults: faults.sort((one, other) => one.line - other.line) };
}

function isColumn(name: string): name is Column {
  return fleetColumns.some((column) => column === name);
}

function csvRows(content: string, faults: FleetFault[]): Row[] {
  const [header, ...records] = csvRecords(content, faults);
  if (header === undefined) return [];
  const names = header.fields.map((name) => name.trim());
  if (!headerHolds(header.line, names, faults)) return [];
  const rows: Row[] = [];
  for (const { line, fields } of records) {
    if (fields.length === 1 && fields[0]?.trim() === "") continue;
    if (fields.length !== names.length) {
      faults.push({ line, message: `has ${fields.length} fields where the header has ${names.length}` });
      continue;
    }
    const pairs = names.map((name, index) => ({ name, value: fields[index]?.trim() ?? "" }));
    const values = new Map<Column, string>();
    for (const { name, value } of pairs) if (isColumn(name) && value !== "") values.set(name, value);
    rows.push({ line, values });
  }
  return rows;
}

function headerHolds(line: number, names: readonly string[], faults: FleetFault[]): boolean {
  for (const [index, name] of names.entries()) {
    if (!isColumn(name)) faults.push({ line, message: `has a column "${shown(name)}" that is unknown` });
    else if (names.indexOf(name) < index) faults.push({ line, message: `has the column ${name} twice` });
  }
  if (names.includes("deviceId")) return true;
  faults.push({ line, message: "has no column deviceId" });
  return false;
}

interface CsvRecord {
  readonly line: number;
  readonly fields: string[];
}

/** Records of a CSV; a quote that is never closed ends the reading, since nobody knows where the next record begins. */
function csvRecords(content: string, faults: FleetFault[]): CsvRecord[] {
  const firstLine = /^[^\r\n]*/.exec(content)?.[0] ?? "";
  // Spreadsheets of half the world write semicolons.
  const separator = !firstLine.includes(",") && firstLine.includes(";") ? ";" : ",";
  // A field, quoted or plain, and what ends it.
  const token = new RegExp(`(?:"([^"]*(?:""[^"]*)*)"|([^${separator}\\r\\n]*))(${separator}|\\r?\\n|\\r|$)`, "y");
  // Some spreadsheets end their lines with a carriage return alone.
  const lineEnd = /\r\n|\r|\n/g;
  const records: CsvRecord[] = [];
  let line = 1;
  let record: CsvRecord = { line, fields: [] };
  while (token.lastIndex < content.length || record.fields.length > 0) {
    const from = token.lastIndex;
    const [whole, quoted, plain = "", end = ""] = token.exec(content) ?? [];
    // A quote that nothing closes is read as a plain field that begins with one, or not at all.
    if (whole === undefined || plain.startsWith('"')) {
      faults.push({ line: record.line, message: "has a quote that is not closed, or text after a closing quote" });
      lineEnd.lastIndex = from;
      if (!lineEnd.test(content)) return records;
      token.lastIndex = lineEnd.lastIndex;
      line += 1;
      record = { line, fields: [] };
      continue;
    }
    record.fields.push(quoted?.replaceAll('""', '"') ?? plain);
    line += whole.split(/\r\n|\r|\n/).length - 1;
    if (end === separator) continue;
    records.push(record);
    record = { line, fields: [] };
  }
  return records;
}

function jsonRows(content: string, faults: FleetFault[]): Row[] {
  const rows: Row[] = [];
  for (const [index, text] of content.split("\n").entries()) {
    const line = index + 1;
    if (text.trim() === "") continue;
    const fields = jsonFields(text);
    if (typeof fields === "string") {
      faults.push({ line, message: fields });
      continue;
    }
    const values = new Map<Column, string>();
    for (const [name, value] of fields) {
      const fault = isColumn(name) ? faultOf(name, value) : `has a field "${shown(name)}" that is unknown`;
      if (fault !== undefined) faults.push({ line, message: fault });
      else if (isColumn(name) && value !== null) values.set(name, String(value));
    }
    rows.push({ line, values });
  }
  return rows;
}

/** What is wrong with a member that is no text; null is as good as absent. */
function faultOf(name: Column, value: unknown): string | undefined {
  if (value === null || (typeof value === "number" && name === "timeout")) return undefined;
  if (typeof value !== "string") return `${name} must be a text`;
  return value === "" && name !== "deviceId" && name !== "timeout" ? `${name} is empty` : undefined;
}

/** The members of the JSON object in a text, or what is wrong with it. */
function jsonFields(text: string): [string, unknown][] | string {
  try {
    const parsed: unknown = JSON.parse(text);
    const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
    return isObject ? Object.entries(parsed) : "is not a JSON object";
  } catch {
    return "is not JSON";
  }
}

const unsafeInPath = /^\.{1,2}$|[\s/\\?#%\uFFFD]|\p{C}/u;
const largestTimeout = 2_147_483_647;

function deviceOf({ line, values }: Row, faults: FleetFault[]): FleetDevice | undefined {
  const before = faults.length;
  const deviceId = values.get("deviceId") ?? "";
  const timeout = values.get("timeout");
  const texts = Object.fromEntries([...values].filter(([name]) => name !== "timeout"));
  if (deviceId === "") faults.push({ line, message: "deviceId is missing" });
  else if (unsafeInPath.test(deviceId)) {
    faults.push({ line, message: `deviceId "${shown(deviceId)}" must have no blanks, slashes, %, ? or #` });
  }
  for (const [name, value] of Object.entries(texts)) {
    if (value.length > 256) faults.push({ line, message: `${name} has more than 256 characters` });
    else if (name !== "deviceId" && /[\p{Cc}\p{Cs}\uFFFD]/u.test(value)) {
      faults.push({ line, message: `${name} has characters that are not text` });
    }
  }
  if (timeout !== undefined && !(/^\d{1,10}$/.test(timeout) && Number(timeout) <= largestTimeout)) {
    faults.push({ line, message: `timeout "${shown(timeout)}" must be a whole number of seconds` });
  }
  if (faults.length > before) return undefined;
  return { line, ...texts, deviceId, ...(timeout === undefined ? {} : { timeout: Number(timeout) }) };
}

/** Two rows for one device, or for one piece of hardware, would undo each other. */
function duplicates(rows: readonly Row[], column: Column, faults: FleetFault[]): void {
  const first = new Map<string, number>();
  for (const { line, values } of rows) {
    const value = values.get(column);
    if (value === undefined || value === "") continue;
    const seen = first.get(value);
    if (seen === undefined) first.set(value, line);
    else faults.push({ line, message: `${column} "${shown(value)}" is already on line ${seen}` });
  }
}

function shown(text: string): string {
  return text.slice(0, 40).replace(/\p{C}/gu, "?");
}
