import { createSecretKey } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { writeTicketNote } from "../../functions/writeTicketNote.ts";
import { startTicketDesk, type TicketDesk, ticketApiOf } from "../../local/ticket-desk/desk.ts";
import { parseCredentials } from "../../shared/platform/credentials.ts";
import { deriveVerificationCode } from "../../shared/platform/verification-code.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createSources } from "../../shared/webhook/sources.ts";
import { countersOf, invocationBy, secretsOf } from "./world.ts";

let desk: TicketDesk;
beforeAll(async () => {
  desk = await startTicketDesk();
});
afterAll(() => desk.close());
let ticketId = 0;
beforeEach(() => {
  ticketId += 1;
  desk.open("zendesk", String(ticketId));
  desk.open("github", String(ticketId));
});

const codeKey = createSecretKey(Buffer.alloc(32, 1));
const inAnHour = () => new Date(systemClock.now() + 3_600_000).toISOString();
const done = (changes: object = {}) => ({
  ...{ ok: true as const, verifyCode: "code-1", timeout: 3_600, expiresAt: inAnHour() },
  ...changes,
});

/** Tells a ticket what came of its re-key. */
async function tell(outcome: object, { source = "desk", request = {}, hasKey = true } = {}) {
  const { invocation, lines } = invocationBy(systemClock);
  const fields = { deviceId: "deviceId" };
  const secret = { preset: "shared-secret", secrets: ["x".repeat(32)], fields };
  const document = {
    desk: { ...secret, ticket: ticketApiOf(desk, "zendesk") },
    open: { ...secret, secrets: ["y".repeat(32)], ticket: ticketApiOf(desk, "github") },
    mute: { ...secret, secrets: ["z".repeat(32)] },
  };
  const metrics = countersOf();
  const credentials = {
    ...parseCredentials(JSON.stringify({ baseUrl: "http://127.0.0.1:1", appId: "ours", secret: "s" }), "v"),
    codeKey: hasKey ? codeKey : undefined,
  };
  const input = writeTicketNote.input.parse({
    ticket: {
      ...{ source, ticketId: String(ticketId), operationId: `desk-operation-${ticketId}` },
      ...{ requestId: "request-7", requester: "Ines" },
    },
    request: { deviceId: "d", nodeId: "n", idempotencyKey: "key-1", ...request },
    outcome,
  });
  const running = writeTicketNote.run(input, invocation, {
    sources: createSources(secretsOf({ webhooks: document }), "webhooks", systemClock, invocation.log),
    credentials: { get: async () => credentials },
    clock: systemClock,
    metrics,
  });
  const system = source === "open" ? "github" : "zendesk";
  const notes = () => desk.on(system, String(ticketId)).map(({ text }) => text);
  return { output: await running.catch((error: unknown) => error), lines, notes, metrics };
}

describe("a re-key that succeeded", () => {
  test("is told with its code, for which device and hardware, who asked and under which request", async () => {
    const { output, notes, lines } = await tell(done());
    expect(output).toEqual({ written: true });
    const [text = ""] = notes();
    for (const part of ["Device d", "for n", "code-1", "Ines", "request-7", `desk-operation-${ticketId}`]) {
      expect(text).toContain(part);
    }
    expect(lines).toContainEqual(
      expect.objectContaining({ message: "Note written", source: "desk", ticketId: String(ticketId), written: true }),
    );
  });

  test("is told once", async () => {
    await tell(done());
    const { output, notes } = await tell(done());
    expect([output, notes().length]).toEqual([{ written: false }, 1]);
  });

  test.each([
    [{}, { appId: "ours", nodeId: "n" }],
    [{ appId: "theirs" }, { appId: "theirs", nodeId: "n" }],
    [{ nodeId: null }, { appId: "ours", nodeId: undefined }],
  ])("has its code derived here, from what it was derived from before (%j)", async (request, origin) => {
    const { notes } = await tell(done({ verifyCode: null }), { request });
    const code = deriveVerificationCode(codeKey, { deviceId: "d", idempotencyKey: "key-1", ...origin });
    expect(notes()[0]).toContain(`Verification code: ${code}`);
  });

  test("cannot have it derived without a key", async () => {
    const { output, notes } = await tell(done({ verifyCode: null }), { hasKey: false });
    expect(output).toMatchObject({ name: "ConfigurationError", message: "The application secret has no codeKey" });
    expect(notes()).toEqual([]);
  });

  test("is told without its code where others can read along, and without deriving it", async () => {
    const { output, notes } = await tell(done({ verifyCode: null }), { source: "open", hasKey: false });
    expect(output).toEqual({ written: true });
    expect(notes()[0]).toContain("The code is not written here");
    expect((await tell(done(), { source: "open" })).notes().join()).not.toContain("code-1");
  });

  test("of a code that never ends says so", async () => {
    const { notes } = await tell(done({ timeout: 0, expiresAt: null }));
    expect(notes()[0]).toContain("until it is used");
  });
});

test("a re-key that came to nothing is told with the reason", async () => {
  const outcome = { ok: false, error: "DeviceOnlineError", detail: "It was seen at noon" };
  const { notes } = await tell(outcome);
  expect(notes()[0]).toContain("Device d is not re-keyed: The device is online.");
  expect(notes()[0]).toContain("It was seen at noon");
});

test("a re-key without a reason, a device and a requester is told too", async () => {
  const { output, notes } = await tell(
    { ok: false, error: "States.Timeout", detail: null },
    { request: { deviceId: null } },
  );
  expect(output).toEqual({ written: true });
  expect(notes()[0]).toContain("The device is not re-keyed");
  expect(notes()[0]).not.toContain("null");
});

test("a note that cannot be written is counted, and thrown to be tried again", async () => {
  desk.fail({ kind: "status", writesOnly: true });
  const { output, metrics } = await tell(done());
  expect(output).toMatchObject({ name: "NoteFailedError" });
  expect(metrics.counted).toEqual(["NotesFailed"]);
});

test.each(["mute", "nowhere"])("the source %s has nowhere to write to", async (source) => {
  const { output, metrics } = await tell(done(), { source });
  expect(output).toMatchObject({
    ...{ name: "ConfigurationError", message: "The webhook source has no ticket API", cause: source },
  });
  expect(metrics.counted).toEqual([]);
});

test.each([
  [{ operationId: "short" }, false],
  [{ operationId: "x".repeat(81) }, false],
  [{ operationId: "a b c d e f" }, false],
  [{ ticketId: "../1" }, false],
  [{ tryOf: "0123456789ab" }, true],
  [{ tryOf: "0123456789AB" }, false],
])("of what a workflow hands over, a ticket with %j is taken: %s", (changes, taken) => {
  const ticket = { source: "desk", ticketId: "7", operationId: "desk-operation", ...changes };
  const input = { ticket, request: { idempotencyKey: "k" }, outcome: { ok: false, error: "E" } };
  expect(writeTicketNote.input.safeParse(input).success).toBe(taken);
});
