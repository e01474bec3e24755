import { describe, expect, test } from "vitest";
import { type ErrorName, RekeyError, traitsOf } from "../../shared/errors.ts";
import { workOff } from "../../shared/fleet/batch.ts";
import { createPacer } from "../../shared/fleet/pacer.ts";
import { openRun } from "../../shared/fleet/run.ts";
import { SimulatedTime } from "../simulation/time.ts";

const [inKey, outKey] = ["runs/june/rounds/1/1.in.jsonl", "runs/june/rounds/1/1.out.jsonl"];
const execution = "execution-1";

interface Options {
  readonly devices?: number;
  /** All devices of the run. Default: those of the batch. */
  readonly total?: number;
  /** Of the run, before this batch. */
  readonly failed?: number;
  readonly callMs?: number;
  /** What a call fails with: by line, and which of the line's calls it is, from 1. */
  readonly fail: (line: number, attempt: number) => unknown;
}

/** A run with one batch at a call a second, on a platform that fails. */
async function begin({ devices = 3, total = devices, failed = 0, callMs = 0, fail }: Options) {
  const time = new SimulatedTime();
  const clock = time.clock();
  const texts = new Map<string, string>();
  const put = async (key: string, text: string) => void texts.set(key, text);
  const run = openRun("june", { get: async (key) => texts.get(key), put });
  const fleet = Array.from({ length: devices }, (_, at) => ({ line: at + 1, deviceId: `d-${at + 1}` }));
  await run.writeRound(1, fleet, 1_000);
  await run.writeOwner(execution);
  await run.writeProgress({
    ...{ run: "june", total, done: 0, failed, waiting: 0, round: 1, finished: false },
    ...{ startedAtMs: clock.now(), updatedAtMs: clock.now() },
  });
  const calls: { readonly line: number; readonly atMs: number }[] = [];
  const rekey = async ({ line }: { readonly line: number }) => {
    calls.push({ line, atMs: time.elapsedMs });
    const attempt = calls.filter((call) => call.line === line).length;
    await time.sleep(callMs);
    const error = fail(line, attempt);
    if (error !== undefined) throw error;
    return { verifyCode: "code", expiresAtMs: null, replayed: false };
  };
  const work = (toleratedFailurePercentage = 100) =>
    workOff(
      { execution, inKey, outKey, includeCode: false, toleratedFailurePercentage },
      { run, pacer: createPacer(60, clock), clock, rekey },
    );
  const statuses = async () => (await run.readLines(outKey)).map(({ line, status }) => `${line} ${status}`);
  const called = () => calls.map(({ line }) => line);
  return { work, run, called, statuses, begunAtMs: () => calls.map(({ atMs }) => atMs) };
}

const failure = (name: ErrorName, message = "It failed") => new RekeyError(name, message);

describe("a device that is refused", () => {
  test.each<[name: ErrorName, called: readonly number[], status: string]>([
    ["DeviceNotFoundError", [1, 2, 3], "failed"],
    ["NodeIdTakenError", [1, 2, 3], "failed"],
    ["InvalidInputError", [1, 2, 3], "failed"],
    ["DeviceOnlineError", [1, 2, 3], "waiting"],
    ["PlatformReplyError", [1, 2, 3, 1, 1], "waiting"],
    ["OutcomeUnknownError", [1, 2, 3, 1, 1], "waiting"],
    ["PlatformUnavailableError", [1, 2, 3, 1, 1], "waiting"],
  ])("with %s has the calls %j and is %s in the end, with what its owner can do", async (name, expected, status) => {
    const { work, run, called } = await begin({ fail: (line) => (line === 1 ? failure(name) : undefined) });
    const counts = { done: 2, failed: 0, waiting: 0, [status]: 1 };
    expect(await work()).toEqual({ ...counts, tooManyFailures: false });
    expect(called()).toEqual(expected);
    const [line] = await run.readLines(outKey);
    const { advice } = traitsOf(name);
    const at = new Date(Date.UTC(2026, 0, 1) + expected.lastIndexOf(1) * 1_000 + 1_000).toISOString();
    expect(line).toEqual({ line: 1, deviceId: "d-1", status, error: name, detail: "It failed", advice, at });
    expect(await run.readProgress()).toMatchObject(counts);
  });

  test("and then is not has the line of one that was not", async () => {
    const { work, run, called } = await begin({
      fail: (line, attempt) => (line === 2 && attempt < 3 ? failure("PlatformReplyError") : undefined),
    });
    expect(await work()).toMatchObject({ done: 3, failed: 0, waiting: 0 });
    expect(called()).toEqual([1, 2, 3, 2, 2]);
    const line = (await run.readLines(outKey)).find((one) => one.line === 2);
    expect(line).toMatchObject({ status: "done", replayed: false });
    expect(line).not.toHaveProperty("error");
  });

  test("while it is the last one under way is waited for and called again", async () => {
    const { work, begunAtMs } = await begin({
      devices: 1,
      callMs: 5_000,
      fail: (_, attempt) => (attempt === 1 ? failure("PlatformReplyError") : undefined),
    });
    expect(await work()).toMatchObject({ done: 1 });
    expect(begunAtMs()).toEqual([1_000, 6_000]);
  });

  test.each<[name: ErrorName, begun: readonly number[]]>([
    ["PlatformThrottledError", [1_000, 11_000, 12_000, 22_000, 42_000, 43_000]],
    ["PlatformReplyError", [1_000, 2_000, 3_000, 4_000, 5_000, 6_000]],
  ])("with %s has the next calls begin at %j", async (name, begun) => {
    const refused = new Set([1, 3, 4]);
    const { work, begunAtMs } = await begin({
      devices: 6,
      fail: (line, attempt) => (refused.has(line) && attempt === 1 ? failure(name) : undefined),
    });
    expect(await work()).toMatchObject({ done: 6 });
    expect(begunAtMs().slice(0, 6)).toEqual(begun);
  });
});

