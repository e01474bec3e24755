import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fleetColumns, maxDevices, readFleetInput } from "../../shared/fleet/devices.ts";
import { devicesIn, faultsIn } from "./read-input.ts";

describe("a fleet's input", () => {
  test("is read from a CSV with quotes, semicolons, empty fields, any line ends and a byte order mark", () => {
    const text = '\uFEFFdeviceId;nodeId;timeout\r\nd-1;"urn:imei:1";600\r\n\r\nd-2;"a""b";\r\n';
    expect(readFleetInput(text)).toEqual({
      faults: [],
      devices: [
        { line: 2, deviceId: "d-1", nodeId: "urn:imei:1", timeout: 600 },
        { line: 4, deviceId: "d-2", nodeId: 'a"b' },
      ],
    });
  });

  test("is read from JSON lines", () => {
    const text = '{"deviceId":"d-1","nodeId":"n","timeout":0}\n{"deviceId":"d-2","appId":null}\n';
    expect(readFleetInput(text)).toEqual({
      faults: [],
      devices: [
        { line: 1, deviceId: "d-1", nodeId: "n", timeout: 0 },
        { line: 2, deviceId: "d-2" },
      ],
    });
  });

  test("with ten different faults has all ten named with their lines", () => {
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
    expect(readFleetInput(text).faults).toEqual([
      { line: 1, message: 'has a column "colour" that is unknown' },
      { line: 3, message: "deviceId is missing" },
      { line: 4, message: 'deviceId "../d-3" must have no blanks, slashes, %, ? or #' },
      { line: 5, message: 'deviceId "d-1" is already on line 2' },
      { line: 6, message: 'nodeId "n-1" is already on line 2' },
      { line: 7, message: "has 2 fields where the header has 4" },
      { line: 8, message: 'timeout "soon" must be a whole number of seconds' },
      { line: 9, message: "nodeId has more than 256 characters" },
      { line: 10, message: "nodeId has characters that are not text" },
      { line: 11, message: "has a quote that is not closed, or text after a closing quote" },
      { line: 13, message: "has a quote that is not closed, or text after a closing quote" },
    ]);
  });

  test("comes back from a CSV as it was written, whatever it holds", () => {
    const value = fc
      .string({ minLength: 1, maxLength: 20 })
      .map((text) => text.trim())
      .filter((text) => text !== "");
    fc.assert(
      fc.property(fc.uniqueArray(value, { minLength: 1, maxLength: 8 }), (nodeIds) => {
        const clean = nodeIds.filter((nodeId) => !/[\p{Cc}\p{Cs}\uFFFD]/u.test(nodeId));
        fc.pre(clean.length > 0);
        const text = `deviceId,nodeId\n${clean.map((nodeId, at) => `d-${at},"${nodeId.replaceAll('"', '""')}"`).join("\n")}`;
        const { devices, faults } = readFleetInput(text);
        expect(faults).toEqual([]);
        expect(devices.map(({ nodeId }) => nodeId)).toEqual(clean);
      }),
    );
  });

  test("of any bytes ends in devices or faults, each with a line of the input", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...fleetColumns, ",", '"', "\n", "\r\n", "{", "}", "x", ";")), (parts) => {
        const text = parts.join("");
        const { devices, faults } = readFleetInput(text);
        const lines = text.split("\n").length;
        expect(devices.length + faults.length).toBeGreaterThan(0);
        for (const { line } of [...devices, ...faults]) expect(line).toBeLessThanOrEqual(lines);
      }),
    );
  });
});

const unclosed = "has a quote that is not closed, or text after a closing quote";

