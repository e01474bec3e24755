import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTicketDesk, type TicketDesk, ticketApiOf } from "../../local/ticket-desk/desk.ts";
import { senders } from "../../local/ticket-desk/senders.ts";
import { RekeyError } from "../../shared/errors.ts";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { writeNote } from "../../shared/webhook/notes.ts";
import { baseUrlOf, lookUpOf, mayHoldCode, noteRequests, ticketApi } from "../../shared/webhook/ticket-api.ts";
import { ticketIdAdvice } from "../../shared/webhook/ticket-ids.ts";
import { ticketSystems } from "../../shared/webhook/ticket-systems.ts";

let desk: TicketDesk;
beforeAll(async () => {
  desk = await startTicketDesk();
});
afterAll(() => desk.close());

const ticketIds: Readonly<Record<string, string>> = {
  jira: "FIELD-18",
  ...Object.fromEntries(Object.values(senders).map(({ system, ticketId }) => [system, ticketId])),
};
const apiOf = (system: string, changes: object = {}) => ticketApi.parse({ ...ticketApiOf(desk, system), ...changes });
const within = (milliseconds: number) => deadlineIn(milliseconds, systemClock);
/** Those that list the newest first: their latest hundred notes are searched. */
const newestOnly: readonly string[] = ["zendesk", "jira", "servicenow"];
let notes = 0;

async function write(system: string, changes: object = {}, milliseconds = 5_000) {
  const ticketId = ticketIds[system] ?? "1";
  desk.open(system, ticketId);
  notes += 1;
  const operationId = `operation-${notes}`;
  const text = `First line\nReference: ${operationId}`;
  const note = { ticketId, operationId, text };
  return { note, write: () => writeNote(apiOf(system, changes), note, within(milliseconds)) };
}

const failure = async (work: Promise<unknown>) =>
  work.then(
    () => "written",
    (error: unknown) => (error instanceof RekeyError ? `${error.name}: ${error.message}` : String(error)),
  );

describe.each([...ticketSystems])("on %s", (system) => {
  test("a note is written as the system takes it, once, and internally where the code may stand in it", async () => {
    const { note, write: writeIt } = await write(system);
    expect(await writeIt()).toBe(true);
    const [written] = desk.on(system, note.ticketId).filter(({ text }) => text.includes(note.operationId));
    expect(written).toMatchObject({ text: note.text, internal: mayHoldCode(apiOf(system)) });
    const before = desk.requests();
    expect(await writeIt()).toBe(false);
    expect([desk.requests() - before, desk.on(system, note.ticketId).length]).toEqual([
      1,
      desk.on(system, note.ticketId).length,
    ]);
  });

  test("a note is found again among many, before and after it", async () => {
    const { note, write: writeIt } = await write(system);
    const others = () => {
      for (let count = 0; count < 101; count += 1) desk.say(system, note.ticketId, `Something else ${count}`);
    };
    others();
    desk.fail({ kind: "cut", writesOnly: true });
    expect(await failure(writeIt())).toContain("is not answered");
    if (!newestOnly.includes(system)) others();
    expect(await writeIt()).toBe(false);
    expect(desk.on(system, note.ticketId).filter(({ text }) => text.includes(note.operationId))).toHaveLength(1);
  });

  test("a token that is not its own, or a ticket that is not there, is a NoteFailedError", async () => {
    const { write: refused, note } = await write(system, { token: "another" });
    expect(await failure(refused())).toMatch(
      /^NoteFailedError: The ticketing system: (GET|POST) is answered with 401$/,
    );
    const nowhere = {
      ...note,
      ticketId: system === "servicenow" ? "0".repeat(32) : system.startsWith("jira") ? "NONE-1" : "404",
    };
    expect(await failure(writeNote(apiOf(system), nowhere, within(5_000)))).toContain("is answered with 404");
  });

  test.each([
    [{ kind: "status", status: 500 }, "is answered with 500"],
    [{ kind: "status", status: 429, writesOnly: true }, "is answered with 429"],
    [{ kind: "cut", writesOnly: true }, "is not answered"],
  ] as const)("%j fails, and is made good by the next try, which writes nothing twice", async (fault, words) => {
    const { note, write: writeIt } = await write(system);
    desk.fail(fault);
    expect(await failure(writeIt())).toContain(words);
    await writeIt();
    expect(desk.on(system, note.ticketId).filter(({ text }) => text.includes(note.operationId))).toHaveLength(1);
  });
});

