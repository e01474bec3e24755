import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { parseCredentials } from "../../shared/platform/credentials.ts";
import { createTransport, type Transport } from "../../shared/platform/transport.ts";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let transport: Transport;
let seen: string[];
/** What the transport's clock says that has passed, in milliseconds. */
let elapsedMs: number;
afterEach(() => {
  transport.close();
  server.closeAllConnections();
  server.close();
});

/** A platform that gives each request the next of these answers, the last of them for ever. */
async function start(...answers: Answer[]): Promise<void> {
  seen = [];
  elapsedMs = 0;
  server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    request.resume();
    (answers.length > 1 ? answers.shift() : answers[0])?.(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const text = JSON.stringify({ baseUrl: `http://127.0.0.1:${port}`, appId: "a", secret: "s" });
  const clock = { ...systemClock, elapsed: () => elapsedMs };
  transport = createTransport(parseCredentials(text, "1"), clock, { onSend: () => undefined });
}

const change = { method: "PUT", path: "/x", headers: {}, body: "{}", timeoutMs: 30_000 } as const;
const ok: Answer = (_, response) => response.end("{}");
const cut: Answer = (request) => request.socket.destroy();
const cutAfter =
  (milliseconds: number): Answer =>
  (request) => {
    elapsedMs += milliseconds;
    request.socket.destroy();
  };

test("a reused connection that is cut before the first byte is tried once more", async () => {
  await start(ok, cut, ok);
  await transport.send(change);
  expect(await transport.send(change)).toMatchObject({ kind: "reply", status: 200 });
  expect(seen).toHaveLength(3);
});

test("a new connection that is cut is lost, and nothing is sent again", async () => {
  await start(cut, ok);
  expect(await transport.send(change)).toMatchObject({ kind: "lost" });
  expect(seen).toHaveLength(1);
});

test("a reused connection that dies late leaves the repeat only the time that is left", async () => {
  await start(ok, cutAfter(29_000), () => undefined);
  await transport.send(change);
  const lost = await transport.send(change);
  expect(lost).toMatchObject({ kind: "lost", cause: { message: "No answer within 1000 ms" } });
  expect(seen).toHaveLength(3);
});

test("a reused connection that dies with less than a second left is lost", async () => {
  await start(ok, cutAfter(29_001), ok);
  await transport.send(change);
  expect(await transport.send(change)).toMatchObject({ kind: "lost", cause: { message: "Connection closed" } });
  expect(seen).toHaveLength(2);
});

test("a connection that is used for long gathers no listeners", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  await start(ok);
  for (let round = 0; round < 30; round += 1) await transport.send(change);
  await systemClock.sleep(20);
  process.off("warning", onWarning);
  expect(warnings).toEqual([]);
});

test("a probe opens a connection and sends nothing", async () => {
  await start(ok);
  await transport.probe(deadlineIn(30_000, systemClock));
  await systemClock.sleep(50);
  expect(seen).toEqual([]);
});
