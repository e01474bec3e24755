import type { Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createTransport, type Exchange, type Transport } from "../../shared/platform/transport.ts";
import { type Clock, systemClock } from "../../shared/runtime/clock.ts";
import { type Answer, type RawPlatform, reply, startRawPlatform } from "./raw-platform.ts";

let platform: RawPlatform;
let transport: Transport;
let laterMs = 0;
const clock: Clock = { ...systemClock, now: () => 1_800_000_000_000 + laterMs };
const change: Exchange = { method: "PUT", path: "/a", headers: {}, body: "{}", timeoutMs: 3_000, onlyOnce: true };

const answers: Answer = (socket) => void socket.write(reply("{}"));

/** A platform that does this to each connection as it comes, and to each request. */
async function start(
  greet: (socket: Socket, count: number) => void = () => undefined,
  answer = answers,
): Promise<void> {
  laterMs = 0;
  platform = await startRawPlatform(answer, {}, greet);
  transport = createTransport(platform.credentials, clock, { onSend: () => undefined });
}

afterEach(async () => {
  transport.close();
  await platform.close();
});

const connected = (count: number) => expect.poll(() => platform.connections()).toBe(count);
const closed = (count: number) => expect.poll(() => platform.open()).toBe(count);

// Its timer is the machine's, which may be stopped for a second.
test("the first request takes it, the next one uses it again", { retry: 2 }, async () => {
  await start();
  transport.connectAhead();
  await connected(1);
  for (let time = 0; time < 3; time += 1) expect(await transport.send(change)).toMatchObject({ kind: "reply" });
  expect(platform.connections()).toBe(1);
});

test("the first request takes it before it stands", { retry: 2 }, async () => {
  await start();
  transport.connectAhead();
  expect(await transport.send(change)).toMatchObject({ kind: "reply" });
  expect(platform.connections()).toBe(1);
});

test("one that its peer closes before it is needed is not used", async () => {
  await start((socket, count) => (count === 1 ? socket.end() : undefined));
  transport.connectAhead();
  await connected(1);
  await closed(0);
  expect(await transport.send(change)).toMatchObject({ kind: "reply" });
  expect(platform.connections()).toBe(2);
});

test("one on which an answer comes before the request is not used", async () => {
  await start((socket, count) => (count === 1 ? void socket.write(reply('{"of":"somebody"}')) : undefined));
  transport.connectAhead();
  await connected(1);
  await closed(0);
  expect(await transport.send(change)).toMatchObject({ kind: "reply", text: "{}" });
});

test("one that was begun more than a second ago is not used, whatever a frozen sandbox's timers did", async () => {
  await start();
  transport.connectAhead();
  await connected(1);
  laterMs = 1_001;
  expect(await transport.send(change)).toMatchObject({ kind: "reply" });
  expect(platform.connections()).toBe(2);
  await closed(1);
});

test("one that nobody needs within a second is closed", async () => {
  await start();
  transport.connectAhead();
  await connected(1);
  await closed(0);
});

test("it goes with its transport", async () => {
  await start();
  transport.connectAhead();
  await connected(1);
  transport.close();
  await closed(0);
});

test("a change that one breaks under is lost: it is no reused one, so whether the change arrived nobody knows", async () => {
  await start(undefined, (socket, request) =>
    platform.requests.length === 1 ? void socket.destroy() : answers(socket, request),
  );
  transport.connectAhead();
  await connected(1);
  expect(await transport.send({ ...change, onlyOnce: false })).toMatchObject({ kind: "lost" });
  expect(platform.requests).toHaveLength(1);
});
