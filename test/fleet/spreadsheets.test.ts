import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mangledAs } from "../../shared/fleet/spreadsheet.ts";
import { codesInThem, mangledFiles, spreadsheets } from "./mangled.ts";
import { faultsIn, inputOf } from "./read-input.ts";

// Each file is what a spreadsheet, or a person at one, makes of good identifiers; made by hand after their pages and forums.
describe("a spreadsheet", () => {
  test.each<[string, readonly string[]]>([
    ["scientific.csv", ["2 nodeId is a rounded number, its digits are lost", "3 nodeId is a rounded number"]],
    ["scientific-german.csv", ["2 nodeId is a rounded number, its digits are lost"]],
    ["formula.csv", ["2 nodeId is a formula", "3 nodeId is a formula"]],
    ["apostrophe.csv", ["2 nodeId begins with the apostrophe"]],
    ["decimals.csv", ["2 nodeId has decimals", "3 nodeId has decimals"]],
    ["quote-behind-blank.csv", ["2 nodeId has quotes of its own"]],
    [
      "placeholders.csv",
      ["2 nodeId stands in for", "3 nodeId stands in for", "4 nodeId stands in for", "5 nodeId is what Excel shows"],
    ],
    ["invisible.csv", ["2 nodeId has a letter that cannot be seen (U+200B)", "3 deviceId begins or ends with a blank"]],
    ["ghost-rows.csv", ["3 holds no value", "4 holds no value"]],
    ["separator-hint.csv", ["1 is a hint for Excel (sep=;)"]],
    ["utf-16.csv", ["1 is UTF-16"]],
    ["workbook.csv", ["1 is an Excel workbook"]],
    ["windows-1252.csv", ["2 deviceId has bytes that are no UTF-8"]],
    ["thousands.csv", ["2 nodeId has separators of thousands"]],
    ["dates.csv", ["2 nodeId is a date", "3 nodeId is a date"]],
    ["smart-quotes.csv", ["2 nodeId has quotes of its own"]],
    ["twice.csv", ["4 deviceId is already on line 2", "4 nodeId is already on line 2"]],
  ])("as %s is refused by line and column", async (file, expected) => {
    const { faults } = await inputOf(readFileSync(join(spreadsheets, file)), 64);
    const said = faults.map(({ line, column, message }) => {
      const short =
        column === undefined ? message : message.replace(/^\w+ ".*" (?=\w+ )/, "").replace(/^/, `${column} `);
      return `${line} ${short}`;
    });
    expect(said).toHaveLength(expected.length);
    for (const [at, start] of expected.entries()) expect(said[at]?.startsWith(start), `${said[at]}`).toBe(true);
  });

  const wordsOf = ({ line, column, message }: { line: number; column?: string; message: string }) =>
    [
      line,
      column ?? "",
      column === undefined ? message : message.slice(column.length).replace(/^ ".*" (?=\w+ )/, " "),
    ] as const;
  test.each(mangledFiles)(
    "as $file is told by line, column and what to do",
    async ({ file, faults, warnings = [] }) => {
      for (const pieceBytes of [7, 65_536]) {
        const read = await inputOf(readFileSync(join(spreadsheets, file)), pieceBytes);
        for (const [found, expected] of [
          [read.faults, faults],
          [read.warnings, warnings],
        ] as const) {
          expect(found.map(wordsOf)).toEqual(
            expected.map(([line, column, words]) => [line, column, expect.stringContaining(words)]),
          );
          expect(JSON.stringify(found)).not.toMatch(codesInThem);
        }
      }
    },
  );

  test("that rounded a long number to 15 digits is warned of, since a number may end so", async () => {
    const { devices, warnings } = await inputOf("deviceId,nodeId\nd-1,89860117801234500000\n");
    expect([devices.length, warnings]).toMatchObject([1, [{ line: 2, column: "nodeId" }]]);
  });
});

