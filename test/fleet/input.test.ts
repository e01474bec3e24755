import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readFleetInput } from "../../shared/fleet/input.ts";
import { type FleetEntry, fleetColumns } from "../../shared/fleet/input-lines.ts";
import { devicesIn, faultsIn, inputOf } from "./read-input.ts";

const columns = "deviceId, nodeId, expectedNodeId, verifyCode, timeout, appId";
const unclosed = "has a quote that is not closed, and nothing after it was looked at";
const noDevice =
  "1: has no column deviceId: the first line that holds something names the columns, as in deviceId,nodeId";
const ghost = "holds no value, as spreadsheets leave rows behind: delete the empty rows, and save again";
const ownQuotes =
  "has quotes of its own: take them away; a quoted value begins and ends right beside its separators, without a blank";

describe("a fleet's input", () => {
  test("is read from a CSV with quotes, semicolons, empty fields, any line ends and a byte order mark", async () => {
    const text = '\uFEFFdeviceId;nodeId;timeout\r\nd-1;"urn:1";600\r\n\r\nd-2;"a""b";\r\n';
    for (const pieceBytes of [1, 2, 3, 1_000]) {
      expect(await devicesIn(text, pieceBytes)).toEqual([
        { line: 2, deviceId: "d-1", nodeId: "urn:1", timeout: 600 },
        { line: 4, deviceId: "d-2", nodeId: 'a"b' },
      ]);
    }
  });

  test("with ten different faults has all ten named with their lines and columns", async () => {
    const text = [
      "deviceId,nodeId,timeout,colour",
      "d-1,n-1,60,",
      ",n-2,60,",
      "../d-3,n-3,60,",
      "d-1,n-4,60,",
      "d-5,n-1,60,",
      "d-6,n-6",
      "d-7,n-7,soon,",
      `d-8,${"x".repeat(257)},60,`,
      "d-9,n-\u0007,60,",
      'd-10,"n-10"x,60,',
      "d-11,n-11,60,",
      'd-12,"n-12,60,',
    ].join("\n");
    expect((await inputOf(text)).faults).toEqual([
      { line: 1, message: `has a column "colour", which is none of ${columns}` },
      {
        line: 3,
        column: "deviceId",
        message: "deviceId is missing: cells that were merged hold it in their first line only",
      },
      {
        ...{ line: 4, column: "deviceId" },
        message: 'deviceId "../d-3" must have no blanks, slashes, %, ? or #, and not be a path',
      },
      { line: 5, column: "deviceId", message: 'deviceId "d-1" is already on line 2' },
      { line: 6, column: "nodeId", message: 'nodeId "n-1" is already on line 2' },
      { line: 7, message: "has 2 fields where the header has 4" },
      { line: 8, column: "timeout", message: "timeout must be a whole number of seconds, 0 to 2147483647" },
      { line: 9, column: "nodeId", message: `nodeId "${"x".repeat(40)}" must have at most 256 characters` },
      { line: 10, column: "nodeId", message: 'nodeId "n-?" has a letter that cannot be seen (U+0007): type it afresh' },
      { line: 11, column: "nodeId", message: `nodeId ""n-10"x" ${ownQuotes}` },
      { line: 13, message: unclosed },
    ]);
  });

  test("comes back from a CSV as it was written, whatever identifiers it holds", async () => {
    const letters = fc.constantFrom(..."abcXYZ0159äß:;,\"'()[]{}_/ \n".split(""));
    const value = fc.array(letters, { maxLength: 20 }).map((inner) => `v${inner.join("")}w`);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(value, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 50 }),
        async (values, pieceBytes) => {
          const nodeIds = values.filter((one) => !one.includes("\n"));
          fc.pre(nodeIds.length > 0);
          const rows = nodeIds.map((nodeId, at) => `d-${at},"${nodeId.replaceAll('"', '""')}"`);
          const devices = await devicesIn(`deviceId,nodeId\n${rows.join("\n")}`, pieceBytes);
          expect(devices.map(({ nodeId }) => nodeId)).toEqual(nodeIds);
        },
      ),
    );
  });

  test("of any bytes ends in devices or faults, each with a line of the input", async () => {
    const parts = fc.array(
      fc.constantFrom(...fleetColumns, ",", '"', "\n", "\r\n", "{", "}", "x", ";", "\u0000", "sep=;"),
    );
    await fc.assert(
      fc.asyncProperty(parts, fc.integer({ min: 1, max: 9 }), async (some, pieceBytes) => {
        const text = some.join("");
        const { devices, faults } = await inputOf(text, pieceBytes);
        const lines = text.split("\n").length;
        expect(devices.length + faults.length).toBeGreaterThan(0);
        for (const { line } of [...devices, ...faults]) expect(line).toBeLessThanOrEqual(lines);
      }),
    );
  });

  test("never has a code told to whoever reads its faults", async () => {
    const code = "S3CR3T";
    const rows = [
      `d-1,${code}\u200b,1`,
      `d 2,'${code},1`,
      `d-1,"${code}""",x`,
      `d-4,${code.repeat(50)},1`,
      `d-5,${code}`,
    ];
    const withHeader = await inputOf(`deviceId,verifyCode,timeout\n${rows.join("\n")}\n`);
    const without = await inputOf(`d-1,${code},1\nd-2,n-2,1\n`);
    const json = await inputOf(`{"deviceId":"d","${code}1":"${code}"}\n{"deviceId":"e","verifyCode":["${code}"]}\n`);
    expect(withHeader.faults.length).toBeGreaterThan(5);
    expect(without.faults).toHaveLength(1);
    expect(JSON.stringify([withHeader.faults, without.faults, json.faults])).not.toContain(code);
  });
});

