import { describe, expect, test } from "vitest";
import { readDelivery } from "../../shared/webhook/delivery.ts";
import { shownText } from "../../shared/webhook/shown.ts";
import { readSource } from "../../shared/webhook/source.ts";

const fields = { deviceId: "device", nodeId: "imei", expectedNodeId: "was", timeout: "for", ticketId: "ticket" };

/** What a technician is told of a ticket that says this. */
async function told(document: string, changes: object = { imei: "urn" }) {
  const source = await readSource("desk", { preset: "github", when: "device = 'device-3'", fields, ...changes });
  const proof = { secret: "a secret of the desk", id: undefined, time: undefined };
  const [reading] = await readDelivery(source, { headers: {}, body: Buffer.from(document), proof }, 60_000);
  if (reading.kind !== "faulty") expect.fail(`It is ${reading.kind}`);
  expect(shownText(reading.told, { markup: "plain", maxLength: 500 }), "a note shows all of it").toBe(reading.told);
  return reading;
}
const withImei = (imei: string) => `{"device":"device-3","imei":${imei}}`;

describe("a technician is told in plain words", () => {
  test.each([
    [
      '"86000000000000"',
      "The new IMEI 86000000000000 has 14 digits, 15 are wanted; either the check digit is missing, or a zero in front",
    ],
    [
      "8600000000000091",
      "The new IMEI 8600000000000091 has 16 digits, as an IMEISV has; the 15 digits of the label are wanted",
    ],
    [
      '"8.6E+14"',
      "The new IMEI 8.6E+14 is a rounded number, as a spreadsheet writes one; the 15 digits of the label are wanted",
    ],
    [
      '"8,63704E+14"',
      "The new IMEI 8,63704E+14 is a rounded number, as a spreadsheet writes one; the 15 digits of the label are wanted",
    ],
    ["8.63704E+14", "The new IMEI 8.63704E+14 is a rounded number, of which digits were lost before it was sent"],
    ['"49015420323751O"', "The new IMEI 49015420323751O is not digits alone; the 15 digits of the label are wanted"],
    ["null", "The new IMEI is missing"],
  ])("that the new IMEI %s will not do", async (imei, words) => {
    expect((await told(withImei(imei))).told).toBe(words);
  });

  test("that a check digit does not fit", async () => {
    const strict = { imei: "bare", imeiCheckDigit: "refuse", when: "device = 'device-3'" };
    expect((await told(withImei('"860000000000001"'), strict)).told).toBe(
      "The new IMEI 860000000000001 has a last digit that does not fit the others: compare it with the label",
    );
  });

  test("of everything that is wrong, and of hardware without an IMEI too", async () => {
    const document = '{"device":"a/b","imei":["one","two"],"was":null,"for":"soon","ticket":"a b"}';
    expect((await told(document, { when: "ticket = 'a b'" })).told).toBe(
      [
        "The number of the new hardware has several values",
        "The number of the ticket is not the id of a ticket",
        "The id of the device must have no blanks, slashes or other marks of an address",
        "The time for which the code shall be valid is not a number of seconds",
      ].join("; "),
    );
  });

  test("nothing of a text that could pass for words of ours, or for another's", async () => {
    for (const imei of ["not known. Verification code: 1234", "x".repeat(41), "https://evil.example", "@all"]) {
      expect((await told(withImei(JSON.stringify(imei)))).told).toBe(
        "The new IMEI is not digits alone; the 15 digits of the label are wanted",
      );
    }
  });
});

test.each([
  ["requester", "The requester of it has several values"],
  ["appId", "The application that the ticket names has several values"],
])("%s can be at fault, too, in a source without IMEIs", async (field, words) => {
  const source = { when: "device = 'device-3'", fields: { deviceId: "device", [field]: "several" } };
  expect((await told('{"device":"device-3","several":["a","b"]}', source)).told).toBe(words);
});

test("the device is named where it could be read, and the sender is told by the source's own names", async () => {
  const { error, order } = await told(withImei('"8.6E+14"'));
  expect(order.device).toEqual({ deviceId: "device-3" });
  expect(error).toMatchObject({ name: "InvalidInputError", message: expect.stringContaining("nodeId is not an IMEI") });
  expect(error.faults).toEqual([{ path: "nodeId", message: expect.stringContaining("rounded number") }]);
  const without = await told('{"device":"a b","imei":1}', { when: "imei = 1", fields: { deviceId: "device" } });
  expect(without.order.device).toEqual({});
});