describe("the number that people see", () => {
  const numbered = (system: string, ticketId: string, number: string) => {
    desk.open(system, ticketId);
    notes += 1;
    const note = { ticketId: number, operationId: `operation-${notes}`, text: `Reference: operation-${notes}` };
    return { note, write: () => writeNote(apiOf(system), note, within(5_000)) };
  };

  test.each([
    ["servicenow", "9d385017c611228701d22104cc95c371", "INC0010023"],
    ["freshservice", "264", "INC-264"],
    ["freshservice", "264", "#SR-264".slice(1)],
    ["freshdesk", "812", "#812"],
    ["zendesk", "35436", "#35436"],
    ["github", "7", "#7"],
  ])("of a ticket on %s leads to its id, %s, from %s", async (system, ticketId, number) => {
    const { note, write: writeIt } = numbered(system, ticketId, number);
    expect([await writeIt(), await writeIt()]).toEqual([true, false]);
    expect(desk.on(system, ticketId).filter(({ text }) => text === note.text)).toHaveLength(1);
  });

  test("of another system's kind leads to no ticket that has its digits", async () => {
    const { write: writeIt } = numbered("freshservice", "17", "C-17");
    expect(await failure(writeIt())).toMatch(/^NoteFailedError/);
    expect(desk.on("freshservice", "17")).toEqual([]);
  });

  test("of no ticket is a NoteFailedError", async () => {
    const { write: writeIt } = numbered("servicenow", "9d385017c611228701d22104cc95c371", "INC0099999");
    expect(await failure(writeIt())).toBe("NoteFailedError: The ticketing system: it knows no ticket of this number");
  });

  test.each([
    [
      "pagerduty",
      "1234",
      "pagerduty takes no such id for a ticket: use event.data.id, or event.data.incident.id, not its number",
    ],
    ["pagerduty", "Q02JTSNZWHSEKV", undefined],
    ["zendesk", "ZD-1", "zendesk takes no such id for a ticket: use {{ticket.id}}"],
    ["zendesk", "#1", undefined],
    ["servicenow", "INC0010023", undefined],
    ["freshservice", "INC-264", undefined],
    ["jira", "FIELD-17", undefined],
    ["linear", "ENG-17", undefined],
    ["github", "GH-26", "github takes no such id for a ticket: use issue.number"],
  ])("on %s, %s, has the advice %j", (system, ticketId, advice) => {
    expect(ticketIdAdvice(apiOf(system), ticketId)).toBe(advice);
  });

  test("of another table is asked for there, and its note is written there", () => {
    const api = apiOf("servicenow", { table: "sc_req_item" });
    expect(lookUpOf(api, "RITM0010001")?.request.path).toBe(
      "/api/now/table/sc_req_item?sysparm_query=number%3DRITM0010001&sysparm_fields=sys_id&sysparm_limit=1",
    );
    expect(noteRequests(api, "0".repeat(32)).write("n").path).toBe(`/api/now/table/sc_req_item/${"0".repeat(32)}`);
  });
});

describe("a ticket's writer", () => {
  test("does not keep a note away with one that looks like ours, whose reference cannot be known", async () => {
    const { note, write: writeIt } = await write("zendesk");
    desk.say("zendesk", note.ticketId, "Device d1 is re-keyed.\nReference: desk-00000000000000000000000000000000");
    expect(await writeIt()).toBe(true);
  });

  test("does not keep one away with a repeat's mark of another delivery", async () => {
    const { note } = await write("zendesk");
    await writeNote(
      apiOf("zendesk"),
      { ...note, tryOf: "0a1b2c3d4e5f", text: `${note.text} (0a1b2c3d4e5f)` },
      within(5_000),
    );
    const other = { ...note, operationId: `${note.operationId}-b`, tryOf: "5f4e3d2c1b0a" };
    expect(await writeNote(apiOf("zendesk"), other, within(5_000))).toBe(true);
  });
});

