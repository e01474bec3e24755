import { once } from "node:events";
import { type AddressInfo, createServer as createPlainServer, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type Credentials, parseCredentials } from "../../shared/platform/credentials.ts";
import { createTransport, type Exchange, type SendResult, type Transport } from "../../shared/platform/transport.ts";
import { type Clock, deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { firstOf } from "./first-of.ts";
import { type Answer, type RawPlatform, reply, startRawPlatform } from "./raw-platform.ts";

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function raw(answer: Answer): Promise<RawPlatform> {
  const platform = await startRawPlatform(answer);
  closing.push(platform.close);
  return platform;
}

function open(credentials: Credentials, clock: Clock = systemClock): Transport & { readonly sent: () => number } {
  let sent = 0;
  const onSend = () => {
    sent += 1;
  };
  const transport = createTransport(credentials, clock, { onSend });
  closing.push(transport.close);
  return { ...transport, sent: () => sent };
}

const read: Exchange = { method: "GET", path: "/a?b=c", headers: { accept: "application/json" }, timeoutMs: 30_000 };
const change: Exchange = { ...read, method: "PUT", path: "/a", body: '{"é":1}' };
const unsent = (outcome: SendResult) => (outcome.kind === "unsent" ? outcome.error.name : outcome.kind);

describe("what goes over the wire", () => {
  test("is method, path behind baseUrl's own, the headers given and the body's length in bytes", async () => {
    const platform = await startRawPlatform((socket) => void socket.write(reply("{}")), {});
    closing.push(platform.close);
    const text = JSON.stringify({ baseUrl: `${platform.url}/proxy/`, appId: "a", secret: "s" });
    await open(parseCredentials(text, "v")).send(change);
    const [head = "", body] = platform.requests[0]?.split("\r\n\r\n") ?? [];
    expect(head.split("\r\n")[0]).toBe("PUT /proxy/a HTTP/1.1");
    expect(head.toLowerCase().split("\r\n").slice(1).sort()).toEqual(
      [
        "accept: application/json",
        "connection: keep-alive",
        "content-length: 8",
        `host: ${new URL(platform.url).host}`,
      ].sort(),
    );
    expect(Buffer.from(body ?? "", "latin1").toString("utf8")).toBe('{"é":1}');
  });

  test("is no length where there is no body", async () => {
    const platform = await raw((socket) => void socket.write(reply("{}")));
    await open(platform.credentials).send(read);
    expect(platform.requests[0]).toMatch(/^GET \/a\?b=c HTTP/);
    expect(platform.requests[0]?.toLowerCase()).not.toContain("content-length");
  });
});

test("an answer of a million bytes is taken, and one of a byte more is lost", async () => {
  let length = 1_000_000;
  const platform = await raw((socket) => void socket.write(reply("x".repeat(length))));
  const transport = open(platform.credentials);
  expect(await transport.send(read)).toMatchObject({ kind: "reply", status: 200 });
  length += 1;
  const lost = await transport.send(read);
  expect(lost).toMatchObject({ kind: "lost", cause: { message: "The answer has more than 1000000 bytes" } });
});

describe("a kept-alive connection", () => {
  /** Answers the first request of each connection and then does what it is told. */
  const answersOnce = (then: Answer): Answer => {
    const known = new WeakSet<object>();
    return (socket, request) => {
      if (known.has(socket)) return then(socket, request);
      known.add(socket);
      socket.write(reply("{}"));
    };
  };

  test("is used again", async () => {
    const platform = await raw((socket) => void socket.write(reply("{}")));
    const transport = open(platform.credentials);
    for (let round = 0; round < 3; round += 1) await transport.send(read);
    expect([platform.connections(), transport.sent()]).toEqual([1, 3]);
  });

  test("that dies before the first byte of an answer is replaced, and the request sent once more", async () => {
    const platform = await raw(answersOnce((socket) => void socket.destroy()));
    const transport = open(platform.credentials);
    await transport.send(read);
    expect(await transport.send(change)).toEqual({ kind: "reply", status: 200, text: "{}" });
    expect([platform.connections(), transport.sent()]).toEqual([2, 3]);
  });

  test("that dies so is lost for a change that shall go out only once", async () => {
    const platform = await raw(answersOnce((socket) => void socket.destroy()));
    const transport = open(platform.credentials);
    await transport.send(read);
    const outcome = await transport.send({ ...change, onlyOnce: true });
    expect(outcome).toMatchObject({ kind: "lost", cause: { message: "Connection closed" } });
    expect(transport.sent()).toBe(2);
  });

  test.each(["HTTP/1.1 200", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"])(
    "that dies after %j is lost, since an answer had begun",
    async (beginning) => {
      const platform = await raw(answersOnce((socket) => void socket.end(beginning)));
      const transport = open(platform.credentials);
      await transport.send(read);
      expect((await transport.send(change)).kind).toBe("lost");
      expect(transport.sent()).toBe(2);
    },
  );

  test("on which nothing comes within the time is lost, not sent again", async () => {
    const platform = await raw(answersOnce(() => undefined));
    const transport = open(platform.credentials);
    await transport.send(read);
    const outcome = await transport.send({ ...change, timeoutMs: 200 });
    expect(outcome).toMatchObject({
      kind: "lost",
      cause: { message: expect.stringMatching(/^No answer within \d+ ms$/) },
    });
    expect(transport.sent()).toBe(2);
  });

  test.each([
    [240_000, 1],
    [240_001, 2],
  ])("that was idle for %d ms makes %d connections in all", async (idleMs, connections) => {
    const platform = await raw((socket) => void socket.write(reply("{}")));
    let nowMs = 1_000;
    const transport = open(platform.credentials, { ...systemClock, now: () => nowMs });
    await transport.send(read);
    nowMs += idleMs;
    await transport.send(read);
    expect(platform.connections()).toBe(connections);
  });
});

describe("a platform that cannot be reached", () => {
  test("is unsent as PlatformUnavailableError, for a probe too", async () => {
    const platform = await startRawPlatform(() => undefined);
    await platform.close();
    const transport = open(platform.credentials);
    const outcome = await transport.send(change);
    expect(outcome).toMatchObject({
      kind: "unsent",
      error: { name: "PlatformUnavailableError", retryAfterSeconds: 10 },
    });
    await expect(transport.probe(deadlineIn(1_000, systemClock))).rejects.toMatchObject({
      name: "PlatformUnavailableError",
    });
  });

  test("by name is PlatformUnavailableError, since a resolver can recover", async () => {
    const text = JSON.stringify({ baseUrl: "https://no-such-host.invalid", appId: "a", secret: "s" });
    expect(unsent(await open(parseCredentials(text, "v")).send(change))).toBe("PlatformUnavailableError");
  });
});

describe("a probe", () => {
  /** A server that does this with each connection, and tells when one was closed. */
  async function server(then: (socket: Socket) => void, scheme: "http" | "https") {
    let closed = 0;
    const listener = createPlainServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("close", () => {
        closed += 1;
      });
      then(socket);
    }).listen(0, "127.0.0.1");
    await once(listener, "listening");
    closing.push(() => void listener.close());
    const baseUrl = `${scheme}://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    const transport = open(parseCredentials(JSON.stringify({ baseUrl, appId: "a", secret: "s" }), "v"));
    return { transport, closed: () => closed };
  }
  const probe = (transport: Transport, milliseconds = 30_000) => transport.probe(deadlineIn(milliseconds, systemClock));

  test("closes its connection again", async () => {
    const { transport, closed } = await server(() => undefined, "http");
    await probe(transport);
    await expect.poll(closed).toBe(1);
  });

  test("of a platform that never shakes hands ends in time, and closes its connection", async () => {
    const { transport, closed } = await server((socket) => socket.resume(), "https");
    const ended = probe(transport, 300).catch((error: unknown) => error);
    expect(await firstOf(ended, 6_000)).toMatchObject({
      name: "PlatformUnavailableError",
      cause: { message: "No handshake in time" },
    });
    await expect.poll(closed).toBe(1);
  });

  test("of a platform that hangs up before it has shaken hands is that of one that is down", async () => {
    const { transport } = await server((socket) => socket.end(), "https");
    await expect(probe(transport)).rejects.toMatchObject({ name: "PlatformUnavailableError" });
  });
});

test("a transport that is closed closes its idle connections", async () => {
  let gone = 0;
  const platform = await raw((socket) => {
    socket.once("close", () => {
      gone += 1;
    });
    socket.write(reply("{}"));
  });
  const transport = open(platform.credentials);
  await transport.send(read);
  expect(gone).toBe(0);
  transport.close();
  await expect.poll(() => gone).toBe(1);
});

test("a transport that is closed lets what is under way be answered, and keeps no connection after it", async () => {
  let gone = 0;
  const platform = await raw((socket) => {
    socket.once("close", () => {
      gone += 1;
    });
    setTimeout(() => socket.write(reply("{}")), 50);
  });
  const transport = open(platform.credentials);
  const answer = transport.send(read);
  await expect.poll(platform.connections).toBe(1);
  transport.close();
  expect(await answer).toMatchObject({ kind: "reply", status: 200 });
  await expect.poll(() => gone).toBe(1);
});

test.each(["", "/", "//"])("a baseUrl with %j at its end has no slash too many", async (end) => {
  const platform = await raw((socket) => void socket.write(reply("{}")));
  const text = JSON.stringify({ baseUrl: `${platform.url}/proxy${end}`, appId: "a", secret: "s" });
  await open(parseCredentials(text, "v")).send(read);
  expect(platform.requests[0]).toMatch(/^GET \/proxy\/a\?b=c /);
});
