import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { createTransport, type Exchange } from "../../shared/platform/transport.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { type RawPlatform, reply, startRawPlatform } from "./raw-platform.ts";

let platform: RawPlatform;
afterEach(() => platform.close());

const context = () => ({ credentials: platform.credentials, accessToken: "t", timeoutMs: 2_000 });
const change = (deviceId: string, verifyCode?: string) =>
  platform.calls.refreshDeviceKey(context(), { deviceId }, { verifyCode });
const deviceOf = (request: string) => /\/(?:deviceCredentials|devices)\/([^ ?]+)/.exec(request)?.[1] ?? "";

/** The true answer to a request: each device's own code, or the one that was sent, and each device's own state. */
function truth(request: string): string {
  const deviceId = deviceOf(request);
  const sent = JSON.parse(request.split("\r\n\r\n")[1] || "{}") as { verifyCode?: string };
  return reply({
    deviceId,
    activated: true,
    deviceInfo: { nodeId: `node of ${deviceId}` },
    verifyCode: sent.verifyCode ?? `made for ${deviceId}`,
  });
}

/** A platform that answers truly, but for the first device's connection, on which it answers that one once more. */
async function start(again: (socket: Socket, answer: string) => void): Promise<void> {
  platform = await startRawPlatform((socket, request) => {
    if (deviceOf(request) === "first") again(socket, truth(request));
    else setTimeout(() => socket.write(truth(request)), 60);
  });
}

/** The first answer comes again so long after it. */
const later = (milliseconds: number) => (socket: Socket, answer: string) => {
  socket.write(answer);
  setTimeout(() => socket.write(answer), milliseconds);
};

/** The first answer comes again when the next request is there. */
const withTheNext = (socket: Socket, answer: string) => {
  socket.write(answer);
  socket.once("data", () => socket.write(answer));
};

describe("a second answer that nobody asked for", () => {
  test("with the next change out, is not taken for that one's where a code was sent", async () => {
    await start(withTheNext);
    expect(await change("first", "code-1")).toMatchObject({ verifyCode: "code-1" });
    await expect(change("second", "code-2")).rejects.toMatchObject({
      name: "OutcomeUnknownError",
      cause: "an answer with another code than the one that was sent",
    });
    // The connection is gone, so that the second's own answer cannot go to the third.
    expect(await change("third", "code-3")).toMatchObject({ verifyCode: "code-3" });
    expect(platform.connections()).toBe(2);
  });

  test("20 ms after it is not taken for the next one's where none was sent: that one waits until nothing late can come", async () => {
    await start(later(20));
    expect(await change("first")).toMatchObject({ verifyCode: "made for first" });
    expect(await change("second")).toMatchObject({ verifyCode: "made for second" });
    expect(platform.connections()).toBe(2);
  });

  test("is not taken for a read of another device, and the read after it is answered", async () => {
    await start(withTheNext);
    await platform.calls.deviceInfo(context(), { deviceId: "first" });
    await expect(platform.calls.deviceInfo(context(), { deviceId: "second" })).rejects.toMatchObject({
      name: "PlatformReplyError",
      message: "The platform's answer speaks of another device",
    });
    expect(await platform.calls.activationStatus(context(), { deviceId: "third" })).toMatchObject({ activated: true });
    expect(platform.connections()).toBe(2);
  });

  test.each([
    ["the whole of it", Number.POSITIVE_INFINITY],
    ["nothing but its beginning", 9],
  ])("while no request is out ends the connection: %s", async (_, length) => {
    await start((socket, answer) => {
      socket.write(answer);
      setTimeout(() => socket.write(answer.slice(0, length)), 20);
    });
    await change("first", "code-1");
    await delay(60);
    expect(await change("second", "code-2")).toMatchObject({ verifyCode: "code-2" });
    expect(platform.connections()).toBe(2);
  });

  test("in one piece with the first ends the connection", async () => {
    await start((socket, answer) => void socket.write(answer + answer));
    await change("first", "code-1").catch(() => undefined);
    expect(await change("second", "code-2")).toMatchObject({ verifyCode: "code-2" });
    expect(platform.connections()).toBe(2);
  });

  test("that came while the sandbox was frozen is seen before the next request is written", async () => {
    await start(later(10));
    await change("first", "code-1");
    // As in a freeze: time passes, and no round of the event loop.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await change("second", "code-2")).toMatchObject({ verifyCode: "code-2" });
    expect(platform.connections()).toBe(2);
  });
});

const read: Exchange = { method: "GET", path: "/devices/second", headers: {}, timeoutMs: 1_500 };
const write: Exchange = { ...read, method: "PUT", body: "{}" };

test.each<[string, readonly Exchange[], boolean, number[]]>([
  ["after a change", [write], true, [100]],
  ["after a change and a read", [write, read], true, [100]],
  ["after a read alone", [read], true, []],
  ["before anything else", [], true, []],
  ["after a change, but can be checked", [write], false, []],
])(
  "a change whose answer cannot be checked, and that comes %s, waits so long",
  async (_, before, uncheckable, waits) => {
    await start(later(20));
    const waited: number[] = [];
    const sleep = async (milliseconds: number) => void waited.push(Math.ceil(milliseconds));
    const clock = { ...systemClock, elapsed: () => 5_000, sleep };
    const transport = createTransport(platform.credentials, clock, { onSend: () => undefined });
    for (const exchange of before) await transport.send(exchange);
    await transport.send({ ...write, uncheckable });
    transport.close();
    expect(waited).toEqual(waits);
    expect(platform.connections()).toBe(1);
  },
);
