import { describe, expect, test } from "vitest";
import { deliver, desk, fate, type Given, type SourceName, ticketId } from "./one-delivery.ts";

const operationId = expect.stringMatching(/^\w+-[0-9a-f]{32}$/);

describe("a sender that reads the answer", () => {
  test("has the code in it, and until when", async () => {
    const { output, status, device, lines } = await deliver();
    expect(output).toEqual({
      ...{ operationId, deviceId: "d", nodeId: "new", verifyCode: device.code, timeout: 180, replayed: false },
      expiresAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(status).toBe(200);
    expect(lines).toContainEqual(
      expect.objectContaining({ audit: true, caller: "webhook result", deviceId: "d", source: "result", operationId }),
    );
  });

  test("has the error where the device cannot be re-keyed", async () => {
    expect((await deliver({ online: true })).output).toMatchObject({ name: "DeviceOnlineError" });
  });

  test("has its ticket told later where what hinders may pass and there is a workflow to wait", async () => {
    const { output, status, started } = await deliver({
      ...{ source: "resultAndTicket", online: true, workflow: "starts" },
    });
    expect([output, status]).toEqual([{ operationId }, 202]);
    expect(started[0]?.input).toMatchObject({
      ticket: { source: "resultAndTicket", ticketId: String(ticketId), requester: "Ines", requestId: "request-1" },
    });
  });

  test.each(["fails", "none"] as const)("has the error where the workflow %s", async (workflow) => {
    const { output } = await deliver({ source: "resultAndTicket", online: true, workflow });
    expect(output).toMatchObject({ name: "DeviceOnlineError" });
  });
});

describe("a sender that keeps the answer", () => {
  test("has no code in it: the workflow is handed the delivery, under the operation's name", async () => {
    const { output, status, started, calls, lines } = await deliver({
      ...{ source: "ack", workflow: "starts", payload: { seconds: 60, application: "theirs" } },
    });
    expect([output, status, calls]).toEqual([{ operationId }, 202, []]);
    const { operationId: id } = output as { operationId: string };
    expect(started).toEqual([
      {
        name: id,
        input: expect.objectContaining({
          ...{ deviceId: "d", nodeId: "new", timeout: 60, appId: "theirs", limitSeconds: 60 },
          ticket: expect.objectContaining({ source: "ack", operationId: id, ticketId: String(ticketId) }),
        }),
      },
    ]);
    expect(started[0]?.input).not.toHaveProperty("failure");
    expect(lines).toContainEqual(
      expect.objectContaining({ message: "Delivery handed to the workflow", deviceId: "d", source: "ack" }),
    );
  });

  test("is handed over without a ticket where its source has none, and without a limit", async () => {
    const { started } = await deliver({ source: "mute", workflow: "starts" });
    expect(started[0]?.input).not.toHaveProperty("ticket");
    expect(started[0]?.input).not.toHaveProperty("limitSeconds");
  });

  test.each(["fails", "none"] as const)("has it done within the answer where the workflow %s", async (workflow) => {
    const { output, status, notes, device, lines } = await deliver({ source: "ack", workflow });
    expect([output, status]).toEqual([{ operationId }, 202]);
    expect(notes).toEqual([expect.stringContaining(`Verification code: ${device.code}`)]);
    const why = { error: "ServiceUnavailable", cause: "ServiceUnavailable: No" };
    const failed = expect.objectContaining({ message: "Workflow cannot be started", ...why });
    if (workflow === "fails") expect(lines).toContainEqual(failed);
    else expect(lines).not.toContainEqual(failed);
  });

  test("has no code in a note that others can read", async () => {
    const { notes, device } = await deliver({ source: "open" });
    expect(notes).toHaveLength(1);
    expect(notes[0]).not.toContain(device.code);
  });

  test("has a note on what is final, and none on what may pass while it repeats", async () => {
    const refused = fate({ answer: "unreachable" });
    const passing = await deliver({ source: "ack", fates: [refused, refused, refused, refused] });
    expect([(passing.output as Error).name, passing.notes]).toEqual(["PlatformUnavailableError", []]);
    const final = await deliver({ source: "ack", payload: { expected: "another", id: "final" } });
    expect((final.output as Error).name).toBe("NodeIdChangedError");
    expect(final.notes).toEqual([expect.stringContaining("is not re-keyed: The device has other hardware by now")]);
  });

  test("is answered as done when only the note fails; that is counted and told in the log", async () => {
    desk.fail({ kind: "status", writesOnly: true });
    const { output, metrics, lines } = await deliver({ source: "ack" });
    expect(output).toEqual({ operationId });
    expect(metrics.counted).toEqual(["NotesFailed"]);
    expect(lines).toContainEqual(
      expect.objectContaining({ message: "Note failed", ticketId: String(ticketId), detail: expect.any(String) }),
    );
  });

  test("without a ticket has no note written", async () => {
    const before = desk.requests();
    expect((await deliver({ source: "mute" })).output).toEqual({ operationId });
    expect((await deliver({ source: "ack", payload: { ticket: null, id: "other" } })).output).toEqual({ operationId });
    expect(desk.requests()).toBe(before);
  });
});

describe("a delivery that does not say what it has to", () => {
  const faulty = { payload: { hardware: ["one", "two"] } };

  test("has its ticket told by the workflow, under a name of its own", async () => {
    const { output, started, calls } = await deliver({ ...faulty, source: "ack", workflow: "starts" });
    expect([(output as Error).name, calls]).toEqual(["InvalidInputError", []]);
    expect(started).toHaveLength(1);
    expect(started[0]?.name).toMatch(/-faulty$/);
    expect(started[0]?.input).toMatchObject({
      deviceId: expect.any(String),
      failure: {
        Error: "InvalidInputError",
        Cause: expect.stringContaining("The number of the new hardware has several values"),
      },
    });
  });

  test.each(["fails", "none"] as const)("has it told within the answer where the workflow %s", async (workflow) => {
    const { notes } = await deliver({ ...faulty, source: "ack", workflow });
    expect(notes).toEqual([
      expect.stringMatching(/^Device \S+ is not re-keyed: The number of the new hardware has several values\./),
    ]);
  });

  test("starts nothing and writes nothing where there is no ticket", async () => {
    const { output, started } = await deliver({ ...faulty, source: "mute", workflow: "starts" });
    expect([(output as Error).name, started]).toEqual(["InvalidInputError", []]);
  });
});

test("a delivery that is none of our business is answered so, and nothing is called", async () => {
  const { output, status, lines, calls } = await deliver({ payload: { hardware: null } });
  expect([output, status, calls]).toEqual([{ ignored: true }, 204, []]);
  expect(lines).toContainEqual(
    expect.objectContaining({ level: "INFO", message: "Delivery ignored", reason: "no nodeId" }),
  );
});

test("a delivery in which a path of the source leads nowhere is told in the log, by the path alone", async () => {
  const { status, lines } = await deliver({ payload: { hardware: undefined } });
  expect(status).toBe(204);
  expect(lines).toContainEqual(
    expect.objectContaining({
      ...{ level: "WARN", message: "Delivery ignored", reason: "no nodeId", cause: "Nothing is at hardware" },
    }),
  );
});

test.each<[string, Given]>([
  ["without its secret", { headers: {} }],
  ["with a wrong one", { headers: { "x-secret": "another" } }],
  ["of a source that does not exist", { source: "nobody" as SourceName }],
])("a delivery %s is refused before anything is read or called", async (_, given) => {
  const { output, calls } = await deliver(given);
  expect(output).toMatchObject({ name: "SignatureError", status: 401 });
  expect(calls).toEqual([]);
});
