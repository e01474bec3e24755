/** How an IMEI is written in a nodeId: `urn:imei:<IMEI>` for Qualcomm chips, the digits alone for HiSilicon. */
export type ImeiForm = "urn" | "bare";

/**
 * The IMEI that somebody wrote into a ticket, in the form that the devices' chips have.
 *
 * Blanks of any kind, dots, dashes and marks that are not seen (direction, zero width) go, `urn:imei:` may stand in front;
 * what is left must be fifteen digits. The check digit is {@link hasCheckDigit}'s business.
 * @returns `fault` in words for the ticket, which hold nothing of what was written
 * @see 3GPP TS 23.003, 6.2 and annex B
 */
export function imeiIn(written: string, form: ImeiForm): { readonly nodeId: string } | { readonly fault: string } {
  const digits = written.replace(/[\s\p{Cf}\p{Pd}\u2212.]/gu, "").replace(/^urn:imei:/i, "");
  if (/^\d{15}$/.test(digits)) return { nodeId: form === "urn" ? `urn:imei:${digits}` : digits };
  return { fault: `is not an IMEI: it ${whyNot(digits, written.trim())}` };
}

function whyNot(digits: string, written: string): string {
  const { length } = digits;
  const asOnLabel = "; the 15 digits of the label are wanted";
  if (roundedNumber.test(written)) return `is a rounded number, as a spreadsheet writes one${asOnLabel}`;
  if (!/^\d+$/.test(digits)) return `is not digits alone${asOnLabel}`;
  if (length === 16) return `has 16 digits, as an IMEISV has${asOnLabel}`;
  if (length === 14) return "has 14 digits, 15 are wanted; either the check digit is missing, or a zero in front";
  return `has ${length} ${length === 1 ? "digit" : "digits"}, 15 are wanted`;
}

/** What a spreadsheet makes of an identifier: `8.63704E+14`, with a comma in other countries. */
const roundedNumber = /^\d+(?:[.,]\d+)?e\+?\d+$/i;

/** Whether the last digit of an IMEI fits the others (Luhn), in either form; a slip of one digit never does. */
export function hasCheckDigit(nodeId: string): boolean {
  const digits = [...nodeId.replace(/^urn:imei:/, "")].reverse().map(Number);
  const sum = digits.reduce((total, digit, at) => total + (at % 2 === 0 ? digit : doubled(digit)), 0);
  return sum % 10 === 0;
}

function doubled(digit: number): number {
  return digit > 4 ? digit * 2 - 9 : digit * 2;
}

/** What has to be told beside a re-key that was done all the same; nothing of hardware that is not named by an IMEI. */
export function imeiWarnings(nodeId: string | null | undefined, form: ImeiForm | undefined): string[] {
  if (form === undefined || nodeId === null || nodeId === undefined || hasCheckDigit(nodeId)) return [];
  return ["The IMEI's last digit does not fit the others, so one of them is wrong: compare it with the label."];
}
