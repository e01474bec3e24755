import { afterEach, describe, expect, test, vi } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { type CallContext, HeaderRefusal } from "../../shared/platform/calls.ts";
import { createPlatform } from "../../shared/platform/client.ts";
import { deadlineIn } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";
import { SimulatedStore } from "../simulation/store.ts";
import { SimulatedTime } from "../simulation/time.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const application = (secret: string) => JSON.stringify({ baseUrl: "http://127.0.0.1:1", appId: "a", secret });
const unreachable = () => new RekeyError("PlatformUnavailableError", "The platform cannot be reached");
const refused = () => new RekeyError("AccessTokenRejectedError", "Refused", { platformCode: "1010005" });

/** A platform whose secrets are there with a live token, and calls that end as told: each with an error, or well. */
function open(ends: (RekeyError | TypeError | undefined)[], leftMs = 15_000) {
  const time = new SimulatedTime();
  vi.spyOn(AbortSignal, "timeout").mockImplementation((milliseconds) => time.timeout(milliseconds));
  const clock = time.clock();
  const session = (accessToken: string) =>
    JSON.stringify({ accessToken, issuedAtMs: clock.now(), expiresAtMs: clock.now() + 3_600_000 });
  const store = new SimulatedStore(time, { application: application("first"), session: session("token-0") });
  const platform = createPlatform({
    secrets: createSecrets(store.client(), time.clock()),
    ...{ secretId: "application", sessionSecretId: "session", clock, log: createLog("SILENT") },
    metrics: createMetrics({ write: () => undefined, clock, stage: "test" }),
  });
  const contexts: CallContext[] = [];
  const request = async (context: CallContext) => {
    contexts.push(context);
    const end = ends.shift();
    if (end !== undefined) throw end;
    return "answer";
  };
  const authorization = (accessToken?: string) => platform.authorize(deadlineIn(leftMs, clock), accessToken);
  const put = (id: string, text: string) => store.store.put(id, { text }, crypto.randomUUID());
  return {
    time,
    store,
    contexts,
    request,
    authorization,
    publish: (accessToken: string) => put("session", session(accessToken)),
    change: (secret: string) => put("application", application(secret)),
    used: () => contexts.map(({ accessToken, credentials }) => `${accessToken} ${credentials.secret}`),
  };
}

describe("a request that is refused for its header", () => {
  const ofHeader = (name: "PlatformReplyError" | "OutcomeUnknownError" = "PlatformReplyError") =>
    new RekeyError(name, "The platform's answer has no error code", { cause: new HeaderRefusal("HTTP 431") });

  test.each(["PlatformReplyError", "OutcomeUnknownError"] as const)(
    "as a %s is made again with what was published meanwhile",
    async (name) => {
      const { request, authorization, publish, used } = open([ofHeader(name)]);
      const calls = authorization();
      await calls.call(async () => "the session is read");
      publish("token-1");
      expect(await calls.call(request)).toBe("answer");
      expect(used()).toEqual(["token-0 first", "token-1 first"]);
    },
  );

  test("is made again once, since its token may not be to blame", async () => {
    const { request, authorization, publish, contexts } = open([ofHeader(), ofHeader()]);
    const calls = authorization();
    await calls.call(async () => "the session is read");
    publish("token-1");
    await expect(calls.call(request)).rejects.toMatchObject({ name: "PlatformReplyError" });
    expect(contexts).toHaveLength(2);
  });

  test("with a token that no login of ours has brought has it renewed, which fails by name where the platform is away", async () => {
    const { request, authorization, contexts } = open([ofHeader()]);
    await expect(authorization().call(request)).rejects.toMatchObject({ name: "PlatformUnavailableError" });
    expect(contexts).toHaveLength(1);
  });
});

describe("a call", () => {
  test.each([
    // The two secrets are read at once, 10 ms before.
    [undefined, 15_000, 14_890],
    [5_000, 15_000, 5_000],
    [20_000, 15_000, 14_890],
    [5_000, 105, 1],
  ])("that may take %s ms, with %d ms left, is given %d", async (limitMs, leftMs, timeoutMs) => {
    const { contexts, request, authorization } = open([], leftMs);
    expect(await authorization().call(request, limitMs)).toBe("answer");
    expect(contexts).toMatchObject([{ accessToken: "token-0", timeoutMs }]);
  });

  test("that follows another one needs the store no more", async () => {
    const { store, request, authorization } = open([]);
    const one = authorization();
    await one.call(request);
    const before = store.calls.length;
    await one.call(request);
    expect((await one.credentials()).secret).toBe("first");
    expect(store.calls.length).toBe(before);
  });

  test("that fails by no fault of token or connection fails", async () => {
    const { contexts, request, authorization } = open([new TypeError("broken")]);
    await expect(authorization().call(request)).rejects.toThrow(new TypeError("broken"));
    expect(contexts).toHaveLength(1);
  });
});

