import { describe, expect, test } from "vitest";
import type * as z from "zod/mini";
import { statusCheck } from "../../functions/statusCheck.ts";
import { RekeyError } from "../../shared/errors.ts";
import type { CallContext } from "../../shared/platform/calls.ts";
import type { Token } from "../../shared/platform/session-document.ts";
import { createDevice } from "../platform/one-device.ts";
import { SimulatedTime } from "../simulation/time.ts";
import { invocationBy } from "./world.ts";

interface Told {
  readonly activation?: { readonly activated: boolean; readonly name?: string | null };
  readonly device?: {
    readonly nodeId?: string | null;
    readonly name?: string | null;
    readonly status?: string | null;
  };
  /** What the session holds, and what is wrong with it. */
  readonly token?: Token;
  readonly fault?: RekeyError;
  /** What a read of a device fails with. */
  readonly readFails?: unknown;
  /** What a part of the service fails with, after 30 ms. */
  readonly failing?: { readonly secret?: unknown; readonly session?: unknown; readonly platform?: unknown };
}

/** Asks of a platform that tells this; says also what it was asked. */
async function ask(input: z.infer<typeof statusCheck.input>, told: Told = {}) {
  const { activation = { activated: true, name: "Meter" }, device = { nodeId: "n", status: "OFFLINE" } } = told;
  const { failing = {} } = told;
  const { platform: real } = createDevice([]);
  const time = new SimulatedTime();
  const clock = time.clock();
  const asked: unknown[] = [];
  const part = async (name: "secret" | "session" | "platform") => {
    asked.push(name);
    await clock.sleep(30);
    if (failing[name] !== undefined) throw failing[name];
  };
  const credentials = await real.authorize(invocationBy(clock).invocation.deadline).credentials();
  const platform = {
    ...real,
    authorize: (deadline: Parameters<typeof real.authorize>[0], accessToken?: string) => {
      asked.push(["authorize", accessToken]);
      return real.authorize(deadline);
    },
    credentials: {
      ...real.credentials,
      get: async () => {
        if (!asked.includes("secret")) await part("secret");
        return credentials;
      },
    },
    session: {
      ...real.session,
      look: async () => {
        await part("session");
        return { token: told.token, fault: told.fault };
      },
    },
    calls: {
      ...real.calls,
      activationStatus: async (_: unknown, address: object) => {
        asked.push(["activation", address]);
        return { deviceId: "d", ...activation };
      },
      deviceInfo: async ({ accessToken, timeoutMs }: CallContext, address: object) => {
        asked.push(["device", address]);
        if (told.token !== undefined) asked.push([accessToken, timeoutMs]);
        if (told.readFails !== undefined) throw told.readFails;
        return { deviceId: "d", ...device };
      },
      probe: () => part("platform"),
    },
  };
  const { invocation, lines } = invocationBy(clock);
  const output = await statusCheck.run(input, invocation, { platform, clock });
  return { output, asked, lines, status: statusCheck.statusOf?.(output) };
}

describe("a device", () => {
  test("is asked for as it was named, with the caller's own token where there is one", async () => {
    const { asked } = await ask({ deviceId: "d", appId: "a", accessToken: "t" });
    const address = { deviceId: "d", appId: "a" };
    expect(asked).toEqual([
      ["authorize", "t"],
      ["activation", address],
      ["device", address],
    ]);
    expect((await ask({ deviceId: "d" })).asked).toContainEqual(["device", { deviceId: "d", appId: undefined }]);
  });

  test.each<[string, Told, object]>([
    ["can be re-keyed", {}, { status: "OFFLINE", activated: true, refreshable: true, reasons: [] }],
    [
      "cannot while it is online",
      { device: { status: "ONLINE" } },
      { status: "ONLINE", refreshable: false, reasons: ["DeviceOnlineError"] },
    ],
    [
      "cannot before it has connected once",
      { activation: { activated: false } },
      { activated: false, refreshable: false, reasons: ["DeviceNotActiveError"] },
    ],
    [
      "has every reason named",
      { activation: { activated: false }, device: { status: "ONLINE" } },
      { refreshable: false, reasons: ["DeviceNotActiveError", "DeviceOnlineError"] },
    ],
    [
      "of which no state is said is unknown",
      { device: { status: null } },
      { status: "UNKNOWN", refreshable: true, reasons: [] },
    ],
  ])("%s", async (_, told, expected) => {
    const { output, status } = await ask({ deviceId: "d" }, told);
    expect(output).toMatchObject({ deviceId: "d", ...expected });
    expect(status).toBe(200);
  });

  test.each<[Told, object]>([
    [{}, { name: "Meter", nodeId: "n" }],
    [{ activation: { activated: true, name: null }, device: { name: "Other" } }, { name: "Other" }],
    [{ activation: { activated: true, name: null }, device: { name: null, nodeId: null } }, {}],
  ])("has a name and hardware where the platform says them (%j)", async (told, expected) => {
    const { deviceId, activated, status, refreshable, reasons, ...rest } = (await ask({ deviceId: "d" }, told))
      .output as Record<string, unknown>;
    expect([deviceId, activated, typeof status, refreshable, reasons]).toEqual(["d", true, "string", true, []]);
    expect(rest).toEqual(expected);
  });
});

