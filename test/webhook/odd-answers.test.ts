import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { writeNote } from "../../shared/webhook/notes.ts";
import { ticketApi } from "../../shared/webhook/ticket-api.ts";
import type { TicketSystem } from "../../shared/webhook/ticket-systems.ts";

let close: () => void = () => undefined;
afterEach(() => close());

/** A ticketing system that answers as told, and the requests that it got. */
async function desk(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const requests: { line: string; type: string | undefined; body: string }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString("utf8");
    requests.push({ line: `${request.method} ${request.url}`, type: request.headers["content-type"], body });
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  const { port } = server.address() as AddressInfo;
  const write = (system: TicketSystem) => {
    const api = { system, baseUrl: `http://127.0.0.1:${port}`, token: "t", user: "u", repository: "a/b" };
    const note = { ticketId: "7", operationId: "operation-1", text: "text" };
    return writeNote(ticketApi.parse(api), note, deadlineIn(5_000, systemClock));
  };
  return { requests, write };
}

const page = JSON.stringify(Array.from({ length: 100 }, () => ({ body: "something else" })));

test("a ticket with more than two thousand notes is searched for twenty pages, and then gets its note", async () => {
  const { requests, write } = await desk((_, response) => response.end(page));
  expect(await write("github")).toBe(true);
  expect(requests.map(({ line }) => line)).toEqual([
    ...Array.from({ length: 20 }, (_, index) => `GET /repos/a/b/issues/7/comments?per_page=100&page=${index + 1}`),
    "POST /repos/a/b/issues/7/comments",
  ]);
});

test("a page that is not full is the last one", async () => {
  const { requests, write } = await desk((_, response) => response.end("[]"));
  expect(await write("github")).toBe(true);
  expect(requests).toHaveLength(2);
  expect(requests[0]).toMatchObject({ type: undefined, body: "" });
  expect(requests[1]).toMatchObject({ type: "application/json", body: '{"body":"text"}' });
});

test.each([
  [1_000_000, false],
  [3_000_000, true],
])("a reference behind %d bytes of a page is missed: %s; a second note is better than none", async (bytes, written) => {
  const long = `${"x".repeat(bytes)}operation-1`;
  const { write } = await desk(({ method }, response) => response.end(method === "GET" ? long : "{}"));
  expect(await write("zendesk")).toBe(written);
});

test("a page that is too long to be read whole is followed by the next one", async () => {
  const { requests, write } = await desk(({ url }, response) =>
    response.end(url?.endsWith("page=1") === true ? "x".repeat(3_000_000) : '[{"body":"operation-1"}]'),
  );
  expect(await write("github")).toBe(false);
  expect(requests).toHaveLength(2);
});

test("a page that never ends is read no further than two megabytes or so, and the note is written", async () => {
  let sent = 0;
  const { requests, write } = await desk(({ method }, response) => {
    if (method !== "GET") return void response.end("{}");
    const chunk = Buffer.alloc(100_000, "x");
    const more = () => {
      sent += chunk.length;
      if (!response.destroyed) response.write(chunk, () => setImmediate(more));
    };
    more();
  });
  expect(await write("zendesk")).toBe(true);
  expect(requests.map(({ line }) => line.split(" ")[0])).toEqual(["GET", "PUT"]);
  expect(sent).toBeLessThan(50_000_000);
});

test("a refusal within an answer that is well names the method, and nothing of what was answered", async () => {
  const { write } = await desk((_, response) => response.end('{"errors":[{"message":"t0ken"}]}'));
  await expect(write("linear")).rejects.toThrow(/^The ticketing system: POST is refused$/);
});

test("why there was no answer is kept for the log, and a status has no further cause", async () => {
  const cut = await desk((request) => request.socket.destroy());
  await expect(cut.write("zendesk")).rejects.toMatchObject({ cause: expect.any(TypeError) });
  close();
  const refused = await desk((_, response) => response.writeHead(500).end());
  const error: unknown = await refused.write("zendesk").catch((failure: unknown) => failure);
  expect(error).toMatchObject({ name: "NoteFailedError" });
  expect(error).not.toHaveProperty("cause");
});
