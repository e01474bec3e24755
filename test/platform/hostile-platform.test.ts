import * as fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { firstOf } from "./first-of.ts";
import { type Answer, type RawPlatform, reply, startRawPlatform } from "./raw-platform.ts";

let platform: RawPlatform;
afterEach(() => platform.close());

const timeoutMs = 400;
const context = () => ({ credentials: platform.credentials, accessToken: "token", timeoutMs });
const device = { deviceId: "device-1" };
const calls = {
  login: () => platform.calls.login(platform.credentials, timeoutMs),
  refreshToken: () => platform.calls.refreshToken(platform.credentials, "old", timeoutMs),
  activationStatus: () => platform.calls.activationStatus(context(), device),
  deviceInfo: () => platform.calls.deviceInfo(context(), device),
  change: () => platform.calls.refreshDeviceKey(context(), device, { verifyCode: "c" }),
  "change without a code": () => platform.calls.refreshDeviceKey(context(), device, {}),
};

/** The name of the error that a call ends with; anything that is not of the family fails the test. */
async function nameOf(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return "ok";
  } catch (error) {
    if (!(error instanceof RekeyError)) throw error;
    return error.name;
  }
}

/** Writes again and again until the connection is gone. */
const flood = (first: string, more: string | Buffer, everyMs: number): Answer => {
  return (socket) => {
    socket.write(first);
    const timer = setInterval(() => socket.write(more), everyMs);
    socket.once("close", () => clearInterval(timer));
  };
};
const say = (text: string | Buffer) => (socket: Parameters<Answer>[0]) => void socket.write(text);
const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

const never: Record<string, Answer> = {
  "a flood of 103 Early Hints": flood("", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(50), 2),
  "a drip of header bytes": flood("HTTP/1.1 200 OK\r\nx: ", "y", 20),
  "a drip of blanks": flood(chunked, "1\r\n \r\n", 20),
  "an endless body at full speed": flood(chunked, `10000\r\n${"x".repeat(65_536)}\r\n`, 1),
  "an endless header": flood("HTTP/1.1 200 OK\r\nx: ", "y".repeat(65_536), 1),
  "3000 headers": say(`HTTP/1.1 200 OK\r\n${Array.from({ length: 3_000 }, (_, i) => `x${i}: y\r\n`).join("")}\r\n`),
  "a switch of protocols": say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
  "another protocol": say("SSH-2.0-OpenSSH_9.6\r\n"),
  "a negative length": say("HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n"),
  "two lengths": say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
  "a length that the body does not reach": say('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"verifyCode":"'),
  "5 MB of JSON": say(reply({ padding: "x".repeat(5_000_000) })),
  "a bad gateway in HTML": say(reply("<html>502</html>", 502)),
  silence: () => undefined,
  "nothing but the end": (socket) => void socket.end(),
};

describe.each(Object.entries(never))("%s", (_, answer) => {
  test("is no answer to a read and leaves the outcome of a change open, within the call's time", async () => {
    platform = await startRawPlatform(answer);
    expect(await firstOf(nameOf(calls.activationStatus), timeoutMs + 250)).toBe("PlatformUnavailableError");
    expect(await firstOf(nameOf(calls.change), timeoutMs + 250)).toBe("OutcomeUnknownError");
    expect(platform.requests).toHaveLength(2);
  });
});

describe("a redirection", () => {
  test.each([301, 302, 303, 307, 308])(
    "by %d is not followed, and nothing of the request is sent there",
    async (status) => {
      const elsewhere = await startRawPlatform(say(reply({ accessToken: "stolen", expiresIn: 3600 })));
      platform = await startRawPlatform(
        say(`HTTP/1.1 ${status} Moved\r\nlocation: ${elsewhere.url}/iocm\r\ncontent-length: 0\r\n\r\n`),
      );
      for (const [name, call] of Object.entries(calls)) {
        // Whoever redirected a change may have carried it out.
        expect(await nameOf(call)).toBe(name.startsWith("change") ? "OutcomeUnknownError" : "PlatformReplyError");
      }
      expect(elsewhere.connections()).toBe(0);
      await elsewhere.close();
    },
  );
});