describe("a CSV", () => {
  test.each([
    ["blanks around names and values", " deviceId , nodeId \n d-1 ,\tn-1 \n", { line: 2, nodeId: "n-1" }],
    ["no line end after the last line", "deviceId,nodeId\nd-1,n-1", { line: 2, nodeId: "n-1" }],
    ["an empty last field without a line end", "deviceId,nodeId\nd-1,", { line: 2 }],
    ["quoted names", '"deviceId","nodeId"\n"d-1","n-1"\n', { line: 2, nodeId: "n-1" }],
    ["lines without anything but blanks", "deviceId,nodeId\n\n  \nd-1,n-1\n \n", { line: 4, nodeId: "n-1" }],
    ["a separator and quotes inside quotes", 'deviceId,nodeId\nd-1,"a,""b"""\n', { line: 2, nodeId: 'a,"b"' }],
    ["nothing but two quotes for a value", 'deviceId,nodeId\nd-1,""\n', { line: 2 }],
    ["a quote in the middle of a value", 'deviceId,nodeId\nd-1,12"x\n', { line: 2, nodeId: '12"x' }],
    ["a byte order mark inside a value", "deviceId,nodeId\nd-1,a\uFEFFb\n", { line: 2, nodeId: "a\uFEFFb" }],
    ["braces in a value", "deviceId,nodeId\nd-1,{n}\n", { line: 2, nodeId: "{n}" }],
    ["semicolons in a value, where the header has commas", "deviceId,nodeId\nd-1,a;b\n", { line: 2, nodeId: "a;b" }],
    ["commas in a value, where the header has semicolons", "deviceId;nodeId\nd-1;a,b\n", { line: 2, nodeId: "a,b" }],
    ["semicolons and carriage returns", "nodeId;deviceId\r\nn-1;d-1\r\n", { line: 2, nodeId: "n-1" }],
    [
      "all columns",
      "appId,timeout,verifyCode,expectedNodeId,nodeId,deviceId\na,60,c,e,n,d-1\n",
      { line: 2, nodeId: "n", expectedNodeId: "e", verifyCode: "c", timeout: 60, appId: "a" },
    ],
  ])("with %s is read", (_, text, device) => {
    expect(devicesIn(text)).toEqual([{ deviceId: "d-1", ...device }]);
  });

  test("with carriage returns alone for line ends has a device in each line, and faults named by it", () => {
    expect(devicesIn("deviceId,nodeId\rd-1,n-1\rd-2,n-2\r")).toEqual([
      { line: 2, deviceId: "d-1", nodeId: "n-1" },
      { line: 3, deviceId: "d-2", nodeId: "n-2" },
    ]);
    expect(faultsIn('deviceId\r"d-1"x\rd 2\r')).toEqual([`2: ${unclosed}`, expect.stringMatching(/^3: deviceId/)]);
  });

  test("of the largest size with a quote that is not closed is told so", () => {
    const rows = Array.from(
      { length: 200_000 },
      (_, row) => `device-${row},urn:imei:${row},,${"x".repeat(30)},60,\n`,
    ).join("");
    const text = `deviceId,nodeId,expectedNodeId,verifyCode,timeout,appId\nd-1,"urn,,,,\n${rows}`;
    expect(text.length).toBeGreaterThan(12_000_000);
    expect(faultsIn(text)).toEqual([`2: ${unclosed}`]);
  });

  test("of one column has a device in each line, and no semicolon parts it", () => {
    expect(devicesIn("deviceId\nd-1\n\nd;2\n")).toEqual([
      { line: 2, deviceId: "d-1" },
      { line: 4, deviceId: "d;2" },
    ]);
  });

  test("has its lines counted on through values that span several", () => {
    const text = 'deviceId,nodeId\nd-1,"\n\r\nn-1"\nd-2,"d\ne"\nd-3,n-3\n';
    expect(readFleetInput(text)).toEqual({
      devices: [
        { line: 2, deviceId: "d-1", nodeId: "n-1" },
        { line: 7, deviceId: "d-3", nodeId: "n-3" },
      ],
      faults: [{ line: 5, message: "nodeId has characters that are not text" }],
    });
  });

  test.each([
    ["", ["1: holds no device"]],
    ["deviceId,nodeId\n\n", ["1: holds no device"]],
    ["\n", ['1: has a column "" that is unknown', "1: has no column deviceId"]],
    ["nodeId\nn-1\nn-1\n", ["1: has no column deviceId"]],
    ["deviceID\nd-1\n", ['1: has a column "deviceID" that is unknown', "1: has no column deviceId"]],
    ["deviceId,a;b\nd-1,n-1\n", ['1: has a column "a;b" that is unknown']],
    ["nodeId,deviceId,nodeId,nodeId\n", ["1: has the column nodeId twice", "1: has the column nodeId twice"]],
    [
      "deviceId,nodeId\nd-1\nd-2,n-2,x\n,\n",
      ["2: has 1 fields where the header has 2", "3: has 3 fields where the header has 2", "4: deviceId is missing"],
    ],
    ['deviceId,nodeId\n"d-1,n-1\nd-2,n-2,x\n', [`2: ${unclosed}`, "3: has 3 fields where the header has 2"]],
    ['deviceId,nodeId\n"d-1"x,n-1\n\n"d-2"x,n-2\n', [`2: ${unclosed}`, `4: ${unclosed}`]],
    ['deviceId,nodeId\nd-1,"n-1', [`2: ${unclosed}`]],
  ])("that reads %j has these faults and no others", (text, faults) => {
    expect(faultsIn(text)).toEqual(faults);
  });

  test("has the devices of its other lines read although some have faults", () => {
    const text = 'deviceId,timeout,colour\nd-1,60,\nd-2,soon,\nd-3\n"d-4"x,1,\nd-5,0,red\n';
    expect(readFleetInput(text).devices).toEqual([
      { line: 2, deviceId: "d-1", timeout: 60 },
      { line: 6, deviceId: "d-5", timeout: 0 },
    ]);
  });
});

