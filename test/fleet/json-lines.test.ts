import { describe, expect, test } from "vitest";
import { readFleetInput } from "../../shared/fleet/input.ts";
import { devicesIn, faultsIn, inputOf } from "./read-input.ts";

describe("JSON lines", () => {
  test("may begin with a byte order mark or with empty lines, and may have others between them", async () => {
    const text = '\uFEFF\n  \n {"deviceId":"d-1"}\r\n\r\n\t\n{"deviceId":"d-2"}';
    expect(await devicesIn(text)).toEqual([
      { line: 3, deviceId: "d-1" },
      { line: 6, deviceId: "d-2" },
    ]);
  });

  test("may have all fields, a timeout as a number or as digits, and null for nothing", async () => {
    const all = { deviceId: "d-1", nodeId: "n", expectedNodeId: "e", verifyCode: "c", timeout: 60, appId: "a" };
    const none = { deviceId: "d-2", nodeId: null, expectedNodeId: null, verifyCode: null, timeout: null, appId: null };
    const text = [all, none, { deviceId: "d-3", timeout: "60" }].map((value) => JSON.stringify(value)).join("\n");
    expect(await devicesIn(text)).toEqual([
      { line: 1, ...all },
      { line: 2, deviceId: "d-2" },
      { line: 3, deviceId: "d-3", timeout: 60 },
    ]);
  });

  test.each([
    ["[]", "is not a JSON object"],
    ["null", "is not a JSON object"],
    ["7", "is not a JSON object"],
    ['"d-2"', "is not a JSON object"],
    ["d-2", "is not JSON"],
    ['{"deviceId":"d-2"', "is not JSON"],
    ["{}", "deviceId is missing"],
    ['{"deviceId":""}', "deviceId is missing"],
    ['{"deviceId":null}', "deviceId is missing"],
    [
      '{"deviceId":"d-2","colour":"red"}',
      'has a field "colour", which is none of deviceId, nodeId, expectedNodeId, verifyCode, timeout, appId',
    ],
    [
      '{"deviceId":"d-2","__proto__":{}}',
      'has a field "__proto__", which is none of deviceId, nodeId, expectedNodeId, verifyCode, timeout, appId',
    ],
    ['{"deviceId":"d-2","appId":["a"]}', "appId must be a text"],
    ['{"deviceId":"d-2","nodeId":""}', "nodeId is empty"],
    ['{"deviceId":"d-2","verifyCode":123456}', "verifyCode must be a text"],
    ['{"deviceId":"d-2","timeout":true}', "timeout must be a text"],
    ['{"deviceId":"d-2","timeout":1.5}', "timeout must be a whole number of seconds, 0 to 2147483647"],
    ['{"deviceId":"d-2","timeout":""}', "timeout is empty"],
    ['{"deviceId":"d-1"}', 'deviceId "d-1" is already on line 1'],
  ])("with %s as the second line have this one fault", async (second, message) => {
    const text = `{"deviceId":"d-1"}\n${second}\n{"deviceId":"d-3"}\n`;
    const { devices, faults } = await inputOf(text);
    expect(faults).toMatchObject([{ line: 2, message }]);
    expect(devices).toContainEqual({ line: 1, deviceId: "d-1" });
    expect(devices).toContainEqual({ line: 3, deviceId: "d-3" });
  });

  test("without a deviceId are not taken for the same device", async () => {
    expect(await faultsIn('{"deviceId":""}\n{"deviceId":""}\n')).toEqual([
      "1: deviceId is missing",
      "2: deviceId is missing",
    ]);
  });

  test.each([1_000, 65_536, 1_000_000])(
    "of any length, read in pieces of %d bytes, are held as far as one may be long",
    async (pieceBytes) => {
      const long = (characters: number) => `{"deviceId":"d-2","x":"${"y".repeat(characters - 25)}"}`;
      expect(long(65_536)).toHaveLength(65_536);
      for (const [second, message] of [
        [long(65_536), expect.stringContaining('has a field "x"')],
        [long(65_537), "has more than 65536 characters"],
        [long(300_000), "has more than 65536 characters"],
      ]) {
        for (const end of ["", "\n", '\n{"deviceId":"d-3"}\n']) {
          const { devices, faults } = await inputOf(`{"deviceId":"d-1"}\n${second}${end}`, pieceBytes);
          expect(faults).toEqual([{ line: 2, message }]);
          expect(devices.map(({ line }) => line)).toEqual(end.includes("d-3") ? [1, 3] : [1]);
        }
      }
    },
  );

  test("that never end are told of before they are read to their end", async () => {
    let pieces = 0;
    const endless = async function* () {
      yield Buffer.from('{"deviceId":"d-1"}\n{"deviceId":"');
      for (; pieces < 1_000; pieces += 1) yield Buffer.alloc(10_000, "d");
    };
    for await (const entries of readFleetInput(endless())) if (entries.some(({ kind }) => kind === "fault")) break;
    expect(pieces).toBeLessThan(10);
  });
});
