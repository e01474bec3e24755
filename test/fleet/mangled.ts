import { join } from "node:path";

/** Where the files stand. */
export const spreadsheets = join(import.meta.dirname, "spreadsheets");

/** A file as a program of some country leaves it, and what is to be said of it: line, column, how the words begin. */
export interface Mangled {
  readonly file: string;
  readonly faults: readonly (readonly [line: number, column: string, words: string])[];
  readonly warnings?: readonly (readonly [line: number, column: string, words: string])[];
}

const rounded = "is a rounded number, its digits are lost: take the value from its source";
const thousands = "has separators of thousands: in Excel, format the column as Text";
const formula = "is a formula: in Excel, copy the column, paste it back as values";
const failed = "is what Excel shows for a failed formula or a column that is too narrow: put the value itself there";
const standIn = "stands in for a value that is missing: put the value itself there";
const date = "is a date that Excel made of it: format the column as Text";
const script = "is written in digits or letters of another script or width: type it afresh";
const dash = "has a dash that a program made of a hyphen (-): type it afresh";
const total = "begins a line of totals: delete the line";
const emptyColumn = "as spreadsheets leave columns behind: delete the empty columns, and save again";
const emptyBeside = "delete the empty columns beside the table, and save again";
const zeros = "ends in zeros, as a number does that Excel has rounded";
const unwritten = "is no IMEI as devices send it: urn:imei: in small letters, and 15 digits";
const checkDigit = "has a last digit that does not fit the others, so one of them is wrong: compare it with the label";

/** Made by hand after what the programs' pages and forums show; beside these stand those of the programs' simpler habits. */
export const mangledFiles: readonly Mangled[] = [
  {
    file: "excel-german.csv",
    faults: [
      [2, "nodeId", rounded],
      [3, "nodeId", thousands],
      [4, "nodeId", failed],
      [5, "nodeId", standIn],
      [6, "verifyCode", rounded],
    ],
  },
  {
    file: "excel-french.csv",
    faults: [
      [2, "nodeId", thousands],
      [3, "nodeId", failed],
      [4, "nodeId", date],
      [5, "verifyCode", "has quotes of its own: take them away"],
      [6, "nodeId", standIn],
    ],
  },
  {
    file: "excel-arabic.csv",
    faults: [
      [2, "nodeId", script],
      [3, "deviceId", "has a letter that cannot be seen (U+200F): type it afresh"],
      [4, "nodeId", "has a letter that cannot be seen (U+200E): type it afresh"],
      [5, "deviceId", total],
    ],
  },
  {
    file: "excel-indian.csv",
    faults: [
      [2, "nodeId", thousands],
      [3, "nodeId", thousands],
      [4, "nodeId", "has a sign in front, as a number has: format the column as Text"],
    ],
  },
  { file: "utf-16-big-endian.csv", faults: [[1, "", "is UTF-16, Excel's Unicode Text: in Excel, save as CSV UTF-8"]] },
  {
    file: "google-sheets.csv",
    faults: [
      [2, "nodeId", formula],
      [3, "nodeId", failed],
      [3, "verifyCode", failed],
      [4, "", "repeats the header, as a printed table does: delete the line"],
      [5, "verifyCode", formula],
    ],
  },
  {
    file: "libreoffice.csv",
    faults: [
      [1, "", `has an empty column 3, ${emptyColumn}`],
      [2, "nodeId", failed],
      [3, "nodeId", failed],
      [4, "nodeId", date],
      [5, "", `has 4 fields where the header has 3: ${emptyBeside}`],
    ],
  },
  { file: "numbers-title.csv", faults: [[1, "", "has no column deviceId: the first line that holds something names"]] },
  { file: "sap-pipes.csv", faults: [[1, "", "has no column deviceId: the first line that holds something names"]] },
  {
    file: "sap-tabs.csv",
    faults: [
      [1, "", `has an empty column 1, ${emptyColumn}`],
      [2, "nodeId", thousands],
      [4, "deviceId", total],
    ],
  },
  {
    file: "windows-editor.csv",
    faults: [
      [2, "deviceId", dash],
      [2, "nodeId", dash],
      [3, "nodeId", "has a blank that is none (U+00A0), as web pages and spreadsheets put there: type it afresh"],
    ],
  },
  { file: "merged-cells.csv", faults: [[1, "", 'has a column "node Id", over several lines, which is none of']] },
  {
    file: "merged-rows.csv",
    faults: [[3, "deviceId", "is missing: cells that were merged hold it in their first line only"]],
    warnings: [[5, "nodeId", "is empty here and on 1 more line, where most lines have one"]],
  },
  {
    file: "rounded.csv",
    faults: [],
    warnings: [
      [2, "nodeId", zeros],
      [3, "nodeId", zeros],
      [4, "nodeId", zeros],
      [4, "nodeId", checkDigit],
    ],
  },
  {
    file: "zeros-lost.csv",
    faults: [],
    warnings: [
      [3, "nodeId", "has 14 digits here and on 1 more line, where most have 15: a number loses the zeros in front"],
    ],
  },
  {
    file: "full-width.csv",
    faults: [
      [2, "nodeId", script],
      [3, "deviceId", script],
      [4, "verifyCode", script],
    ],
  },
  {
    file: "web-page.csv",
    faults: [[1, "", "is a web page or XML, whatever its name says: open it in Excel and save"]],
  },
  {
    file: "macs.csv",
    faults: [
      [2, "nodeId", rounded],
      [3, "nodeId", rounded],
      ...[4, 5, 6, 7].map((line): [number, string, string] => [line, "nodeId", date]),
    ],
  },
  {
    file: "imei-urns.csv",
    faults: [
      [
        2,
        "nodeId",
        "is not an IMEI: it has 14 digits, 15 are wanted; either the check digit is missing, or a zero in front",
      ],
      [3, "nodeId", "is not an IMEI: it has 16 digits, as an IMEISV has; the 15 digits of the label are wanted"],
      [4, "nodeId", unwritten],
      [6, "nodeId", unwritten],
    ],
    warnings: [[5, "nodeId", checkDigit]],
  },
];

/** What stands in the files' column verifyCode. */
export const codesInThem = /S3CR3T|Ｓ３ＣＲ３Ｔ|8,1E\+09|#REF!/;