// Name of the call, body of a 200, what it comes to.
const shapes: readonly [keyof typeof calls, unknown, string][] = [
  ["login", { accessToken: "t", expiresIn: 3600 }, "ok"],
  ["login", { accessToken: "t", expiresIn: "3600", refreshToken: null }, "ok"],
  ["login", { accessToken: "t", expiresIn: 2_147_483_647 }, "ok"],
  ["login", { accessToken: "t", expiresIn: 2_147_483_648 }, "PlatformReplyError"],
  ["login", { accessToken: "t", expiresIn: 0 }, "PlatformReplyError"],
  ["login", { accessToken: "t", expiresIn: -1 }, "PlatformReplyError"],
  ["login", { accessToken: "t", expiresIn: 1.5 }, "PlatformReplyError"],
  ["login", { accessToken: "t", expiresIn: "3600s" }, "PlatformReplyError"],
  ["login", { accessToken: "t" }, "PlatformReplyError"],
  ["login", { accessToken: "", expiresIn: 3600 }, "PlatformReplyError"],
  ["login", { accessToken: "a b", expiresIn: 3600 }, "PlatformReplyError"],
  ["login", { accessToken: "a\r\nx-injected: 1", expiresIn: 3600 }, "PlatformReplyError"],
  ["login", { accessToken: "t".repeat(8_192), expiresIn: 3600 }, "ok"],
  ["login", { accessToken: "t".repeat(8_193), expiresIn: 3600 }, "PlatformReplyError"],
  ["login", { accessToken: "t", expiresIn: 3600, refreshToken: "r".repeat(8_193) }, "PlatformReplyError"],
  ["refreshToken", [], "PlatformReplyError"],
  ["refreshToken", null, "PlatformReplyError"],
  ["activationStatus", { ...device, activated: true }, "ok"],
  ["activationStatus", { deviceId: "DEVICE-1", activated: "false", name: null }, "ok"],
  ["activationStatus", { ...device, activated: "yes" }, "PlatformReplyError"],
  ["activationStatus", { ...device, activated: 1 }, "PlatformReplyError"],
  ["activationStatus", { activated: true }, "PlatformReplyError"],
  ["activationStatus", { deviceId: "device-2", activated: true }, "PlatformReplyError"],
  ["activationStatus", { ...device, activated: true, error_code: "0", error_desc: "" }, "ok"],
  ["deviceInfo", { ...device, deviceInfo: {} }, "ok"],
  ["deviceInfo", { ...device, deviceInfo: { nodeId: 5 } }, "PlatformReplyError"],
  ["deviceInfo", { ...device, deviceInfo: [] }, "PlatformReplyError"],
  ["deviceInfo", { ...device }, "PlatformReplyError"],
  ["deviceInfo", { deviceInfo: {} }, "PlatformReplyError"],
  ["deviceInfo", { deviceId: "device-11", deviceInfo: {} }, "PlatformReplyError"],
  ["deviceInfo", { ...device, deviceInfo: {}, error_code: "" }, "ok"],
  ["login", { accessToken: "t", expiresIn: 3600, error_code: 0 }, "ok"],
  ["change", { verifyCode: "c" }, "ok"],
  ["change", { verifyCode: "c", timeout: "180" }, "ok"],
  ["change", { verifyCode: "c", timeout: 2_147_483_648 }, "OutcomeUnknownError"],
  ["change", { verifyCode: "c", timeout: -1 }, "OutcomeUnknownError"],
  ["change", { verifyCode: "", timeout: 180 }, "OutcomeUnknownError"],
  ["change", { verifyCode: "C" }, "ok"],
  ["change", { verifyCode: "other" }, "OutcomeUnknownError"],
  ["change", { verifyCode: "c", error_code: "0" }, "ok"],
  ["change", { error_code: "" }, "OutcomeUnknownError"],
  ["change without a code", { verifyCode: "other" }, "ok"],
  ["change without a code", { verifyCode: "c".repeat(256), timeout: 0 }, "ok"],
  ["change without a code", { verifyCode: "c".repeat(257), timeout: 0 }, "OutcomeUnknownError"],
  ["change", {}, "OutcomeUnknownError"],
  ["change", { error_code: "100611" }, "DeviceOnlineError"],
  ["change", { error_code: 100611 }, "DeviceOnlineError"],
  ["change", { error_code: "no such code", verifyCode: "c" }, "PlatformReplyError"],
];

test.each(shapes)("%s answered with %j is %s", async (call, body, name) => {
  platform = await startRawPlatform(say(reply(body)));
  expect(await nameOf(calls[call])).toBe(name);
});

test("any bytes as an answer end in a value or an error of the family, for every call", async () => {
  let bytes: Buffer = Buffer.alloc(0);
  platform = await startRawPlatform((socket) => void socket.end(bytes));
  const head = fc.constantFrom(
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 500 X\r\n\r\n",
    "HTTP/1.1 403 X\r\n\r\n",
    "HTTP/1.1 ",
    "",
  );
  const body = fc.oneof(
    fc.json().map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 300 }).map((some) => Buffer.from(some)),
    fc
      .record(
        {
          verifyCode: fc.anything(),
          timeout: fc.anything(),
          accessToken: fc.anything(),
          expiresIn: fc.anything(),
          error_code: fc.anything(),
          activated: fc.anything(),
          deviceInfo: fc.object(),
        },
        { requiredKeys: [] },
      )
      .map((some) => Buffer.from(safeJson(some))),
  );
  const operation = fc.constantFrom(...Object.values(calls));
  await fc.assert(
    fc.asyncProperty(head, body, operation, async (start, rest, call) => {
      bytes = Buffer.concat([Buffer.from(start), rest]);
      expect(await nameOf(call)).toMatch(/^(ok|[A-Z]\w+Error)$/);
    }),
    { numRuns: 400 },
  );
});

function safeJson(value: unknown): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? String(inner) : inner)) ?? "";
}