describe("a device", () => {
  test.each(["d", "...", ".d", "d.", "..d", "d..", "urn:imei:1", "gerät", "d-1_2~3", "a&b=c", "x".repeat(256)])(
    "may be named %s",
    (deviceId) => {
      expect(devicesIn(`deviceId\n${deviceId}\n`)).toEqual([{ line: 2, deviceId }]);
    },
  );

  test.each([".", "..", "a b", "a/b", "a\\b", "a?b", "a#b", "a%b", "a\tb", "/a", "a/", "a\u00a0b", "ger\uFFFDt"])(
    "is never named %j, which would leave its place in a path",
    (deviceId) => {
      const { devices, faults } = readFleetInput(`deviceId\n"${deviceId}"\n`);
      const message = expect.stringMatching(/^deviceId ".+" must have no blanks, slashes, %, \? or #$/);
      expect([devices, faults]).toEqual([[], [{ line: 2, message }]]);
    },
  );

  test.each(["nodeId", "expectedNodeId", "verifyCode", "appId"])("has a %s of up to 256 characters of text", (name) => {
    const longest = `ä ${"x".repeat(254)}`;
    expect(devicesIn(`deviceId,${name}\nd-1,${longest}\n`)).toEqual([{ line: 2, deviceId: "d-1", [name]: longest }]);
    expect(faultsIn(`deviceId,${name}\nd-1,${longest}x\n`)).toEqual([`2: ${name} has more than 256 characters`]);
    for (const odd of ["a\u0000b", "a\u0085b", "a\uD800b", "a\uFFFDb", "a\nb"]) {
      expect(faultsIn(`deviceId,${name}\nd-1,"${odd}"\n`)).toEqual([`2: ${name} has characters that are not text`]);
    }
  });

  test("has a deviceId of 256 characters at most", () => {
    expect(faultsIn(`deviceId\n${"x".repeat(257)}\n`)).toEqual(["2: deviceId has more than 256 characters"]);
  });

  test.each(["0", "00060", "2147483647"])("may have a timeout of %s", (timeout) => {
    expect(devicesIn(`deviceId,timeout\nd-1,${timeout}\n`)).toMatchObject([{ timeout: Number(timeout) }]);
  });

  test.each(["2147483648", "9999999999", "00000000060", "-1", "+1", "1.5", "1e3", "0x1", "1 0", "x1", "1x"])(
    "has no timeout of %s",
    (timeout) => {
      const { devices, faults } = readFleetInput(`deviceId,timeout\nd-1,${timeout}\n`);
      const message = `timeout "${timeout}" must be a whole number of seconds`;
      expect([devices, faults]).toEqual([[], [{ line: 2, message }]]);
    },
  );

  test("is quoted in a fault by its first forty characters, with a question mark for what cannot be shown", () => {
    const start = `a\u0007\u200b${"x".repeat(37)}`;
    expect(faultsIn(`deviceId\n${start}yyy\n`)).toEqual([
      `2: deviceId "a??${"x".repeat(37)}" must have no blanks, slashes, %, ? or #`,
    ]);
    expect(faultsIn(`deviceId,timeout\nd-1,${"9".repeat(257)}\n`)).toEqual([
      `2: timeout "${"9".repeat(40)}" must be a whole number of seconds`,
    ]);
  });

  test("may share its appId, timeout and code with others, but neither its deviceId nor its nodeId", () => {
    expect(
      devicesIn("deviceId,nodeId,expectedNodeId,verifyCode,timeout,appId\nd-1,,e,c,1,a\nd-2,,e,c,1,a\n"),
    ).toHaveLength(2);
    expect(faultsIn("deviceId,nodeId\nd-1,n-1\nd-2,n-1\nd-3,n-3\nd-2,n-1\n")).toEqual([
      '3: nodeId "n-1" is already on line 2',
      '5: deviceId "d-2" is already on line 3',
      '5: nodeId "n-1" is already on line 2',
    ]);
  });
});

test("two hundred thousand devices are a run, and one more is too many", () => {
  const csvOf = (count: number) => `deviceId\n${Array.from({ length: count }, (_, at) => `d-${at}\n`).join("")}`;
  expect(maxDevices).toBe(200_000);
  expect(devicesIn(csvOf(maxDevices))).toHaveLength(maxDevices);
  expect(faultsIn(csvOf(maxDevices + 1))).toEqual(["200000: holds more than 200000 devices"]);
});
