/**
 * What spreadsheets and people make of an identifier, and what to do about it there. None of these is one: sent, it would
 * come back as a device that is not found, or worse, as hardware that nobody has.
 */
const mangled: readonly (readonly [RegExp, string])[] = [
  [
    /^[+-]?\d+([.,]\d+)?E[+-]\d+$/i,
    "is a rounded number, its digits are lost: take the value from its source; in Excel, format the column as Text before it is filled, or load the file by Data, From Text/CSV, with the column as Text",
  ],
  [
    /^=/,
    "is a formula: in Excel, copy the column, paste it back as values (Paste Special, Values) and save as CSV UTF-8",
  ],
  [/^['’]/, "begins with the apostrophe that Excel marks text with: take it away by Replace, and save as CSV UTF-8"],
  [/^\d+[.,]0+$/, "has decimals: in Excel, format the column as Number with 0 decimals, or as Text, and save again"],
  [/^\d{1,3}([,'’\s]\d{3}){2,}$/, "has separators of thousands: in Excel, format the column as Text and save again"],
  [
    /^["“”„«»]|["“”„«»]$/,
    "has quotes of its own: take them away; a quoted value begins and ends right beside its separators, without a blank",
  ],
  [
    /^#(N\/A|NV|REF!|NAME\?|VALUE!|WERT!|DIV\/0!|NULL!|NUM!|ZAHL!|BEZUG!)$|^#{2,}$/i,
    "is what Excel shows for a failed formula or a column that is too narrow: put the value itself there",
  ],
  [
    /^(n\/?a|nil|null|none|nan|new|neu|unknown|undefined|tbd|todo|true|false|wahr|falsch|-+|\?+|\(.*\))$/i,
    "stands in for a value that is missing: put the value itself there, or leave the line out",
  ],
  [
    /^(\d{1,2}[-. ])?(jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]{0,6}[-. ]\d{2,4}$|^\d{1,2}[-. ]+(jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)$/i,
    "is a date that Excel made of it: format the column as Text before it is filled, and put the value itself there",
  ],
];

const invisible = /[\p{C}\uFFFD]/u;

/** What is wrong with an identifier that was no identifier in its table any more; undefined where it may be one. */
export function mangledAs(value: string): string | undefined {
  const [, letter] = /(^[^\S ]|[^\S ]$)/.exec(value) ?? [];
  if (letter !== undefined)
    return `begins or ends with a blank that cannot be seen (${codePoint(letter)}): type it afresh`;
  if (value.includes("\uFFFD")) return "has bytes that are no UTF-8: in Excel, save as CSV UTF-8 (comma delimited)";
  const [hidden] = invisible.exec(value) ?? [];
  if (hidden !== undefined) return `has a letter that cannot be seen (${codePoint(hidden)}): type it afresh`;
  return mangled.find(([pattern]) => pattern.test(value))?.[1];
}

/** A long number that ends in zeros, as one does of which Excel kept 15 digits. */
export function looksRounded(value: string): boolean {
  return /^[1-9]\d{14}0{4,}$/.test(value);
}

function codePoint(letter: string): string {
  return `U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

const zip = [0x50, 0x4b, 0x03, 0x04];
const oldOffice = [0xd0, 0xcf, 0x11, 0xe0];

/** What a file is that is no UTF-8 text, by its first bytes, and what to do; undefined where it may be such a text. */
export function foreignFormat(bytes: Uint8Array): string | undefined {
  const begins = (magic: readonly number[]) => magic.every((byte, at) => bytes[at] === byte);
  if (begins(zip) || begins(oldOffice)) return "is an Excel workbook: in Excel, save as CSV UTF-8 (comma delimited)";
  const nulls = bytes.subarray(0, 1_000).filter((byte) => byte === 0).length;
  if (begins([0xff, 0xfe]) || begins([0xfe, 0xff]) || nulls > Math.min(bytes.length, 1_000) / 4) {
    return "is UTF-16, Excel's Unicode Text: in Excel, save as CSV UTF-8 (comma delimited)";
  }
  return undefined;
}
