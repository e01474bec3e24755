import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createCertificates } from "../../local/platform-simulator/certificates.ts";
import { errorOf, type Rekey, resultOf, startRekey } from "./rekey.ts";

let rekey: Rekey;
beforeEach(async () => {
  rekey = await startRekey();
});
afterEach(() => rekey.close());

interface Status {
  readonly ok: boolean;
  readonly secret: { readonly ok: boolean; readonly ms: number; readonly error?: string };
  readonly session: Status["secret"];
  readonly platform: Status["secret"];
}

const logins = () => rekey.simulator.counters.requests.login + rekey.simulator.counters.requests.refreshToken;
const logIn = async () => expect(errorOf(await rekey.lambda.invoke("authenticate", {}))).toBe("ok");
/** What the status says, by its parts that are not well; and what the log says of these. */
async function ask() {
  const answer = await rekey.http("GET", "/status");
  const status: Status = answer.json;
  const faults = Object.entries(status).flatMap(([part, { error }]) => (error === undefined ? [] : [[part, error]]));
  expect([answer.status, status.ok]).toEqual(faults.length === 0 ? [200, true] : [503, false]);
  const lines = rekey.lambda.lines
    .map(({ line }) => (line.startsWith("{") ? JSON.parse(line) : {}))
    .filter(({ message }) => message === "Service is not well");
  return { faults: Object.fromEntries(faults), lines };
}

test("all is well with an empty session, and with a live one, and a status logs in nowhere", async () => {
  expect(await ask()).toEqual({ faults: {}, lines: [] });
  expect(logins()).toBe(0);
  await logIn();
  expect(await ask()).toEqual({ faults: {}, lines: [] });
  expect(logins()).toBe(1);
  // With the token it makes one read, of a device that does not exist.
  expect(rekey.simulator.counters.requests.deviceInfo).toBe(1);
});

interface Trouble {
  readonly what: string;
  strike(): Promise<unknown> | unknown;
  readonly faults: Record<string, string>;
  /** What the lines say, one for each part that is not well. */
  readonly said: readonly Record<string, unknown>[];
}

const another = await createCertificates();
const put = (text: string) => rekey.secrets.store.put(rekey.secretIds.applicationSecret, { text }, crypto.randomUUID());
const configuration = { outcome: "ConfigurationError" };

const troubles: readonly Trouble[] = [
  {
    what: "a misspelt field of the application secret",
    strike: () => rekey.changeSecret({ clientCert: "PEM" }),
    faults: { secret: "ConfigurationError", platform: "ConfigurationError" },
    said: [
      {
        ...configuration,
        part: "secret",
        field: "clientCert",
        detail: expect.stringContaining("clientCert is unknown"),
      },
      { ...configuration, part: "platform", field: "clientCert" },
    ],
  },
  {
    what: "an application secret that is no JSON",
    strike: () => put("{"),
    faults: { secret: "ConfigurationError", platform: "ConfigurationError" },
    said: [{ part: "secret", detail: "The application secret is not a JSON object" }, { part: "platform" }],
  },
  {
    what: "an emptied application secret",
    strike: () => put(""),
    faults: { secret: "ConfigurationError", platform: "ConfigurationError" },
    said: [{ part: "secret" }, { part: "platform" }],
  },
  {
    what: "a certificate authority that does not fit",
    strike: () => rekey.changeSecret({ ca: another.ca }),
    faults: { platform: "ConfigurationError" },
    said: [{ ...configuration, part: "platform", cause: expect.any(String) }],
  },
  {
    what: "a frozen application",
    strike: async () => {
      await logIn();
      rekey.simulator.faults.add({ kind: "code", code: "100449", count: 0 });
    },
    faults: { platform: "ConfigurationError" },
    said: [{ ...configuration, part: "platform", platformCode: "100449" }],
  },
  {
    what: "a used-up quota",
    strike: async () => {
      await logIn();
      rekey.simulator.faults.add({ kind: "code", code: "1010009", count: 0 });
    },
    faults: { platform: "PlatformThrottledError" },
    said: [{ outcome: "PlatformThrottledError", part: "platform", platformCode: "1010009" }],
  },
  {
    what: "a token that is refused",
    strike: async () => {
      await logIn();
      rekey.simulator.killToken();
    },
    faults: { platform: "AccessTokenRejectedError" },
    said: [{ outcome: "AccessTokenRejectedError", part: "platform", platformCode: "1010005" }],
  },
  {
    what: "a conflict",
    strike: async () => {
      for (let round = 0; round < 7; round += 1) {
        await rekey.refresh({ deviceId: "device-1" });
        rekey.simulator.killToken();
      }
    },
    faults: { session: "RenewalLimitedError", platform: "AccessTokenRejectedError" },
    said: [
      { outcome: "RenewalLimitedError", part: "session", detail: expect.stringContaining("Another system") },
      { outcome: "AccessTokenRejectedError", part: "platform" },
    ],
  },
  {
    what: "a session secret that is marked for deletion",
    strike: () => rekey.secrets.store.delete(rekey.secretIds.sessionSecret, 7),
    faults: { session: "ConfigurationError" },
    said: [{ ...configuration, part: "session", cause: expect.stringContaining("InvalidRequestException") }],
  },
  {
    what: "a store that is down",
    strike: () => rekey.secrets.down(),
    faults: {
      ...{ secret: "SecretsUnavailableError", session: "SecretsUnavailableError" },
      platform: "SecretsUnavailableError",
    },
    said: [{ part: "secret" }, { part: "session" }, { part: "platform" }],
  },
  {
    what: "a platform that is down",
    strike: () => rekey.simulator.down(),
    faults: { platform: "PlatformUnavailableError" },
    said: [{ outcome: "PlatformUnavailableError", part: "platform" }],
  },
];

