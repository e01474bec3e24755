import fc from "fast-check";
import { expect, test } from "vitest";
import { hasCheckDigit, imeiIn, imeiWarnings } from "../shared/imei.ts";

const imei = "490154203237518";

test.each([
  ["as it is", imei],
  ["with blanks", "49 015420 323751 8"],
  ["with blanks of other kinds", "49\u00a0015420\u2009323751\u30008"],
  ["with dashes", "49-015420-323751-8"],
  ["with dashes of other kinds", "49\u2010015420\u2013323751\u22128"],
  ["with dots", "49.015420.323751.8"],
  ["with marks of direction", "\u200e490154203237518\u200f"],
  ["isolated from what is written the other way", "\u2066490154203237518\u2069"],
  ["with zero widths", "4901542\u200b03237518\ufeff"],
  ["with a soft hyphen", "4901542\u00ad03237518"],
  ["with a line end and a tab", "\t490154203237518\r\n"],
  ["as a nodeId of its own", "urn:imei:490154203237518"],
  ["as a nodeId in capitals, with blanks", "URN:IMEI: 49-015420-323751-8"],
])("an IMEI %s is read", (_, written) => {
  expect(imeiIn(written, "urn")).toEqual({ nodeId: `urn:imei:${imei}` });
  expect(imeiIn(written, "bare")).toEqual({ nodeId: imei });
});

test.each([
  ["not known", "it is not digits alone; the 15 digits of the label are wanted"],
  ["{{ticket.cf_imei}}", "it is not digits alone; the 15 digits of the label are wanted"],
  ["8.63704E+14", "it is a rounded number, as a spreadsheet writes one; the 15 digits of the label are wanted"],
  ["8.6E+14", "it is a rounded number, as a spreadsheet writes one; the 15 digits of the label are wanted"],
  ["8,63704E+14", "it is a rounded number, as a spreadsheet writes one; the 15 digits of the label are wanted"],
  ["IMEI 490154203237518", "it is not digits alone; the 15 digits of the label are wanted"],
  ["490154203237518/01", "it is not digits alone; the 15 digits of the label are wanted"],
  ["490154203237518, 490154203237526", "it is not digits alone; the 15 digits of the label are wanted"],
  ["49015420323751O", "it is not digits alone; the 15 digits of the label are wanted"],
  ["٤٩٠١٥٤٢٠٣٢٣٧٥١٨", "it is not digits alone; the 15 digits of the label are wanted"],
  ["４９０１５４２０３２３７５１８", "it is not digits alone; the 15 digits of the label are wanted"],
  ["00:11:22:33:44:55", "it is not digits alone; the 15 digits of the label are wanted"],
  ["urn:imei:", "it is not digits alone; the 15 digits of the label are wanted"],
  ["urn:imei:urn:imei:490154203237518", "it is not digits alone; the 15 digits of the label are wanted"],
  ["-", "it is not digits alone; the 15 digits of the label are wanted"],
  ["\u0000490154203237518", "it is not digits alone; the 15 digits of the label are wanted"],
  ["49015420323751", "it has 14 digits, 15 are wanted; either the check digit is missing, or a zero in front"],
  ["4901542032375181", "it has 16 digits, as an IMEISV has; the 15 digits of the label are wanted"],
  ["89860117801234567894", "it has 20 digits, 15 are wanted"],
  ["1", "it has 1 digit, 15 are wanted"],
])("%j is no IMEI: %s", (written, why) => {
  for (const form of ["urn", "bare"] as const) {
    expect(imeiIn(written, form)).toEqual({ fault: `is not an IMEI: ${why}` });
  }
});

test("whatever is written, an IMEI is fifteen digits in the form asked for, or refused in words of our own", () => {
  const written = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(..."0123456789 -.\u200e"), maxLength: 20 }),
  );
  const property = fc.property(written, (text) => {
    const read = imeiIn(text, "urn");
    if ("nodeId" in read) expect(read.nodeId).toMatch(/^urn:imei:[0-9]{15}$/);
    else expect(read.fault).toMatch(/^is not an IMEI: it (is|has \d+ digits?)[ a-zA-Z0-9;,]*15[ a-zA-Z0-9;,]*$/);
  });
  fc.assert(property, { numRuns: 1_000 });
});

// Labels of telephones and modules, as their makers show them.
test.each([
  [imei, true],
  ["356938035643809", true],
  ["urn:imei:490154203237518", true],
  ["000000000000000", true],
  ["490154203237519", false],
  ["490154203237581", false],
  ["urn:imei:860000000000001", false],
  ["863704000000000", false],
])("the check digit of %s fits: %j", (nodeId, fits) => expect(hasCheckDigit(nodeId)).toBe(fits));

test("no single wrong digit fits, and no two neighbours in each other's place but 0 and 9", () => {
  const slip = fc.tuple(fc.integer({ min: 0, max: 14 }), fc.integer({ min: 1, max: 9 }));
  fc.assert(
    fc.property(slip, ([at, by]) => {
      const digits = [...imei].map(Number);
      digits[at] = ((digits[at] ?? 0) + by) % 10;
      expect(hasCheckDigit(digits.join(""))).toBe(false);
    }),
  );
  for (let at = 0; at < 14; at += 1) {
    const [one = "", other = ""] = [imei[at], imei[at + 1]];
    const swapped = `${imei.slice(0, at)}${other}${one}${imei.slice(at + 2)}`;
    const same = one === other || [one, other].sort().join() === "0,9";
    expect(hasCheckDigit(swapped)).toBe(same);
  }
});

test.each([
  ["urn:imei:490154203237518", "urn", 0],
  ["urn:imei:490154203237519", "urn", 1],
  ["490154203237519", "bare", 1],
  ["490154203237519", undefined, 0],
  [undefined, "urn", 0],
  [null, "urn", 0],
] as const)("of %s in the form %s there are %i warnings", (nodeId, form, count) => {
  expect(imeiWarnings(nodeId, form)).toHaveLength(count);
});