describe("a cell of 64,000 bytes", () => {
  const many = (letter: string) => letter.repeat(64_000);
  const cpuMsOf = async (work: () => unknown) => {
    const before = process.cpuUsage();
    await work();
    return process.cpuUsage(before).user / 1_000;
  };
  test.each<[what: string, value: string]>([
    ["digits of another script", `${"٣".repeat(32_000)}x`],
    ["zeros", `1${many("0")}1`],
    ["blanks", `a${many(" ")}b`],
    ["separators", `${"1.".repeat(32_000)}x`],
    ["letters", many("x")],
  ])("such as %s is told as too long alone, in time that grows with its length", async (_, value) => {
    for (const text of [`deviceId,nodeId\nd-1,${value}\n`, `{"deviceId":"d-1","nodeId":"${value}"}`]) {
      const found: unknown[] = [];
      // Each letter compared with all others would take many seconds of the processor; this takes some hundredths.
      const cpuMs = await cpuMsOf(async () => found.push(await inputOf(text, 65_536)));
      expect(cpuMs).toBeLessThan(1_500);
      expect(found).toMatchObject([
        {
          warnings: [],
          faults: [{ column: "nodeId", message: expect.stringMatching(/" must have at most 256 characters$/) }],
        },
      ]);
    }
    expect(await cpuMsOf(() => mangledAs(value))).toBeLessThan(1_500);
  });
});

describe("an identifier", () => {
  test.each([
    ...["860000000000001", "urn:imei:860000000000001", "00:1A:2B:3C:4D:5E", "001A2B3C4D5E", "SN-2024-0001", "12E5"],
    ...[
      "+x",
      "#1",
      "#C0FFEE",
      "10.10.10.10",
      "192.168.100.200",
      "meter 7",
      "电表（一）",
      "حي-7",
      "x1.2E3",
      "sum-7",
      "1,2",
    ],
    ...["new-7", "device-none", "10.0.0.1", "1.5", "a,b", "x1", "march-7", "may", "it's", "F00D.000"],
  ])("such as %s is left alone", (value) => {
    expect(mangledAs(value)).toBeUndefined();
  });
});

test("a file without a header is told so without its values", async () => {
  expect(await faultsIn("device-1,860000000000001\n")).toEqual([
    "1: has no column deviceId: the first line that holds something names the columns, as in deviceId,nodeId",
  ]);
});

describe("a file that only looks like text", () => {
  test.each<[string, string | Uint8Array, string]>([
    ["a workbook's XML", '\uFEFF<?xml version="1.0"?>\n<Workbook>', "is a web page or XML"],
    ["a document", "{\\rtf1\\ansi deviceId}\n", "is a document (RTF)"],
    ["a JSON array", '[\n{"deviceId":"d-1"}\n]\n', "is a JSON array: JSON lines are wanted"],
    ["compressed", Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), "is compressed (gzip)"],
    ["separated by |", "deviceId|nodeId\nd-1|n-1\n", "has no column deviceId: columns are separated by commas"],
    [
      "a header with a letter that is not seen",
      "deviceId,node\u200bId\nd-1,n-1\n",
      "has a column 2 with a letter that cannot be seen (U+200B)",
    ],
  ])("%s is told so", async (_, content, words) => {
    expect(await faultsIn(content)).toEqual([expect.stringContaining(`1: ${words}`)]);
  });
});

describe("an IMEI", () => {
  const nodeIds = async (value: string, imei?: "urn" | "bare") => {
    const { devices, faults, warnings } = await inputOf(`deviceId,nodeId\nd-1,${value}\n`, 64, { imei });
    return [devices.map(({ nodeId }) => nodeId), faults.length, warnings.length];
  };
  test.each<[string, "urn" | "bare" | undefined, readonly unknown[]]>([
    ["urn:imei:860000000000009", undefined, [["urn:imei:860000000000009"], 0, 0]],
    ["urn:imei:860000000000001", undefined, [["urn:imei:860000000000001"], 0, 1]],
    ["urn:imei:86000000000009", undefined, [[], 1, 0]],
    ["urn:imei:new-7", undefined, [["urn:imei:new-7"], 0, 1]],
    ["Urn:Imei:860000000000009", undefined, [[], 1, 0]],
    // Of bare digits nobody knows what they are.
    ["86000000000009", undefined, [["86000000000009"], 0, 0]],
    ["860000000000001", undefined, [["860000000000001"], 0, 0]],
    ["860000000000001", "urn", [["urn:imei:860000000000001"], 0, 1]],
    ["URN:IMEI:86 000000 000000 9", "urn", [["urn:imei:860000000000009"], 0, 0]],
    ["urn:imei:860000000000009", "bare", [["860000000000009"], 0, 0]],
    ["86000000000009", "bare", [[], 1, 0]],
  ])("%s with --imei %s", async (value, imei, expected) => {
    expect(await nodeIds(value, imei)).toEqual(expected);
  });

  test("is the same hardware however it is written", async () => {
    const text = "deviceId,nodeId\nd-1,860000000000009\nd-2,urn:imei:860000000000009\n";
    expect((await inputOf(text, 64, { imei: "urn" })).faults).toMatchObject([{ line: 3, column: "nodeId" }]);
  });

  test("that a device is to have before may be as wrong as it is", async () => {
    const text = "deviceId,nodeId,expectedNodeId\nd-1,urn:imei:860000000000009,urn:imei:86\n";
    expect((await inputOf(text)).devices).toHaveLength(1);
  });
});
