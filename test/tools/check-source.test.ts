import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let folder: string;
const secrets = ["the desk's own secret"];
const ticket = { system: "zendesk", baseUrl: "https://acme.zendesk.com", user: "u", token: "a-token-of-ours" };
const fields = {
  deviceId: "ticket.device",
  nodeId: "ticket.imei",
  ticketId: "ticket.id",
  requester: "$trim(ticket.by)",
  timeout: "3600",
};
const desk = { preset: "zendesk", secrets, fields, imei: "urn", when: "ticket.status = 'solved'", ticket };
const sources = {
  desk,
  agent: { ...desk, when: undefined, imei: undefined, code: "nodeId" },
  broken: { ...desk, fields: { ...fields, requester: "$trim((" }, preset: "zendesk" },
  malformed: { ...desk, limit: 7 },
};
const solved = { id: 7, status: "solved", device: "meter-1", imei: "49 015420 323751 8", by: " Ines " };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rekey-check-source-"));
  await writeFile(join(folder, "sources.json"), `\uFEFF${JSON.stringify(sources)}`);
});
afterAll(() => rm(folder, { recursive: true }));

interface Run {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

async function check(source: string, payload: unknown, ...more: string[]): Promise<Run> {
  const file = join(folder, "payload.json");
  await writeFile(file, typeof payload === "string" ? payload : JSON.stringify(payload));
  return run(join(folder, "sources.json"), source, file, ...more);
}

/** What is said of a payload by a source of its own. */
async function checked(source: object, payload: unknown): Promise<Run> {
  const file = join(folder, "own.json");
  await writeFile(file, JSON.stringify({ own: source }));
  const delivery = join(folder, "payload.json");
  await writeFile(delivery, JSON.stringify(payload));
  return run(file, "own", delivery);
}

function warningsIn(output: string): string[] {
  return output.split("\n").flatMap((line) => /^warning +(.*)/.exec(line)?.[1] ?? []);
}

function run(...parameters: string[]): Promise<Run> {
  const program = join(import.meta.dirname, "../../tools/check-source.ts");
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...parameters], (error, output, errors) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, output, errors });
    });
  });
}

