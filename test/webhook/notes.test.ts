import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTicketDesk, type TicketDesk, ticketApiOf } from "../../local/ticket-desk/desk.ts";
import { senders } from "../../local/ticket-desk/senders.ts";
import { RekeyError } from "../../shared/errors.ts";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { writeNote } from "../../shared/webhook/notes.ts";
import { baseUrlOf, mayHoldCode, ticketApi, ticketSystems } from "../../shared/webhook/ticket-api.ts";

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

test("a system that is silent is waited for no longer than there is time", async () => {
  const { write: writeIt } = await write("zendesk", {}, 300);
  desk.fail({ kind: "hang" });
  const startedAt = performance.now();
  expect(await failure(writeIt())).toBe("NoteFailedError: The ticketing system: GET is not answered");
  expect(performance.now() - startedAt).toBeLessThan(2_000);
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