describe("the service", () => {
  const well = { ok: true, ms: expect.any(Number) };

  test("is well when its parts are, each with the time that it took", async () => {
    const { output, status } = await ask({});
    expect([output, status]).toEqual([{ ok: true, secret: well, session: well, platform: well }, 200]);
    expect((output as { platform: { ms: number } }).platform.ms).toBe(30);
  });

  test.each(["secret", "session", "platform"] as const)("is not well when %s is not", async (name) => {
    const error = new RekeyError("PlatformUnavailableError", "The platform cannot be reached");
    const { output, status } = await ask({}, { failing: { [name]: error } });
    expect(output).toMatchObject({ ok: false, [name]: { ok: false, error: "PlatformUnavailableError" } });
    expect(status).toBe(503);
  });

  test("says of a fault of our own no more than that there is one", async () => {
    const { output } = await ask({}, { failing: { session: new TypeError("inside") } });
    expect(output).toMatchObject({ session: { ok: false, ms: 30, error: "InternalError" } });
  });
});

describe("the token that the session holds", () => {
  const token: Token = { accessToken: "stored", issuedAtMs: 0, expiresAtMs: 9_999_999_999_999 };

  test.each(["DeviceNotFoundError", "ApplicationNotAuthorizedError", "InvalidInputError"] as const)(
    "is well where a read of no device brings %s",
    async (name) => {
      const { output, asked } = await ask({}, { token, readFails: new RekeyError(name, "x") });
      expect(output).toMatchObject({ ok: true, platform: { ok: true } });
      expect(asked).toContainEqual(["device", { deviceId: "rekey-status-check" }]);
      // Of an invocation's fifteen seconds the read takes five at most.
      expect(asked).toContainEqual(["stored", 5_000]);
    },
  );

  test.each(["AccessTokenRejectedError", "PlatformThrottledError"] as const)(
    "is not where it brings %s",
    async (name) => {
      const readFails = new RekeyError(name, "x", { platformCode: "1" });
      const { output, lines } = await ask({}, { token, readFails });
      expect(output).toMatchObject({ ok: false, platform: { ok: false, error: name } });
      expect(lines).toContainEqual(
        expect.objectContaining({ level: "WARN", part: "platform", outcome: name, platformCode: "1", detail: "x" }),
      );
    },
  );

  test("is not where the read fails by a fault of our own", async () => {
    const { output } = await ask({}, { token, readFails: new TypeError("inside") });
    expect(output).toMatchObject({ ok: false, platform: { error: "InternalError" } });
  });

  test("is not tried where there is none", async () => {
    expect((await ask({})).asked).not.toContainEqual(["device", { deviceId: "rekey-status-check" }]);
  });
});

test("what is wrong with a part is one line, with the fields that it lies in", async () => {
  const faults = [
    { path: "baseUrl", message: "is missing" },
    { path: "ca", message: "is not valid" },
  ];
  const secret = new RekeyError("ConfigurationError", "The secret is malformed", { faults });
  const { lines } = await ask({}, { failing: { secret } });
  expect(lines).toContainEqual(
    expect.objectContaining({ level: "ERROR", part: "secret", outcome: "ConfigurationError", field: "baseUrl, ca" }),
  );
  const fault = new RekeyError("RenewalLimitedError", "Somebody else logs in");
  const limited = await ask({}, { fault });
  expect(limited.output).toMatchObject({ ok: false, session: { ok: false, error: "RenewalLimitedError" } });
  expect(limited.lines).toEqual([
    expect.objectContaining({ level: "WARN", part: "session", outcome: "RenewalLimitedError" }),
  ]);
});

test("health is answered from the function alone", async () => {
  const { output, asked, status } = await ask({ health: true, deviceId: "d" });
  expect([output, asked, status]).toEqual([{ ok: true }, [], 200]);
});
