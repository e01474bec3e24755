import { describe, expect, test } from "vitest";
import { type ErrorName, traitsOf } from "../../shared/errors.ts";
import { noCounts } from "../../shared/fleet/counts.ts";
import { begin, failure, isoAfter, startedAtMs } from "./one-batch.ts";

describe("a device that is refused", () => {
  test.each<[name: ErrorName, called: readonly number[], status: string, counts: boolean]>([
    ["DeviceNotFoundError", [1, 2, 3], "failed", true],
    ["NodeIdTakenError", [1, 2, 3], "failed", true],
    ["InvalidInputError", [1, 2, 3], "failed", true],
    ["DeviceOnlineError", [1, 2, 3], "waiting", true],
    ["PlatformReplyError", [1, 2, 3, 1, 1], "waiting", true],
    ["OutcomeUnknownError", [1, 2, 3, 1, 1], "waiting", true],
    ["PlatformUnavailableError", [1, 2, 3, 1, 1], "waiting", false],
  ])("with %s has the calls %j and is %s in the end, with what helps", async (name, expected, status, counts) => {
    const { work, lines, called, lastKept } = await begin({ fail: (line) => (line === 1 ? failure(name) : undefined) });
    expect(await work()).toMatchObject({ done: 2, failed: 0, waiting: 0, [status]: 1, next: "over" });
    expect(called()).toEqual(expected);
    const line = (await lines()).find((one) => one.line === 1);
    const { advice } = traitsOf(name);
    const at = isoAfter(expected.lastIndexOf(1) * 1_000 + 1_000);
    // The limit counts from when the device was first asked for, not from when nobody answered.
    const tried = counts ? { triedAtMs: startedAtMs + 1_000 } : {};
    expect({ ...line, ...(status === "failed" ? {} : tried) }).toMatchObject({
      ...{ line: 1, deviceId: "d-1", status, error: name, detail: "It failed", advice, at },
    });
    expect(line?.triedAtMs).toBe(counts ? line?.triedAtMs : undefined);
    expect(lastKept()).toMatchObject({ errors: status === "failed" ? { [name]: 1 } : {} });
  });

  test("and then is not has the line of one that was not", async () => {
    const { work, lines, called } = await begin({
      fail: (line, attempt) => (line === 2 && attempt < 3 ? failure("PlatformReplyError") : undefined),
    });
    expect(await work()).toMatchObject({ done: 3, failed: 0, waiting: 0 });
    expect(called()).toEqual([1, 2, 3, 2, 2]);
    const line = (await lines()).find((one) => one.line === 2);
    expect(line).toMatchObject({ status: "done" });
    expect(line).not.toHaveProperty("error");
  });

  test("while it is the last one under way is waited for and called again", async () => {
    const { work, begunAtMs } = await begin({
      ...{ devices: 1, callMs: 5_500 },
      fail: (_, attempt) => (attempt === 1 ? failure("PlatformReplyError") : undefined),
    });
    expect(await work()).toMatchObject({ done: 1 });
    expect(begunAtMs()).toEqual([1_000, 6_500]);
  });

  test.each<[name: ErrorName, begun: readonly number[]]>([
    ["PlatformThrottledError", [1_000, 7_000, 8_085, 20_085, 44_085, 45_351]],
    ["PlatformReplyError", [1_000, 2_000, 3_000, 4_000, 5_000, 6_000]],
  ])("with %s has the next calls begin at %j", async (name, begun) => {
    const refused = new Set([1, 3, 4]);
    const { work, begunAtMs } = await begin({
      devices: 6,
      fail: (line, attempt) => (refused.has(line) && attempt === 1 ? failure(name) : undefined),
    });
    expect(await work()).toMatchObject({ done: 6 });
    expect(begunAtMs().slice(0, 6).map(Math.round)).toEqual(begun);
  });

  test.each<[name: ErrorName | undefined]>([[undefined], ["DeviceOnlineError"], ["DeviceNotFoundError"]])(
    "for want of quota is followed by a short rest again when others were answered meanwhile, be it %s",
    async (name) => {
      const { work, begunAtMs } = await begin({
        devices: 60,
        fail: (line) => {
          if (line === 1 || line === 50) return failure("PlatformThrottledError");
          return name && failure(name);
        },
      });
      await work();
      const [begun = 0, next = 0] = begunAtMs().slice(49);
      expect(Math.round((next - begun) / 1_000)).toBe(6);
    },
  );
});