describe("a CSV", () => {
  test.each([
    ["blanks around names and values", " deviceId , nodeId \n d-1 ,\tn-1 \n", { line: 2, nodeId: "n-1" }],
    ["no line end after the last line", "deviceId,nodeId\nd-1,n-1", { line: 2, nodeId: "n-1" }],
    ["an empty last field without a line end", "deviceId,nodeId\nd-1,", { line: 2 }],
    ["quoted names", '"deviceId","nodeId"\n"d-1","n-1"\n', { line: 2, nodeId: "n-1" }],
    ["lines without anything but blanks", "deviceId,nodeId\n\n  \nd-1,n-1\n \n", { line: 4, nodeId: "n-1" }],
    ["empty lines before its header", "\n\r\ndeviceId,nodeId\nd-1,n-1\n", { line: 4, nodeId: "n-1" }],
    ["a separator and quotes inside quotes", 'deviceId,nodeId\nd-1,"a,""b"" c"\n', { line: 2, nodeId: 'a,"b" c' }],
    ["nothing but two quotes for a value", 'deviceId,nodeId\nd-1,""\n', { line: 2 }],
    ["a quote in the middle of a value", 'deviceId,nodeId\nd-1,12"x\n', { line: 2, nodeId: '12"x' }],
    ["braces in a value", "deviceId,nodeId\nd-1,{n}\n", { line: 2, nodeId: "{n}" }],
    ["semicolons in a value, where the header has commas", "deviceId,nodeId\nd-1,a;b\n", { line: 2, nodeId: "a;b" }],
    ["commas in a value, where the header has semicolons", "deviceId;nodeId\nd-1;a,b\n", { line: 2, nodeId: "a,b" }],
    ["tabs", "deviceId\tnodeId\nd-1\tn-1\n", { line: 2, nodeId: "n-1" }],
    ["semicolons and carriage returns", "nodeId;deviceId\r\nn-1;d-1\r\n", { line: 2, nodeId: "n-1" }],
    ["the columns of the failed lines", "deviceId,error,detail,advice\nd-1,E,it failed,try again\n", { line: 2 }],
    [
      "all columns",
      "appId,timeout,verifyCode,expectedNodeId,nodeId,deviceId\na,60,c,e,n,d-1\n",
      { line: 2, nodeId: "n", expectedNodeId: "e", verifyCode: "c", timeout: 60, appId: "a" },
    ],
  ])("with %s is read", async (_, text, device) => {
    expect(await devicesIn(text)).toEqual([{ deviceId: "d-1", ...device }]);
  });

  test("with carriage returns alone for line ends has a device in each line, and faults named by it", async () => {
    expect(await devicesIn("deviceId,nodeId\rd-1,n-1\rd-2,n-2\r")).toEqual([
      { line: 2, deviceId: "d-1", nodeId: "n-1" },
      { line: 3, deviceId: "d-2", nodeId: "n-2" },
    ]);
    expect(await faultsIn('deviceId\r"d-1"x\rd 2\r')).toEqual([
      `2: deviceId ""d-1"x" ${ownQuotes}`,
      expect.stringMatching(/^3: deviceId/),
    ]);
  });

  test("with a quote that is not closed is not kept in memory to its end", async () => {
    const rows = `device-1,urn:imei:1,,${"x".repeat(30)},60,\n`.repeat(100_000);
    const long = `has more than 65536 characters, and nothing after it was looked at`;
    expect(await faultsIn(`deviceId,nodeId\nd-1,"urn\n${rows}`, 65_536)).toEqual([`2: ${long}`]);
  });

  test("has its lines counted on through values that span several", async () => {
    const text = 'deviceId,nodeId\nd-1,"n\n\r\nn-1"\nd-2,"d\ne"\nd-3,n-3\n';
    const { devices, faults } = await inputOf(text);
    expect(devices).toEqual([{ line: 7, deviceId: "d-3", nodeId: "n-3" }]);
    expect(faults.map(({ line, message }) => [line, message])).toEqual([
      [2, 'nodeId "n???n-1" has a letter that cannot be seen (U+000A): type it afresh'],
      [5, 'nodeId "d?e" has a letter that cannot be seen (U+000A): type it afresh'],
    ]);
  });

  test.each([
    ["", ["1: holds no device"]],
    ["\n", ["1: holds no device"]],
    ["deviceId,nodeId\n\n", ["1: holds no device"]],
    ["nodeId\nn-1\nn-1\n", [noDevice]],
    ["deviceID\nd-1\n", [`1: has a column "deviceID", which is none of ${columns}`, noDevice]],
    ["deviceId,a;b\nd-1,n-1\n", [`1: has a column 2 of another name, which is none of ${columns}`]],
    ["nodeId,deviceId,nodeId,nodeId\n", ["1: has the column nodeId twice", "1: has the column nodeId twice"]],
    [
      "deviceId,nodeId\nd-1\nd-2,n-2,x\n,\n,n\n",
      [
        "2: has 1 field where the header has 2",
        "3: has 3 fields where the header has 2",
        `4: ${ghost}`,
        "5: deviceId is missing: cells that were merged hold it in their first line only",
      ],
    ],
    ['deviceId,nodeId\nd-1,"n-1', [`2: ${unclosed}`]],
  ])("that reads %j has these faults and no others", async (text, faults) => {
    expect(await faultsIn(text)).toEqual(faults);
  });
});

