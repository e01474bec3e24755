import { describe, expect, test } from "vitest";
import { type Reading, readDelivery } from "../../shared/webhook/delivery.ts";
import { readSource } from "../../shared/webhook/source.ts";

// Payloads that were misread once, each with others of its kind, and what has to come of them.

const fields = { deviceId: "device", nodeId: "imei", ticketId: "ticket" };
const proof = { secret: "a secret of the desk", id: undefined, time: undefined };

/** The hardware that is sent, what is refused in which words, or that nothing is done. */
async function outcome(text: string | Uint8Array, changes: object = {}): Promise<string> {
  const source = await readSource("desk", { preset: "github", fields, ...changes });
  const readings = await readDelivery(source, { headers: {}, body: Buffer.from(text), proof }, 60_000);
  return readings.map(outcomeOf).join("; ");
}

function outcomeOf(reading: Reading): string {
  if (reading.kind === "ignored") return `ignored: ${reading.reason}`;
  if (reading.kind === "faulty") return reading.error.message.replace("The delivery is not valid: ", "told: ");
  return reading.order.device.nodeId ?? "";
}
const of = (imei: string) => `{"device":"d1","imei":${imei}}`;

describe("a number beyond 2^53", () => {
  const lost =
    "told: nodeId is a rounded number, of which digits were lost before it was sent: it has to be sent as a text";
  test.each([
    ["89860117801234567894", "89860117801234567894"],
    ["9007199254740993", "9007199254740993"],
    ["[89860117801234567894]", "89860117801234567894"],
    ['"89860117801234567894"', "89860117801234567894"],
    ["00", "the body is not JSON"],
    ["8.9860117801234567894E19", lost],
    ["8.63704E+14", lost],
    ["89860117801234567894.0", lost],
    ["863704012345678.0", "863704012345678"],
    ["8.63704012345678E14", "863704012345678"],
  ])("%s: %s", async (imei, expected) => {
    for (const nodeId of ["imei", "imei[0]", "$$.imei"]) {
      const read = outcome(of(imei), { fields: { ...fields, nodeId } });
      if (expected.startsWith("the body")) await expect(read).rejects.toThrow(expected);
      else expect(await read).toBe(expected);
    }
  });
});

describe("what is no IMEI", () => {
  const wanted = "the 15 digits of the label are wanted";
  const letters = `told: nodeId is not an IMEI: it is not digits alone; ${wanted}`;
  const rounded = `told: nodeId is not an IMEI: it is a rounded number, as a spreadsheet writes one; ${wanted}`;
  test.each([
    ['"8.63704E+14"', rounded],
    ['"8.6E+14"', rounded],
    ['"not known"', letters],
    ['"{{ticket.cf_imei}}"', letters],
    ['"n/a"', letters],
    ['"490154203237518 / 01"', letters],
    ['"4901 5420 3237 518"', "urn:imei:490154203237518"],
    ['"\\u200e490154203237518"', "urn:imei:490154203237518"],
    ["490154203237518", "urn:imei:490154203237518"],
    [
      "49015420323751",
      "told: nodeId is not an IMEI: it has 14 digits, 15 are wanted; either the check digit is missing, or a zero in front",
    ],
    ["89860117801234567894", "told: nodeId is not an IMEI: it has 20 digits, 15 are wanted"],
    ["0", "told: nodeId is not an IMEI: it has 1 digit, 15 are wanted"],
    [
      "8.63704E+14",
      "told: nodeId is a rounded number, of which digits were lost before it was sent: it has to be sent as a text",
    ],
  ])("%s: %s", async (imei, expected) => expect(await outcome(of(imei), { imei: "urn" })).toBe(expected));

  test("and whose check digit does not fit is sent, unless the source says otherwise", async () => {
    const text = of('"490154203237519"');
    expect(await outcome(text, { imei: "bare" })).toBe("490154203237519");
    expect(await outcome(text, { imei: "bare", imeiCheckDigit: "tell" })).toBe("490154203237519");
    expect(await outcome(text, { imei: "bare", imeiCheckDigit: "refuse" })).toBe(
      "told: nodeId has a last digit that does not fit the others: compare it with the label",
    );
    expect(await outcome(of('"490154203237518"'), { imei: "bare", imeiCheckDigit: "refuse" })).toBe("490154203237518");
  });
});