describe("check-source", () => {
  test("shows what is found and where, what is sent in its very form, and the note", async () => {
    const { code, output, errors } = await check("desk", { ticket: solved });
    expect([code, errors]).toEqual([0, ""]);
    for (const line of [
      "condition       holds: ticket.status = 'solved'",
      "found           deviceId: meter-1 (at ticket.device)",
      "                nodeId: 49 015420 323751 8 (at ticket.imei)",
      "                requester: Ines (at $trim(ticket.by))",
      "would do        re-key this device",
      "sent            deviceId: meter-1",
      "                nodeId: urn:imei:490154203237518",
      "                verifyCode: derived of the operation",
      "                timeout: 3600 s",
      "note to         ticket 7 on zendesk",
      "its note        Device meter-1 is re-keyed for urn:imei:490154203237518.",
    ]) {
      expect(output.split("\n")).toContain(line);
    }
    expect(output).not.toContain("warning");
    expect(output).not.toMatch(/own secret|a-token-of-ours/);
  });

  test("warns of a check digit that does not fit", async () => {
    const { code, output } = await check("desk", { ticket: { ...solved, imei: "490154203237519" } });
    expect([code, output]).toEqual([0, expect.stringMatching(/^warning {9}The IMEI's last digit does not fit/m)]);
  });

  test.each([
    ["'180'", 180],
    ["'3599'", 3599],
    [undefined, 180],
    ["'3600'", undefined],
    ["'0'", undefined],
  ])("warns of a note whose code a timeout of %s may end before it is read", async (timeout, seconds) => {
    const { code, output } = await checked({ ...desk, fields: { ...fields, timeout } }, { ticket: solved });
    const words = `the code ends ${seconds} s after it was made, maybe before anybody reads the note: give fields.timeout, "3600" or more`;
    expect([code, warningsIn(output)]).toEqual([0, seconds === undefined ? [] : [words]]);
    if (timeout === undefined) expect(output).toContain("timeout: the platform's own (180 s)\n");
  });

  test("warns of an ack of which no ticket tells the code, unless that is the nodeId", async () => {
    const { ticket: _, ...mute } = { ...desk, fields: { ...fields, timeout: undefined } };
    const { code, output } = await checked(mute, { ticket: solved });
    const words =
      "nobody is told the code: configure `ticket`, or ask refreshDeviceKey for it with the operation id as Idempotency-Key";
    expect([code, warningsIn(output)]).toEqual([0, [words]]);
    for (const told of [{ reply: "result" }, { code: "nodeId" }]) {
      const { output: without } = await checked({ ...mute, ...told }, { ticket: solved });
      expect(warningsIn(without)).toEqual([]);
    }
  });

  test("warns of what was an IMEI once, where the source does not say that it is one", async () => {
    const almost = ["8.6E+14", "8,63704E+14", "8.63704e14", "49015420323751", "4901542032375180", "490154203237519"];
    const others = ["490154203237518", "urn:imei:490154203237518", "a1", "4901542032375", "49015420323751801", "1E+2"];
    const send = async (imeis: readonly string[], changes: object) => {
      const events = imeis.map((imei) => ({ ticket: { ...solved, imei } }));
      return checked({ ...desk, imei: undefined, ...changes }, events);
    };
    const { code, output } = await send([...almost, "urn:imei:490154203237519", ...others], {});
    const words = (imei: string) =>
      `${imei} looks like an IMEI that is not one: give \`imei\`, so that the ticket is told`;
    expect([code, warningsIn(output)]).toEqual([0, [...almost, "urn:imei:490154203237519"].map(words)]);
    // With it, the ticket is told.
    const { code: refused, output: told } = await send(["8.6E+14"], { imei: "bare" });
    expect([refused, warningsIn(told)]).toEqual([1, []]);
    expect(told).toContain("its note        Device meter-1 is not re-keyed: The new IMEI 8.6E+14 is a rounded number");
  });

  test("shows a code that is the nodeId", async () => {
    const { output } = await check("agent", { ticket: { ...solved, imei: "a1" } });
    expect(output).toContain("verifyCode: the nodeId itself\n");
    expect(output).toContain("Verification code: a1\n");
  });

  test("says which place found nothing, and ends with 1 where the delivery is refused", async () => {
    const { code, output } = await check("desk", { ticket: { ...solved, imei: null } });
    expect(code).toBe(1);
    expect(output).toContain("nodeId: nothing (at ticket.imei)\n");
    expect(output).toContain("would do        refuse it, and tell the ticket\n");
    expect(output).toContain("because         The delivery is not valid: nodeId is missing\n");
    expect(output).toContain("note to         ticket 7 on zendesk\n");
    expect(output).toContain("its note        Device meter-1 is not re-keyed: The new IMEI is missing.\n");
    expect(output).not.toContain("warning");
  });

  test("says of a mistyped path where it breaks off and what is there, and ends with 1, though the answer is a 204", async () => {
    const lines = (output: string) => output.split("\n").filter((line) => line.startsWith("warning"));
    const plain = { ...desk, when: undefined };
    const paths: [object, object, string][] = [
      [
        plain,
        { nodeId: "ticket.imie" },
        "nodeId: nothing is at ticket.imie, for ticket has no imie; it has id, device, imei, by",
      ],
      [
        plain,
        { deviceId: "tiket.device" },
        "deviceId: nothing is at tiket.device, for the payload has no tiket; it has ticket, list",
      ],
      [
        plain,
        { nodeId: "list[name='imei'].value" },
        "nodeId: nothing is at list[name='imei'].value, for list has no [name='imei']; it has IMEI, of",
      ],
      [
        plain,
        { nodeId: "ticket.imei.value" },
        "nodeId: nothing is at ticket.imei.value, for ticket.imei has no value; it has no keys",
      ],
      [plain, { ticketId: "id" }, "ticketId: nothing is at id, for the payload has no id; it has ticket, list"],
      [
        { ...desk, when: "tickt.status = 'solved'" },
        {},
        "condition: nothing is at tickt.status, for the payload has no tickt; it has ticket, list",
      ],
    ];
    const all = paths.map(([source, changed], at) => [`path-${at}`, { ...source, fields: { ...fields, ...changed } }]);
    const file = join(folder, "paths.json");
    await writeFile(file, JSON.stringify(Object.fromEntries(all)));
    const payload = join(folder, "ticket.json");
    const list = [{ name: "IMEI", value: "1" }, { name: "of" }];
    await writeFile(payload, JSON.stringify({ ticket: { id: 7, device: "d", imei: "1", by: "Ines" }, list }));
    for (const [at, [, , words]] of paths.entries()) {
      const { code, output } = await run(file, `path-${at}`, payload);
      expect([code, lines(output)]).toEqual([1, [`warning         ${words}`]]);
    }
  });

  test("of a ticket that is not filled in yet has nothing to say, and ends with 0", async () => {
    const file = join(folder, "plain.json");
    await writeFile(file, JSON.stringify({ desk: { ...desk, when: undefined } }));
    const payload = join(folder, "empty.json");
    for (const empty of [null, "", false, []]) {
      await writeFile(payload, JSON.stringify({ ticket: { ...solved, imei: empty } }));
      const { code, output } = await run(file, "desk", payload);
      expect([code, output]).toEqual([0, expect.stringContaining("nothing (no nodeId); the answer is 204\n")]);
      expect(output).not.toContain("warning");
    }
  });

  test("ends with 0 where the delivery is none of the source's business", async () => {
    const { code, output } = await check("desk", { ticket: { ...solved, status: "open" } });
    expect(code).toBe(0);
    expect(output).toContain("condition       does not hold: ticket.status = 'solved'\n");
    expect(output).toContain("would do        nothing (the condition does not hold); the answer is 204\n");
  });

  test("shows each event of several", async () => {
    const { code, output } = await check("desk", [{ ticket: solved }, { ticket: { ...solved, imei: "x" } }]);
    expect(code).toBe(1);
    expect(output).toMatch(/event {11}1 of 2\n[\s\S]*re-key this device[\s\S]*event {11}2 of 2\n[\s\S]*is not an IMEI/);
  });

  test("writes no character that a terminal would act upon", async () => {
    const { output } = await check("agent", {
      ticket: { ...solved, device: "\u001b[2Jm\u009b1", imei: "\u202ea\u0007" },
    });
    expect(output).toContain("\\u{1b}[2Jm\\u{9b}1");
    expect(output).toContain("\\u{202e}a\\u{7}");
    expect(output.replaceAll("\n", "")).toMatch(/^\P{C}*$/u);
  });

  test.each([
    [
      "a payload that is no JSON",
      "desk",
      "deviceId=1",
      /payload\.json: The delivery is not valid: the body is not JSON/,
    ],
    ["no such source", "nobody", {}, /sources\.json has no source "nobody"; it has desk, agent, broken, malformed/],
    [
      "an expression that cannot be compiled",
      "broken",
      {},
      /sources\.json, source "broken": .*fields\.requester The expression/,
    ],
    ["a field that there is not", "malformed", {}, /sources\.json, source "malformed": .*limit is unknown/],
  ])("of %s names the file, and ends with 1", async (_, source, payload, words) => {
    const { code, output, errors } = await check(source, payload);
    expect([code, errors]).toEqual([1, expect.stringMatching(words)]);
    expect(output + errors).not.toMatch(/own secret|a-token-of-ours|re-key/);
  });

  test("of files that are not there or no JSON names them, and quotes nothing", async () => {
    expect(await run(join(folder, "none.json"), "desk", "x")).toMatchObject({
      ...{ code: 1, errors: expect.stringMatching(/none\.json cannot be read: ENOENT\n$/) },
    });
    expect(await run(join(folder, "sources.json"), "desk", join(folder, "none.json"))).toMatchObject({
      ...{ code: 1, errors: expect.stringMatching(/none\.json cannot be read: ENOENT\n$/) },
    });
    await writeFile(join(folder, "half.json"), '{"desk":{"secrets":["a secret of ours"],\n}}');
    const { code, errors } = await run(join(folder, "half.json"), "desk", "x");
    expect([code, errors]).toEqual([1, expect.stringMatching(/half\.json is not JSON: see line 2 column 1\n$/)]);
    expect(await run()).toMatchObject({ code: 2, errors: expect.stringMatching(/^Usage: npm run check-source/) });
  });
});