describe("an outage", () => {
  test.each<[name: ErrorName]>([
    ["PlatformUnavailableError"],
    ["SecretsUnavailableError"],
    ["RenewalLimitedError"],
    ["AccessTokenRejectedError"],
  ])("that shows as %s five times in a row ends the batch, and its devices wait", async (name) => {
    const { work, run, called, statuses } = await begin({ devices: 9, fail: () => failure(name) });
    await expect(work()).rejects.toMatchObject({ name, message: "It failed" });
    // The call whose turn comes next may have begun.
    expect([5, 6]).toContain(called().length);
    expect(await statuses()).toEqual(called().map((line) => `${line} waiting`));
    expect(await run.readProgress()).toMatchObject({
      ...{ done: 0, failed: 0, waiting: called().length },
      stopped: { error: name, cause: `It failed. ${traitsOf(name).advice}` },
    });
  });

  test.each<[what: string, other: ErrorName | undefined]>([
    ["a device that is served", undefined],
    ["a device that is refused for a reason of its own", "DeviceNotFoundError"],
    ["a device that is online", "DeviceOnlineError"],
  ])("is over with %s", async (_, other) => {
    const { work, run } = await begin({
      devices: 13,
      fail: (line, attempt) => {
        if (line % 5 !== 0) return attempt === 1 ? failure("PlatformUnavailableError") : undefined;
        return other && failure(other);
      },
    });
    expect(await work()).toMatchObject({ done: other === undefined ? 13 : 11 });
    expect((await run.readProgress())?.stopped).toBeUndefined();
  });

  test.each<[name: ErrorName, calls: number]>([
    // The pauses between them would outlast the batch's eight minutes.
    ["PlatformThrottledError", 8],
    ["PlatformReplyError", 9],
    ["OutcomeUnknownError", 9],
  ])("is not seen in %s, however often", async (name, calls) => {
    const { work, called } = await begin({ fail: () => failure(name) });
    expect(await work()).toEqual({ done: 0, failed: 0, waiting: 3, tooManyFailures: false });
    expect(called()).toHaveLength(calls);
  });

  test("is told by the error that ended the batch, not by those of calls that were still under way", async () => {
    const { work, run, called, statuses } = await begin({
      devices: 20,
      callMs: 2_500,
      fail: (line) => failure("PlatformUnavailableError", `Down for ${line}`),
    });
    await expect(work()).rejects.toThrow("Down for 5");
    expect((await run.readProgress())?.stopped?.cause).toMatch(/^Down for 5\. /);
    expect(called().length).toBeLessThanOrEqual(8);
    expect(await statuses()).toEqual(called().map((line) => `${line} waiting`));
  });
});

describe("what no device can be blamed for", () => {
  test.each([
    [failure("ConfigurationError", "No codeKey"), "ConfigurationError", /^No codeKey\. Tell whoever operates/],
    [new TypeError("x is not a function"), "UnexpectedError", /^The log of rekeyBatch names the cause\.$/],
  ])(
    "ends the batch at once, is kept as its reason and leaves the device as it was: %s",
    async (error, name, cause) => {
      const { work, run, called, statuses } = await begin({
        devices: 9,
        fail: (line) => (line === 2 ? error : undefined),
      });
      await expect(work()).rejects.toBe(error);
      expect(called().length).toBeLessThanOrEqual(3);
      expect(await statuses()).not.toContainEqual(expect.stringMatching(/^2 /));
      expect((await run.readProgress())?.stopped).toEqual({ error: name, cause: expect.stringMatching(cause) });
    },
  );

  test("is told by the first error of several", async () => {
    const { work } = await begin({ callMs: 2_500, fail: (line) => new TypeError(`Fault ${line}`) });
    await expect(work()).rejects.toThrow("Fault 1");
  });
});

describe("failed devices", () => {
  test.each([
    ["as many as are tolerated", { tolerated: 20, total: 10, failed: 1 }, false],
    ["one more than is tolerated", { tolerated: 20, total: 10, failed: 2 }, true],
    ["a little more than is tolerated", { tolerated: 19.9, total: 10, failed: 1 }, true],
    ["one, where none is tolerated", { tolerated: 0, total: 1_000, failed: 0 }, true],
    ["all, where all are tolerated", { tolerated: 100, total: 3, failed: 2 }, false],
    ["few of the run, although many of the batch", { tolerated: 5, total: 20, failed: 0 }, false],
  ])("that are %s are counted over the whole run", async (_, { tolerated, total, failed }, tooMany) => {
    const fail = (line: number) => (line === 1 ? failure("DeviceNotFoundError") : undefined);
    const { work, run } = await begin({ total, failed, fail });
    expect(await work(tolerated)).toEqual({ done: 2, failed: 1, waiting: 0, tooManyFailures: tooMany });
    const cause =
      "More devices failed than are tolerated. Look into the result, correct the input or the tolerated share, and start the run again.";
    const stopped = tooMany ? { error: "TooManyDevicesFailed", cause } : undefined;
    expect((await run.readProgress())?.stopped).toEqual(stopped);
  });

  test("that are too many are not the reason where an outage ended the batch", async () => {
    const fail = (line: number) => failure(line === 1 ? "DeviceNotFoundError" : "PlatformUnavailableError");
    const { work, run } = await begin({ devices: 9, fail });
    await expect(work(0)).rejects.toThrow("It failed");
    expect((await run.readProgress())?.stopped?.error).toBe("PlatformUnavailableError");
  });
});