describe("a device", () => {
  test.each(["d", "...", ".d", "d.", "..d", "d..", "urn:imei:1", "gerät", "d-1_2~3", "a&b=c", "12e5", "x".repeat(256)])(
    "may be named %s",
    async (deviceId) => {
      expect(await devicesIn(`deviceId\n${deviceId}\n`)).toEqual([{ line: 2, deviceId }]);
    },
  );

  test.each([".", "..", "a b", "a/b", "a\\b", "a?b", "a#b", "a%b", "a\tb", "/a", "a/", "a\u00a0b", "ger\uFFFDt"])(
    "is never named %j, which would leave its place in a path",
    async (deviceId) => {
      const { devices, faults } = await inputOf(`deviceId\n"${deviceId}"\n`);
      expect(devices).toEqual([]);
      expect(faults).toMatchObject([{ line: 2, column: "deviceId" }]);
    },
  );

  test.each(["nodeId", "expectedNodeId", "verifyCode", "appId"])("has a %s of up to 256 characters", async (name) => {
    const longest = `ä ${"x".repeat(254)}`;
    expect(await devicesIn(`deviceId,${name}\nd-1,${longest}\n`)).toEqual([
      { line: 2, deviceId: "d-1", [name]: longest },
    ]);
    for (const odd of [`${longest}x`, "a\u0000b", "a\u0085b", "a\uFFFDb", "a\nb"]) {
      expect(await faultsIn(`deviceId,${name}\nd-1,"${odd}"\n`)).toEqual([
        expect.stringMatching(`^2: ${name}.*(has|must)`),
      ]);
    }
  });

  test.each(["0", "00060", "2147483647"])("may have a timeout of %s", async (timeout) => {
    expect(await devicesIn(`deviceId,timeout\nd-1,${timeout}\n`)).toMatchObject([{ timeout: Number(timeout) }]);
  });

  test.each(["2147483648", "9999999999", "00000000060", "-1", "+1", "1.5", "1e3", "0x1", "1 0", "x1", "1x"])(
    "has no timeout of %s",
    async (timeout) => {
      const { devices, faults } = await inputOf(`deviceId,timeout\nd-1,${timeout}\n`);
      const message = "timeout must be a whole number of seconds, 0 to 2147483647";
      expect([devices, faults]).toEqual([[], [{ line: 2, column: "timeout", message }]]);
    },
  );

  test("may share its appId, timeout and code with others, but neither its deviceId nor its nodeId", async () => {
    const shared = "deviceId,nodeId,expectedNodeId,verifyCode,timeout,appId\nd-1,,e,c,1,a\nd-2,,e,c,1,a\n";
    expect(await devicesIn(shared)).toHaveLength(2);
    expect(await faultsIn("deviceId,nodeId\nd-1,n-1\nd-2,n-1\nd-3,n-3\nd-2,n-1\n")).toEqual([
      '3: nodeId "n-1" is already on line 2',
      '5: deviceId "d-2" is already on line 3',
      '5: nodeId "n-1" is already on line 2',
    ]);
  });

  test("needs a nodeId or a code of its own where the nodeId is to be the code", async () => {
    const { devices, faults } = await inputOf("deviceId,nodeId,verifyCode\nd-1,n-1,\nd-2,,c\nd-3,,\n", 9, {
      code: "nodeId",
    });
    expect([devices.length, faults]).toEqual([
      2,
      [{ line: 4, column: "nodeId", message: "nodeId is missing, which is to be the code" }],
    ]);
  });
});

test("a million devices are a run, and what follows them is not looked at", async () => {
  const some = Buffer.from("{}\n".repeat(1_000));
  let pieces = 0;
  const million = async function* () {
    for (; pieces < 1_100; pieces += 1) yield some;
  };
  let last: FleetEntry | undefined;
  let count = 0;
  for await (const entries of readFleetInput(million())) {
    count += entries.length;
    last = entries.at(-1) ?? last;
  }
  // One for each, and what follows the last is not even asked for.
  expect([count, pieces]).toEqual([1_000_001, 1_000]);
  const message = "is more than the 1000000 devices that one run takes: make several runs";
  expect(last).toEqual({ kind: "fault", fault: { line: 1_000_001, message } });
});

test("values that a spreadsheet made alike are told once each, not as duplicates besides", async () => {
  const mangled = expect.stringContaining("8.63704E+14");
  expect(await faultsIn("deviceId,nodeId\nd-1,8.63704E+14\nd-2,8.63704E+14\n")).toEqual([mangled, mangled]);
  expect(await faultsIn("deviceId\n8.63704E+14\n8.63704E+14\n")).toEqual([mangled, mangled]);
});
