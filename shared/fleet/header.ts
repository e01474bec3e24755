import { codePoint, hiddenIn } from "./spreadsheet.ts";

/** The first line of a CSV, read. */
export interface Header {
  /** The columns' names, without blanks around them. */
  readonly names: readonly string[];
  readonly faults: readonly string[];
  /** Without a device in any line nothing that follows can be read. */
  readonly isUnreadable: boolean;
}

/**
 * Reads the names of columns. What is no name is not told: without a header the first line's values stand there, and one
 * of them may be a code.
 *
 * @param known the columns of a fleet
 * @param said columns that say nothing when they are sent
 */
export function readHeader(fields: readonly string[], known: readonly string[], said: readonly string[]): Header {
  const names = fields.map((name) => name.trim());
  const isTaken = (name: string) => known.includes(name) || said.includes(name);
  const isHeader = names.some(isTaken);
  const faults = names.flatMap((name, index) => {
    if (isTaken(name)) return names.indexOf(name) < index ? [`has the column ${name} twice`] : [];
    if (!isHeader && !isWord(name)) return [];
    return [`has ${nameOf(name, index)}${isHeader && name === "" ? "" : `, which is none of ${known.join(", ")}`}`];
  });
  if (names.includes("deviceId")) return { names, faults, isUnreadable: false };
  const [only = ""] = names;
  const why =
    names.length === 1 && only.includes("|")
      ? "columns are separated by commas, semicolons or tabs, not by |"
      : "the first line that holds something names the columns, as in deviceId,nodeId";
  return { names, faults: [...faults, `has no column deviceId: ${why}`], isUnreadable: true };
}

function nameOf(name: string, index: number): string {
  const hidden = hiddenIn(name.replace(/\s+/g, " "));
  if (name === "") {
    return `an empty column ${index + 1}, as spreadsheets leave columns behind: delete the empty columns, and save again`;
  }
  if (hidden !== undefined) return `a column ${index + 1} with a letter that cannot be seen (${codePoint(hidden)})`;
  if (!isWord(name)) return `a column ${index + 1} of another name`;
  return `a column "${name.replace(/\s+/g, " ").slice(0, 40)}"${/[\r\n]/.test(name) ? ", over several lines" : ""}`;
}

/** What a person calls a column; a line break in a cell is one more blank. */
function isWord(name: string): boolean {
  return /^[A-Za-z][A-Za-z_\s]*$/.test(name);
}