describe("the status is not well during", () => {
  test.each(troubles.map((one) => [one.what, one] as const))("%s, and one line a part says why", async (_, trouble) => {
    await trouble.strike();
    const { faults, lines } = await ask();
    expect(faults).toEqual(trouble.faults);
    expect(lines.toSorted((one, other) => order(one) - order(other))).toEqual(
      trouble.said.map((said) => expect.objectContaining({ requestId: expect.any(String), ...said })),
    );
  });
});

const order = ({ part }: { readonly part: string }) => ["secret", "session", "platform"].indexOf(part);

test("a session secret that was named by its ARN and is gone is told with what to do, and by its name is made anew", async () => {
  await rekey.close();
  const arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:gone-AbCdEf";
  rekey = await startRekey({}, {}, { REKEY_SESSION_SECRET_ID: arn });
  const detail = expect.stringContaining("under an ARN none can be made: give its name, or another's ARN");
  const { faults, lines } = await ask();
  expect(faults).toEqual({ session: "ConfigurationError" });
  expect(lines).toEqual([expect.objectContaining({ ...configuration, level: "ERROR", part: "session", detail })]);
  expect(await rekey.refresh({ deviceId: "device-1" })).toMatchObject({
    error: { errorType: "ConfigurationError", errorMessage: detail },
  });
  expect((await rekey.http("POST", "/authenticate", {})).json).toMatchObject({ status: 500, retryable: false, detail });
  expect(logins()).toBe(0);
  await rekey.close();
  rekey = await startRekey({}, {}, { REKEY_SESSION_SECRET_ID: "gone" });
  expect((await ask()).faults).toEqual({});
  expect(errorOf(await rekey.refresh({ deviceId: "device-1" }))).toBe("ok");
});

test("the status of a session in a store that guards no lease says so", async () => {
  rekey.secrets.store.mood = "lenient";
  await logIn();
  expect((await ask()).faults).toEqual({ session: "ConfigurationError" });
  const lines = rekey.lambda.lines.filter(({ line }) => line.includes("does not refuse what a lease needs"));
  expect(lines).toHaveLength(1);
  expect(rekey.lambda.lines.some(({ line }) => line.includes('"LeaseUnguarded":1'))).toBe(true);
});

const sessionText = () => rekey.secrets.store.read(rekey.secretIds.sessionSecret).version.content.text ?? "";
const poison = (text: string) => rekey.secrets.store.put(rekey.secretIds.sessionSecret, { text }, crypto.randomUUID());
const later = () => Date.now() + 3_000_000;

describe("whoever writes the session secret", () => {
  const poisons: readonly (readonly [string, () => string])[] = [
    [
      "a token of 20,000 letters",
      () => JSON.stringify({ ...JSON.parse(sessionText()), accessToken: "x".repeat(20_000) }),
    ],
    [
      "a token of 8,000 letters",
      () => JSON.stringify({ ...JSON.parse(sessionText()), accessToken: "x".repeat(8_000) }),
    ],
    [
      "an end in the far future",
      () => JSON.stringify({ ...JSON.parse(sessionText()), expiresAtMs: 8.64e15, accessToken: "x" }),
    ],
    [
      "an issue in the far future",
      () => JSON.stringify({ ...JSON.parse(sessionText()), issuedAtMs: later(), accessToken: "x" }),
    ],
    ["a wrong token", () => JSON.stringify({ ...JSON.parse(sessionText()), accessToken: "wrong" })],
    [
      "an allowance that is used up for years",
      () =>
        JSON.stringify({
          ...JSON.parse(sessionText()),
          accessToken: "wrong",
          conflictSinceMs: 1,
          refusedUntilMs: 8e15,
        }),
    ],
    ["garbage", () => "\u0000garbage"],
    ["nothing", () => ""],
  ];

  test.each(poisons)("puts %s there, the next request works, and so does a login on request", async (_, text) => {
    await logIn();
    poison(text());
    await rekey.lambda.recycle();
    const outcomes = [errorOf(await rekey.refresh({ deviceId: "device-1" }))];
    if (outcomes[0] !== "ok") outcomes.push(errorOf(await rekey.refresh({ deviceId: "device-1" })));
    expect(outcomes.at(-1)).toBe("ok");
    poison(text());
    await rekey.lambda.recycle();
    const before = rekey.simulator.counters.requests.login;
    expect(errorOf(await rekey.lambda.invoke("authenticate", { renew: true }))).toBe("ok");
    expect(rekey.simulator.counters.requests.login - before).toBe(1);
    expect((await ask()).faults).toEqual({});
  });
});

describe("authenticate leaves its audit line", () => {
  const audits = () =>
    rekey.lambda.lines.map(({ line }) => (line.startsWith("{") ? JSON.parse(line) : {})).filter(({ audit }) => audit);

  test("when it hands out a token, and none for a look at its end", async () => {
    await logIn();
    expect(audits()).toEqual([]);
    resultOf(await rekey.lambda.invoke("authenticate", { includeToken: true }));
    expect(audits()).toMatchObject([{ caller: "direct invocation", renew: false, includeToken: true, outcome: "ok" }]);
  });

  test("with its caller and the error's name when it fails", async () => {
    rekey.changeSecret({ secret: "wrong" });
    expect(errorOf(await rekey.lambda.invoke("authenticate", { renew: true }))).toBe("ConfigurationError");
    expect(audits()).toMatchObject([{ caller: "direct invocation", renew: true, outcome: "ConfigurationError" }]);
  });
});
