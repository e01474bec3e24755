import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Credentials } from "../../shared/platform/credentials.ts";
import { createTransport, type Exchange, type Permission } from "../../shared/platform/transport.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { type OneSandbox, openSandbox } from "./one-sandbox.ts";
import { type Answer, reply, startRawPlatform } from "./raw-platform.ts";

let sandbox: OneSandbox | undefined;
let closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  await sandbox?.close();
  sandbox = undefined;
  for (const close of closing) await close();
  closing = [];
});

const request = { nodeId: "new", verifyCode: "code" };

test("whatever is sent asked before: logins, repeats and readings back among it", async () => {
  let asked = 0;
  sandbox = await openSandbox({}, async () => {
    asked += 1;
    return true;
  });
  const { simulator } = sandbox;
  // The first token was a login.
  expect([asked, simulator.counters.total]).toEqual([1, 1]);
  await sandbox.refresh(request);
  expect([asked, simulator.counters.total]).toEqual([2, 2]);
  simulator.killToken();
  await sandbox.refresh(request);
  expect([asked, simulator.counters.total]).toEqual([5, 5]);
  simulator.faults.add({ kind: "cut", operation: "refreshDeviceKey", applied: true });
  await sandbox.refresh({ ...request, nodeId: "newer" });
  const { total, requests } = simulator.counters;
  expect(requests.deviceInfo).toBeGreaterThan(0);
  expect([asked, total]).toEqual([total, asked]);
});

test("what is not permitted is not sent: neither the change nor the login that it needs", async () => {
  let left = 2;
  sandbox = await openSandbox({}, async () => {
    left -= 1;
    return left >= 0;
  });
  const { simulator } = sandbox;
  simulator.killToken();
  await expect(sandbox.refresh(request)).rejects.toMatchObject({ name: "PlatformThrottledError" });
  await expect(sandbox.refresh(request)).rejects.toMatchObject({ name: "PlatformThrottledError" });
  expect([simulator.counters.total, simulator.counters.requests.login]).toEqual([2, 1]);
  left = 3;
  await sandbox.refresh(request);
  expect([simulator.counters.total, simulator.counters.requests.login]).toEqual([5, 2]);
});

describe("permission to send", () => {
  const asked: number[] = [];
  const read: Exchange = { method: "GET", path: "/", headers: {}, timeoutMs: 1_500 };
  const raw = async (answer: Answer) => {
    const platform = await startRawPlatform(answer);
    closing.push(platform.close);
    return platform;
  };
  const open = (credentials: Credentials, permission: Permission) => {
    let sent = 0;
    const onSend = () => {
      sent += 1;
    };
    const transport = createTransport(credentials, systemClock, { onSend, permission });
    closing.unshift(transport.close);
    return { ...transport, sent: () => sent };
  };
  const allowing =
    (...answers: boolean[]): Permission =>
    async (withinMs) => {
      asked.push(withinMs);
      return answers.shift() ?? false;
    };
  beforeEach(() => void asked.splice(0));

  test("is asked for before each request, which may wait for half of its time", async () => {
    const platform = await raw((socket) => void socket.write(reply("{}")));
    const transport = open(platform.credentials, allowing(true, true));
    await transport.send(read);
    await transport.send({ ...read, method: "PUT" });
    expect([platform.requests.length, transport.sent(), asked.length]).toEqual([2, 2, 2]);
    for (const withinMs of asked) {
      expect(withinMs).toBeLessThanOrEqual(750);
      expect(withinMs).toBeGreaterThan(500);
    }
  });

  test("not given leaves a request unsent and uncounted", async () => {
    const platform = await raw((socket) => void socket.write(reply("{}")));
    const transport = open(platform.credentials, allowing(false));
    expect(await transport.send(read)).toMatchObject({
      kind: "unsent",
      error: { name: "PlatformThrottledError", platformCode: undefined },
    });
    expect([platform.connections(), transport.sent()]).toEqual([0, 0]);
  });

  test.each<[given: boolean, kind: string, sent: number]>([
    [true, "reply", 3],
    [false, "lost", 2],
  ])("is asked for again before a repeat: given is %s, so the request is a %s", async (given, kind, sent) => {
    const known = new Set<Socket>();
    const platform = await raw((socket) => {
      if (known.has(socket)) return void socket.destroy();
      known.add(socket);
      socket.write(reply("{}"));
    });
    const transport = open(platform.credentials, allowing(true, true, given));
    await transport.send(read);
    expect((await transport.send(read)).kind).toBe(kind);
    expect([platform.requests.length, transport.sent(), asked.length]).toEqual([sent, sent, 3]);
  });
});