describe("a text that is nothing", () => {
  const source = {
    when: 'action = "labeled"',
    fields: {
      deviceId: "$match(issue.body, /Device: *(\\S+)/)[0].groups[0]",
      nodeId: "$match(issue.body, /IMEI: *(\\d{15})/)[0].groups[0]",
      ticketId: "issue.number",
    },
  };
  const missing = "told: deviceId is missing; nodeId is missing";
  test.each([
    ["null", missing],
    ["false", missing],
    ['""', missing],
    ['" "', missing],
    ["undefined", missing],
    ['"Device: d1"', "told: nodeId is missing"],
    ['"Device: d1\\nIMEI: 490154203237518"', "490154203237518"],
    // A number and a list are not searched: that the source's author has to know.
    ['["Device: d1"]', "told: deviceId cannot be read: a function is given a value of another type"],
    ["7", "told: deviceId cannot be read: a function is given a value of another type than it takes (JSONata T0410 at"],
  ])("in an issue's body that is %s: %s", async (body, expected) => {
    const member = body === "undefined" ? "" : `,"body":${body}`;
    const text = `{"action":"labeled","issue":{"number":7${member}}}`;
    expect((await outcome(text, source)).slice(0, expected.length)).toBe(expected);
    // Without a condition it may be none of our business.
    const { when: _, ...always } = source;
    if (expected === missing) expect(await outcome(text, always)).toBe("ignored: no deviceId");
  });

  test.each(["null", "false", '" "', "[]", "[false, null]", '["", []]'])("at a plain path that is %s", async (imei) => {
    expect(await outcome(of(imei))).toBe("ignored: no nodeId");
    expect(await outcome(of(imei), { when: "device = 'd1'" })).toBe("told: nodeId is missing");
  });
});

describe("a list at a plain path", () => {
  test.each([
    ['{"device":"d1","imei":["1"]}', "1"],
    ['{"device":"d1","imei":["1","2"]}', "told: nodeId has several values"],
    ['{"device":["d1"],"imei":"1"}', "1"],
    ['{"device":["d1","d2"],"imei":"1"}', "told: deviceId has several values"],
    ['{"device":"d1","imei":[["1"],[]]}', "1"],
    ['{"device":"d1","imei":[{"value":"1"}]}', "told: nodeId is not a text or a number"],
  ])("%s: %s", async (text, expected) => {
    expect(await outcome(text)).toBe(expected);
    const engines = { deviceId: "$$.device", nodeId: "$$.imei" };
    expect(await outcome(text, { fields: engines })).toBe(expected);
  });

  test("is led through", async () => {
    const text = '{"cf":[{"id":1,"v":"d1"},{"id":2,"v":"1"}],"item":[{"imei":"1"}]}';
    expect(await outcome(text, { fields: { deviceId: "cf[id=1].v", nodeId: "cf[id=2].v" } })).toBe("1");
    expect(await outcome(text, { fields: { deviceId: "cf[0].v", nodeId: "item.imei" } })).toBe("1");
    expect(await outcome(text, { fields: { deviceId: "cf.v" } })).toBe("told: deviceId has several values");
  });
});

describe("bytes before the JSON", () => {
  test.each([
    ["\uFEFF", "1"],
    [" \n\t", "1"],
    ["\uFEFF \r\n", "1"],
  ])("%j are forgiven", async (before, expected) => expect(await outcome(`${before}${of('"1"')}`)).toBe(expected));

  test.each(["\uFEFF\uFEFF", "x", ")]}',\n", "\u0000", "\u00a0"])("%j are not", async (before) => {
    await expect(outcome(`${before}${of('"1"')}`)).rejects.toThrow("the body is not JSON");
  });

  test.each([
    ["UTF-16", Buffer.from(`\uFEFF${of('"1"')}`, "utf16le")],
    ["Latin-1", Buffer.from(of('"ä"'), "latin1")],
  ])("that make it %s are told", async (_, bytes) => {
    await expect(outcome(bytes)).rejects.toThrow("the body is not UTF-8");
  });
});

