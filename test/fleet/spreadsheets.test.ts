import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mangledAs } from "../../shared/fleet/spreadsheet.ts";
import { faultsIn, inputOf } from "./read-input.ts";

const folder = join(import.meta.dirname, "spreadsheets");

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
    const { faults } = await inputOf(readFileSync(join(folder, file)), 64);
    const said = faults.map(({ line, column, message }) => {
      const short =
        column === undefined ? message : message.replace(/^\w+ ".*" (?=\w+ )/, "").replace(/^/, `${column} `);
      return `${line} ${short}`;
    });
    expect(said).toHaveLength(expected.length);
    for (const [at, start] of expected.entries()) expect(said[at]?.startsWith(start), `${said[at]}`).toBe(true);
  });

  test("that rounded a long number to 15 digits is warned of, since a number may end so", async () => {
    const { devices, warnings } = await inputOf("deviceId,nodeId\nd-1,89860117801234500000\n");
    expect([devices.length, warnings]).toMatchObject([1, [{ line: 2, column: "nodeId" }]]);
  });
});

describe("an identifier", () => {
  test.each([
    ...["860000000000001", "urn:imei:860000000000001", "00:1A:2B:3C:4D:5E", "001A2B3C4D5E", "SN-2024-0001", "12E5"],
    ...["new-7", "device-none", "10.0.0.1", "1.5", "a,b", "x1", "march-7", "may", "it's", "F00D.000"],
  ])("such as %s is left alone", (value) => {
    expect(mangledAs(value)).toBeUndefined();
  });
});

test("a file without a header is told so without its values", async () => {
  expect(await faultsIn("device-1,860000000000001\n")).toContain("1: has no column deviceId");
});
