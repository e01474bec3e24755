import { isUtf8 } from "node:buffer";
import { jsonOf } from "../json.ts";

/** What a delivery's body says. */
export interface Payload {
  /** Numbers that a double would round are the text of their digits; nothing else differs from `JSON.parse`. */
  readonly document: unknown;
  /** Numbers, as they are written, that have lost digits before they came here; in the document they are these texts. */
  readonly rounded: ReadonlySet<string>;
}

/** The text of a body: UTF-8, without the mark that some systems put in front; undefined for other bytes. */
export function textOfBody(body: Uint8Array): string | undefined {
  return isUtf8(body)
    ? Buffer.from(body)
        .toString("utf8")
        .replace(/^\uFEFF/, "")
    : undefined;
}

/**
 * The payload of a JSON text, its numbers exact; undefined where it is none, or nested too deeply to be read.
 *
 * A number of sixteen digits or more becomes the text of its digits: a double rounds it, and JSONata's `$string` and `&`
 * round to fifteen. One with an exponent or a fraction of zeros is the number it says where it shows every digit of it
 * (`8.63704012345678E14`, as Java writes a double); one that leaves digits to be filled in (`8.63704E+14`, as a
 * spreadsheet shows it) or is beyond what a double holds says no more which number it was, and is `rounded`.
 */
export function payloadOf(text: string): Payload | undefined {
  const rounded = new Set<string>();
  // The parser tells a number's text to a reviver only, which costs eight times a plain parse.
  const document = maybeInexact.test(text) ? revived(text, rounded) : jsonOf(text);
  return document === undefined ? undefined : { document, rounded };
}

/** A number of sixteen digits, or with an exponent; in a text too, which costs time and nothing else. */
const maybeInexact = /[:[,\s]-?(?:[\d.]{16}|[\d.]+[eE])/;

/** How many digits a number can have of which every system writes all: `1e3` and `2.5E5` are no shortened ones. */
const surelyWhole = 1e6;

function revived(text: string, rounded: Set<string>): unknown {
  const exact = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    const source = context?.source;
    if (typeof value !== "number" || source === undefined) return value;
    const written = numberAsWritten(value, source);
    if (written === undefined) rounded.add(source);
    return written ?? source;
  };
  try {
    return JSON.parse(text, exact);
  } catch {
    return undefined;
  }
}

/** The number, or its digits where there are more than a double can be trusted with; undefined where they are lost. */
function numberAsWritten(value: number, source: string): number | string | undefined {
  const {
    digits = "",
    fraction = "",
    exponent = "0",
  } = /^-?(?<digits>\d+)(?:\.(?<fraction>\d+))?(?:[eE](?<exponent>[+-]?\d+))?$/.exec(source)?.groups ?? {};
  if (digits === source.replace("-", "")) return digits.length < 16 ? value : source;
  // A fraction is no identifier, and what reads it says so; but one that a double has rounded away is none either.
  const scale = fraction.length - Number(exponent);
  if (!Number.isInteger(value)) return value;
  if (!Number.isSafeInteger(value)) return undefined;
  const written = `${digits}${fraction}`;
  const wholeDigits = scale > 0 ? written.slice(0, -scale) : written;
  const cutOff = scale > 0 ? written.slice(-scale) : "";
  if (/[1-9]/.test(cutOff)) return undefined;
  return Math.abs(value) < surelyWhole || scale >= 0 || Number(wholeDigits) === 0 ? value : undefined;
}

/** The events of a payload: the members of a list, each with fields of its own, else the payload itself. */
export function eventsIn(document: unknown): readonly unknown[] {
  return Array.isArray(document) ? document : [document];
}