describe("several events in one delivery", () => {
  const cf = (device: unknown, imei: unknown) => ({ payload: { cf: { cf_device: device, cf_imei: imei } } });
  const source = { fields: { deviceId: "payload.cf.cf_device", nodeId: "payload.cf.cf_imei", deliveryId: "id" } };
  const two = [cf("d1", "860000000000001"), cf("d2", "860000000000002")];

  test.each([
    ["two", two, "860000000000001; 860000000000002"],
    ["one in a list", two.slice(0, 1), "860000000000001"],
    ["none", [], "ignored: no event"],
    ["one of ours and another's", [{ payload: {} }, two[1]], "ignored: no deviceId; 860000000000002"],
    ["one that is faulty", [cf("d1", ["1", "2"]), two[1]], "told: nodeId has several values; 860000000000002"],
    ["what are no events", [1, null, "x"], "ignored: no deviceId; ignored: no deviceId; ignored: no deviceId"],
    ["two that are equal", [two[0], two[0]], "860000000000001; 860000000000001"],
    ["a hundred", Array.from({ length: 100 }, () => two[0]), Array(100).fill("860000000000001").join("; ")],
  ])("%s: each is read for itself", async (_, events, expected) => {
    const text = JSON.stringify(events);
    expect(await outcome(text, source)).toBe(expected);
    const engines = { deviceId: "$$.payload.cf.cf_device", nodeId: "$$.payload.cf.cf_imei" };
    expect(await outcome(text, { fields: engines })).toBe(expected);
  });

  test("whose condition holds for one of them: that one", async () => {
    const text = JSON.stringify(two);
    const expected = "ignored: the condition does not hold; 860000000000002";
    expect(await outcome(text, { ...source, when: 'payload.cf.cf_device = "d2"' })).toBe(expected);
    expect(await outcome(text, { ...source, when: '$contains(payload.cf.cf_device, "2")' })).toBe(expected);
  });

  test("beyond a hundred are refused, with words", async () => {
    const text = JSON.stringify(Array.from({ length: 101 }, () => two[0]));
    await expect(outcome(text, source)).rejects.toThrow("the body holds 101 events, not 100 at most");
  });

  test("are refused whole where the answer tells the code, but for those that are none of ours", async () => {
    const result = { ...source, reply: "result" };
    const words = "the body holds 2 events, and the answer can tell of one only";
    await expect(outcome(JSON.stringify(two), result)).rejects.toThrow(words);
    expect(await outcome(JSON.stringify([{}, two[1]]), result)).toBe("ignored: no deviceId; 860000000000002");
  });

  test("that lie in the payload, and not beside each other, are refused with words", async () => {
    const text = JSON.stringify({ events: two });
    const places = { deviceId: "events.payload.cf.cf_device", nodeId: "events.payload.cf.cf_imei" };
    expect(await outcome(text, { fields: places })).toBe(
      "told: deviceId has several values; nodeId has several values",
    );
  });

  const idsOf = async (events: readonly object[]) => {
    const read = await readSource("desk", { preset: "github", ...source });
    const body = Buffer.from(JSON.stringify(events));
    const readings = await readDelivery(read, { headers: {}, body, proof }, 60_000);
    return readings.map((reading) => (reading.kind === "ignored" ? "" : reading.order.operationId));
  };

  test("are an operation each, the same ones when the delivery is repeated", async () => {
    const ids = await idsOf(two);
    expect(new Set(ids).size).toBe(2);
    expect(await idsOf(two)).toEqual(ids);
    expect(new Set(await idsOf([two[0] ?? {}, two[0] ?? {}])).size).toBe(2);
  });

  test("keep the name that the source gives them, in whatever company they come, and share none", async () => {
    const [one, other] = [
      { ...two[0], id: "a" },
      { ...two[1], id: "b" },
    ];
    const [idOfOne, idOfOther] = await idsOf([one, other]);
    expect(await idsOf([other, one])).toEqual([idOfOther, idOfOne]);
    expect(await idsOf([other])).toEqual([idOfOther]);
    expect(new Set(await idsOf([one, { ...other, id: "a" }])).size).toBe(2);
  });
});