describe("a call that never reached the platform", () => {
  test.each([unreachable(), new RekeyError("ConfigurationError", "Not trusted")])(
    "is made again with what stands in the secret now, where that has changed ($name)",
    async (error) => {
      const { time, used, change, request, authorization } = open([undefined, error]);
      const one = authorization();
      await one.call(request);
      change("second");
      await time.sleep(10_000);
      expect(await one.call(request)).toBe("answer");
      expect(used()).toEqual(["token-0 first", "token-0 first", "token-0 second"]);
    },
  );

  test("ends so where nothing has changed", async () => {
    const { time, used, request, authorization } = open([undefined, unreachable()]);
    const one = authorization();
    await one.call(request);
    await time.sleep(10_000);
    await expect(one.call(request)).rejects.toMatchObject({ name: "PlatformUnavailableError" });
    expect(used()).toHaveLength(2);
  });

  test("ends so, without a look, where the secret was read less than ten seconds ago", async () => {
    const { store, change, request, authorization } = open([undefined, unreachable()]);
    const one = authorization();
    await one.call(request);
    change("second");
    const before = store.calls.length;
    await expect(one.call(request)).rejects.toMatchObject({ name: "PlatformUnavailableError" });
    expect(store.calls.length).toBe(before);
  });

  test("ends so where the store does not answer", async () => {
    const { time, store, request, authorization } = open([undefined, unreachable()]);
    const one = authorization();
    await one.call(request);
    await time.sleep(10_000);
    store.faults.add({ kind: "error", count: 0 });
    await expect(one.call(request)).rejects.toMatchObject({ name: "PlatformUnavailableError" });
  });

  test.each([
    [12_010, ["token-0 first", "token-0 first", "token-0 second"]],
    [11_509, ["token-0 first", "token-0 first"]],
  ])("with %d ms at first, of which ten seconds go by, is made as often as there is time for", async (leftMs, uses) => {
    const { time, used, change, request, authorization } = open([undefined, unreachable()], leftMs);
    const one = authorization();
    await one.call(request);
    change("second");
    await time.sleep(10_000);
    await one.call(request).catch(() => undefined);
    expect(used()).toEqual(uses);
  });

  test.each([
    new RekeyError("PlatformUnavailableError", "Broken", { platformCode: "50252" }),
    new RekeyError("ConfigurationError", "Wrong app", { platformCode: "100203" }),
    new RekeyError("OutcomeUnknownError", "Lost"),
  ])("is none where the platform answered, or may have ($name, $platformCode)", async (error) => {
    const { time, used, change, request, authorization } = open([undefined, error]);
    const one = authorization();
    await one.call(request);
    change("second");
    await time.sleep(10_000);
    await expect(one.call(request)).rejects.toBe(error);
    expect(used()).toHaveLength(2);
  });
});

describe("a token that the platform refuses", () => {
  test("is replaced by what another sandbox published", async () => {
    const { used, publish, request, authorization } = open([refused()]);
    const one = authorization();
    const answer = one.call((context) => {
      publish("token-1");
      return request(context);
    });
    expect(await answer).toBe("answer");
    expect(used()).toEqual(["token-0 first", "token-1 first"]);
  });

  test("while others publish one after the other, is replaced five times, and then the refusal is told", async () => {
    const { contexts, publish, request, authorization } = open(Array.from({ length: 20 }, refused));
    const answer = authorization().call((context) => {
      publish(`token-${contexts.length + 1}`);
      return request(context);
    });
    await expect(answer).rejects.toMatchObject({ name: "AccessTokenRejectedError", status: 502, retryable: true });
    expect(contexts).toHaveLength(6);
  });

  test("is the caller's own affair where it is the caller's own", async () => {
    const { used, request, authorization } = open([refused()]);
    await expect(authorization("mine").call(request)).rejects.toMatchObject({
      ...{ name: "AccessTokenRejectedError", status: 401, retryable: false, platformCode: "1010005" },
      message: "The platform refuses the access token that the caller gave",
    });
    expect(used()).toEqual(["mine first"]);
  });

  test("of a caller's own call that failed otherwise is not blamed", async () => {
    const { request, authorization } = open([new RekeyError("DeviceOnlineError", "Online")]);
    await expect(authorization("mine").call(request)).rejects.toMatchObject({ name: "DeviceOnlineError", status: 409 });
  });
});