describe.each([...ticketSystems])("on %s", (system) => {
  const content = "desk-0123456789abcdef0123";

  test("an event that asks for what was asked for before has a note of its own, which says so", async () => {
    const {
      note: { ticketId },
    } = await write(system);
    const event = (of: string) => ({
      operationId: `${content}${of}`,
      text: `first ${of}`,
      againText: `again ${of} ${content}${of}`,
    });
    const one = { ticketId, ...event("000000000001"), text: `first 1 ${content}000000000001` };
    expect(await writeNote(apiOf(system), one, within(5_000))).toBe(true);
    expect(await writeNote(apiOf(system), { ticketId, ...event("000000000002") }, within(5_000))).toBe(true);
    expect(await writeNote(apiOf(system), { ticketId, ...event("000000000002") }, within(5_000))).toBe(false);
    const told = desk
      .on(system, ticketId)
      .map(({ text }) => text.replace(/ .*/, " "))
      .slice(-2);
    expect(told).toEqual(["first ", "again "]);
  });

  test("a repeat that was signed anew finds the note of the first try", async () => {
    const { note } = await write(system);
    const first = { ...note, operationId: "desk-abcdefabcdefabcdefab000000000001", tryOf: "1a2b3c4d5e6f" };
    const text = `desk-abcdefabcdefabcdefab000000000001 (1a2b3c4d5e6f)`;
    expect(await writeNote(apiOf(system), { ...first, text }, within(5_000))).toBe(true);
    const again = { ...first, operationId: "desk-abcdefabcdefabcdefab000000000002" };
    expect(await writeNote(apiOf(system), again, within(5_000))).toBe(false);
  });
});

test("a system that is silent is waited for no longer than there is time", async () => {
  const { write: writeIt } = await write("zendesk", {}, 300);
  desk.fail({ kind: "hang" });
  const startedAt = performance.now();
  expect(await failure(writeIt())).toBe("NoteFailedError: The ticketing system: GET is not answered");
  expect(performance.now() - startedAt).toBeLessThan(6_000);
});

test("a redirection is not followed, so that credentials go nowhere else", async () => {
  const { write: writeIt } = await write("zendesk");
  const before = desk.requests();
  desk.fail({ kind: "status", status: 302 });
  expect(await failure(writeIt())).toMatch(/^NoteFailedError/);
  expect(desk.requests() - before).toBe(1);
});

test("a Jira note is restricted to a role, and holds no code without one", () => {
  expect([mayHoldCode(apiOf("jira")), mayHoldCode(apiOf("jira", { role: undefined }))]).toEqual([true, false]);
});

test.each([
  ["pagerduty", "https://api.pagerduty.com"],
  ["github", "https://api.github.com"],
  ["linear", "https://api.linear.app"],
])("%s is at %s unless the configuration says otherwise", (system, address) => {
  expect(baseUrlOf(apiOf(system, { baseUrl: undefined }))).toBe(address);
  expect(baseUrlOf(apiOf(system, { baseUrl: "https://own.example/desk//" }))).toBe("https://own.example/desk");
});

test.each([
  ["pagerduty", { token: "“quoted”" }, ["token"]],
  ["pagerduty", { from: "josę@acme.example" }, ["from"]],
  ["github", { token: "…" }, ["token"]],
  ["linear", { token: "ключ" }, ["token"]],
  ["github", { from: "josé" }, []],
  ["zendesk", { token: "ключ", user: "josé" }, []],
  ["freshdesk", { token: "ключ" }, []],
])("%s with %j is at fault in %j: no header holds it, and Base64 holds all", (system, changes, fields) => {
  const issues = ticketApi.safeParse({ ...ticketApiOf(desk, system), ...changes }).error?.issues ?? [];
  expect(issues.map(({ path }) => path.join())).toEqual(fields);
  for (const { message } of issues) expect(message).toBe("has letters that no header can hold");
});

test("a bug of ours is no failure of the ticketing system", async () => {
  const { note } = await write("github");
  const unsendable = { ...apiOf("github"), token: "“quoted”" };
  await expect(writeNote(unsendable, note, within(5_000))).rejects.toThrow(TypeError);
});

test.each([
  ["https://desk.example", true],
  ["http://localhost:1", true],
  ["http://127.0.0.1", true],
  ["http://desk.example", false],
  ["http://127.0.0.1.evil.example", false],
  ["ftp://desk.example", false],
  ["https://user@desk.example", false],
  ["https://:password@desk.example", false],
  ["https://desk.example/?a", false],
  ["https://desk.example/#a", false],
  ["desk.example", false],
])("the address %s may be configured: %s", (baseUrl, may) => {
  expect(ticketApi.safeParse({ ...ticketApiOf(desk, "zendesk"), baseUrl }).success).toBe(may);
});
