import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fleetColumns, readFleetInput } from "../../shared/fleet/devices.ts";

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

  test.each([
    ["no column deviceId", "nodeId\nn-1\n", { line: 1, message: "has no column deviceId" }],
    ["nothing at all", "", { line: 1, message: "holds no device" }],
    ["a header only", "deviceId\n", { line: 1, message: "holds no device" }],
    ["a column twice", "deviceId,deviceId\nd,d\n", { line: 1, message: "has the column deviceId twice" }],
    ["a line that is not JSON", '{"deviceId":"d"}\n{oops\n', { line: 2, message: "is not JSON" }],
    ["a field of another type", '{"deviceId":"d","nodeId":7}\n', { line: 1, message: "nodeId must be a text" }],
  ])("with %s is refused", (_, text, fault) => {
    expect(readFleetInput(text).faults).toContainEqual(fault);
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