describe("an outage", () => {
  test.each<[name: ErrorName]>([
    ["PlatformUnavailableError"],
    ["SecretsUnavailableError"],
    ["RenewalLimitedError"],
    ["AccessTokenRejectedError"],
    ["OutcomeUnknownError"],
    ["PlatformReplyError"],
  ])("that shows as %s five times in a row pauses the run, which says when it is tried again", async (name) => {
    const { work, called, statuses, lastKept, time } = await begin({ devices: 9, fail: () => failure(name) });
    expect(await work()).toMatchObject({ done: 0, failed: 0, next: "again", waitSeconds: 15 });
    // The call whose turn comes next may have begun.
    expect([5, 6]).toContain(called().length);
    expect(await statuses()).toEqual(called().map((line) => `${line} waiting`));
    expect(lastKept()).toMatchObject({
      ...{ done: 0, failed: 0, waiting: called().length },
      stopped: {
        ...{ error: name, cause: `It failed. ${traitsOf(name).advice}`, tries: 1 },
        nextTryAtMs: time.clock().now() + 15_000,
      },
    });
  });

  test("of a day is waited for ever longer, up to ten minutes, one device at a time, and the rest is done then", async () => {
    let isDown = true;
    const { work, time, called, lastKept } = await begin({
      devices: 30,
      fail: () => (isDown ? failure("PlatformUnavailableError") : undefined),
    });
    const waits: number[] = [];
    let looks = 0;
    for (let leftSeconds = 0, overs = 0; time.elapsedMs < 86_400_000; looks += 1) {
      const before = called().length;
      const outcome = await work({ leftSeconds });
      if (outcome.next === "over") {
        // The wait goes on in the next batch, whose execution has a history of its own.
        overs += 1;
        expect([overs, waits.length, looks * 9]).toEqual([1, 99, expect.toSatisfy((events) => events < 12_000)]);
        leftSeconds = 0;
        continue;
      }
      expect(outcome.next).toBe("again");
      expect(outcome.waitSeconds).toBeLessThanOrEqual(60);
      if (leftSeconds === 0) waits.push(outcome.waitSeconds + outcome.leftSeconds);
      else expect(called()).toHaveLength(before);
      await time.sleep(outcome.waitSeconds * 1_000);
      leftSeconds = outcome.leftSeconds;
    }
    expect(waits.slice(0, 8)).toEqual([15, 30, 60, 120, 240, 480, 600, 600]);
    expect(waits.length).toBeLessThan(160);
    expect(called().length).toBeLessThan(160 * 6);
    isDown = false;
    expect(await work()).toMatchObject({ done: 30, next: "over" });
    expect(lastKept()).not.toHaveProperty("stopped");
  });

  test("that only these devices have is let go after some tries, so that the run goes on without them", async () => {
    const { work, time } = await begin({ devices: 6, fail: () => failure("PlatformReplyError") });
    let tries = 0;
    for (let next = "again"; next === "again"; tries += 1) {
      const outcome = await work();
      next = outcome.next;
      await time.sleep(outcome.waitSeconds * 1_000);
    }
    expect(tries).toBe(13);
  });

  test.each<[what: string, other: ErrorName | undefined]>([
    ["a device that is served", undefined],
    ["a device that is refused for a reason of its own", "DeviceNotFoundError"],
    ["a device that is online", "DeviceOnlineError"],
  ])("is over with %s", async (_, other) => {
    const { work, lastKept } = await begin({
      devices: 13,
      fail: (line, attempt) => {
        if (line % 5 !== 0) return attempt === 1 ? failure("PlatformUnavailableError") : undefined;
        return other && failure(other);
      },
    });
    expect(await work()).toMatchObject({ done: other === undefined ? 13 : 11, next: "over" });
    expect(lastKept()?.stopped).toBeUndefined();
  });

  test.each<[name: ErrorName, calls: number]>([
    // The pauses between them would outlast the batch's eight minutes.
    ["PlatformThrottledError", 8],
    ["PlatformReplyError", 9],
    ["OutcomeUnknownError", 9],
  ])("is not seen in %s of fewer than five devices, however often", async (name, calls) => {
    const { work, called } = await begin({ fail: () => failure(name) });
    expect(await work()).toMatchObject({ done: 0, failed: 0, waiting: 3, next: "over" });
    expect(called()).toHaveLength(calls);
  });

  test("is told by the error that ended the batch, not by those of calls that were still under way", async () => {
    const { work, lastKept, called, statuses } = await begin({
      ...{ devices: 20, callMs: 2_500 },
      fail: (line) => failure("PlatformUnavailableError", `Down for ${line}`),
    });
    await work();
    expect(lastKept()?.stopped?.cause).toMatch(/^Down for 5\. /);
    expect(called().length).toBeLessThanOrEqual(8);
    expect(await statuses()).toEqual(called().map((line) => `${line} waiting`));
  });
});

describe("what no device can be blamed for", () => {
  test("stops the run when a person has to do something, and leaves the device as it was", async () => {
    const fail = (line: number) => (line === 2 ? failure("ConfigurationError", "No codeKey") : undefined);
    const { work, called, statuses, lastKept } = await begin({ devices: 9, fail });
    expect(await work()).toMatchObject({ next: "stop" });
    expect(called().length).toBeLessThanOrEqual(3);
    expect(await statuses()).not.toContainEqual(expect.stringMatching(/^2 /));
    const cause = expect.stringMatching(/^No codeKey\. Tell whoever operates/);
    expect(lastKept()?.stopped).toEqual({ error: "ConfigurationError", cause });
  });

  test("is thrown when it is a fault of ours, and told by the first of several", async () => {
    const { work, lastKept } = await begin({ callMs: 2_500, fail: (line) => new TypeError(`Fault ${line}`) });
    await expect(work()).rejects.toThrow("Fault 1");
    expect(lastKept()?.stopped?.error).toBe("UnexpectedError");
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
    ["as many as stop it", { tolerated: 100, total: 1_000, failed: 4, maxFailures: 5 }, true],
    ["one fewer than stop it", { tolerated: 100, total: 1_000, failed: 3, maxFailures: 5 }, false],
  ])("that are %s are counted over the whole run", async (_, { tolerated, total, failed, ...more }, isTooMany) => {
    const fail = (line: number) => (line === 1 ? failure("DeviceNotFoundError") : undefined);
    const { work, lastKept } = await begin({ fail, progress: { total, before: { ...noCounts, failed } } });
    const { next } = await work({ toleratedFailurePercentage: tolerated, ...more });
    expect(next).toBe(isTooMany ? "stop" : "over");
    expect(lastKept()?.stopped?.error).toBe(isTooMany ? "TooManyDevicesFailed" : undefined);
  });

  test("stop the run as they happen, not at the end of the batch", async () => {
    const { work, called } = await begin({ devices: 100, fail: () => failure("DeviceNotFoundError") });
    expect(await work({ maxFailures: 3 })).toMatchObject({ failed: 3, next: "stop" });
    expect(called()).toHaveLength(3);
  });
});
