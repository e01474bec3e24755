const months = "jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez|janv|févr|mars|avr|juin|juil|août|déc";
const date =
  "is a date that Excel made of it: format the column as Text before it is filled, and put the value itself there";

/**
 * What spreadsheets and people make of an identifier, and what to do about it there. None of these is one: sent, it would
 * come back as a device that is not found, or worse, as hardware that nobody has.
 */
const mangled: readonly (readonly [RegExp, string])[] = [
  [
    /^[+-]?\d+([.,]\d+)?E[+-]\d+$|^[+-]?\d+[.,]\d+E\d+$/i,
    "is a rounded number, its digits are lost: take the value from its source; in Excel, format the column as Text before it is filled, or load the file by Data, From Text/CSV, with the column as Text",
  ],
  [
    /^=/,
    "is a formula: in Excel, copy the column, paste it back as values (Paste Special, Values) and save as CSV UTF-8",
  ],
  [/^['’]/, "begins with the apostrophe that Excel marks text with: take it away by Replace, and save as CSV UTF-8"],
  [/^[+-]\d{6,}$/, "has a sign in front, as a number has: format the column as Text, and put the value itself there"],
  [/^\d+[.,]0+$/, "has decimals: in Excel, format the column as Number with 0 decimals, or as Text, and save again"],
  [
    // By threes, with dots from five groups on (four may be an address), and as India writes them.
    /^\d{1,3}([,'’\s]\d{3}){2,}$|^\d{1,3}(\.\d{3}){4,}$|^\d{1,2}(,\d{2}){2,},\d{3}$/,
    "has separators of thousands: in Excel, format the column as Text and save again",
  ],
  [
    /^["“”„«»‹›]|["“”„«»‹›]$/,
    "has quotes of its own: take them away; a quoted value begins and ends right beside its separators, without a blank",
  ],
  [
    /^#[¡¿]?\p{L}[\p{L}\d_/]*[!?]$|^#\p{L}\/\p{L}$|^#NV$|^#{2,}$|^Err:\d{3}$/iu,
    "is what Excel shows for a failed formula or a column that is too narrow: put the value itself there",
  ],
  [
    /^(n\.?\/?a\.?|nil|null|none|nan|new|neu|unknown|undefined|empty|leer|vide|tbd|todo|true|false|wahr|falsch|vrai|faux|-+|\?+|\(.*\))$/i,
    "stands in for a value that is missing: put the value itself there, or leave the line out",
  ],
  [new RegExp(`^(\\d{1,2}[-. ])?(${months})[a-zé]{0,6}\\.?[-. ]\\d{2,4}$|^\\d{1,2}[-. ]+(${months})\\.?$`, "i"), date],
  [/^\d{1,2}[/.]\d{1,2}[/.]\d{4}( \d{1,2}:\d{2}(:\d{2})?)?$|^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?$/, date],
  [
    // All before the first such digit is none: a longer class there would be tried at each of them.
    /^[0-9\s.,:٫٬-]*(?![0-9])\p{Nd}[\p{Nd}\s.,:٫٬-]*$|[０-９Ａ-Ｚａ-ｚ]/u,
    "is written in digits or letters of another script or width: type it afresh with the digits 0 to 9 and the letters A to Z",
  ],
  [
    /^[!-~]*[\u2010-\u2015\u2212][!-~\u2010-\u2015\u2212]*$/,
    "has a dash that a program made of a hyphen (-): type it afresh, or switch AutoCorrect off and paste it again",
  ],
];

/** What is wrong with an identifier that was no identifier in its table any more; undefined where it may be one. */
export function mangledAs(value: string): string | undefined {
  const [, letter] = /(^[^\S ]|[^\S ]$)/.exec(value) ?? [];
  if (letter !== undefined)
    return `begins or ends with a blank that cannot be seen (${codePoint(letter)}): type it afresh`;
  if (value.includes("\uFFFD")) return "has bytes that are no UTF-8: in Excel, save as CSV UTF-8 (comma delimited)";
  const hidden = hiddenIn(value);
  if (hidden !== undefined) return `has a letter that cannot be seen (${codePoint(hidden)}): type it afresh`;
  const found = mangled.find(([pattern]) => pattern.test(value))?.[1];
  if (found !== undefined) return found;
  const [blank] = /[^\S ]/.exec(value) ?? [];
  return (
    blank && `has a blank that is none (${codePoint(blank)}), as web pages and spreadsheets put there: type it afresh`
  );
}

/** A letter that is there and cannot be seen; undefined where there is none. */
export function hiddenIn(text: string): string | undefined {
  return /\p{C}/u.exec(text)?.[0];
}

/** Whether a device's name is the first word of a line of totals. */
export function isTotal(deviceId: string): boolean {
  return /^(grand[ -]?total|sub-?total|totals?|summe|(zwischen|gesamt)summe|gesamt|somme|sous-total|suma|totale|sum|合计|总计|الإجمالي|المجموع)[:.]?$/i.test(
    deviceId,
  );
}

/** A number that ends in zeros, as one does of which Excel kept 15 digits, or showed six and lost the others. */
export function looksRounded(value: string): boolean {
  const [digits = ""] = /^[1-9]\d{11,}$/.exec(value.replace(/^urn:imei:/i, "")) ?? [];
  return /0{7,}$/.test(digits) || (digits.length >= 18 && /^0+$/.test(digits.slice(15)));
}

/** How a letter is named that cannot be shown. */
export function codePoint(letter: string): string {
  return `U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

const zip = [0x50, 0x4b, 0x03, 0x04];
const oldOffice = [0xd0, 0xcf, 0x11, 0xe0];
const gzip = [0x1f, 0x8b];

/** Files that begin like text, and what they are. */
const foreignTexts: readonly (readonly [RegExp, string])[] = [
  [
    /^<(\?xml|!doctype|html|table|meta|workbook)/i,
    "is a web page or XML, whatever its name says: open it in Excel and save as CSV UTF-8 (comma delimited)",
  ],
  [/^\{\\rtf/, "is a document (RTF): save it as text, in UTF-8"],
  [/^\[/, "is a JSON array: JSON lines are wanted, one object a line and no brackets around them (jq -c '.[]')"],
];

/** What a file is that is no CSV and no JSON lines in UTF-8, by its first bytes, and what to do; undefined where it may be. */
export function foreignFormat(bytes: Uint8Array): string | undefined {
  const begins = (magic: readonly number[]) => magic.every((byte, at) => bytes[at] === byte);
  if (begins(zip) || begins(oldOffice)) return "is an Excel workbook: in Excel, save as CSV UTF-8 (comma delimited)";
  if (begins(gzip)) return "is compressed (gzip): unpack it first";
  const nulls = bytes.subarray(0, 1_000).filter((byte) => byte === 0).length;
  if (begins([0xff, 0xfe]) || begins([0xfe, 0xff]) || nulls > Math.min(bytes.length, 1_000) / 4) {
    return "is UTF-16, Excel's Unicode Text: in Excel, save as CSV UTF-8 (comma delimited)";
  }
  const start = new TextDecoder().decode(bytes.subarray(0, 1_000)).trimStart();
  return foreignTexts.find(([pattern]) => pattern.test(start))?.[1];
}
