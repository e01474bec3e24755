import { describe, expect, test } from "vitest";
import { rekeyDevice } from "../../shared/platform/rekey.ts";
import { deadlineIn } from "../../shared/runtime/clock.ts";
import { createDevice, type Fate } from "./one-device.ts";

const wanted = { deviceId: "d", nodeId: "new", idempotencyKey: "ticket" };
const fate = (changes: Partial<Fate> = {}): Fate => ({
  ...{ tookMs: 0, answer: "comes", acts: true, thenOnline: false },
  ...changes,
});
const lost = fate({ answer: "lost", acts: false });

describe("a change", () => {
  test.each([
    // What is left, and what its answer is waited for.
    [30_000, 10_000],
    [15_000, 7_375],
    [8_000, 3_875],
    [5_000, 3_500],
    [3_000, 2_750],
    [1_000, 750],
  ])("that can be sent again, with %d ms left, is waited for %d ms", async (leftMs, limitMs) => {
    const { refresh, calls } = createDevice([]);
    await refresh(wanted, leftMs);
    expect(calls).toEqual([{ name: "change", atMs: 0, limitMs }]);
  });

  test.each([
    [15_000, 14_750],
    [1_000, 750],
  ])("that cannot be sent again, with %d ms left, is waited for %d ms", async (leftMs, limitMs) => {
    const { refresh, calls } = createDevice([]);
    await refresh({ deviceId: "d" }, leftMs);
    expect(calls).toEqual([{ name: "change", atMs: 0, limitMs }]);
  });

  test("that is lost is sent again after a pause that doubles", async () => {
    const { refresh, calls } = createDevice(Array(5).fill(lost));
    await expect(refresh({ deviceId: "d", verifyCode: "given" })).rejects.toMatchObject({
      name: "OutcomeUnknownError",
    });
    expect(calls.map(({ atMs }) => atMs)).toEqual([0, 100, 300, 700, 1_500]);
  });

  test("is not begun when the pause before it took longer than it should, and less than a second is left", async () => {
    const { time, calls, platform } = createDevice([lost]);
    const slow = { ...time.clock(), sleep: (milliseconds: number) => time.sleep(milliseconds + 10) };
    const request = { deviceId: "d", verifyCode: "given" };
    const refreshed = rekeyDevice(request, { platform, clock: slow, deadline: deadlineIn(1_105, slow) });
    await expect(refreshed).rejects.toMatchObject({ name: "OutcomeUnknownError" });
    expect(calls).toHaveLength(1);
  });

  test.each([
    [1_999, "a token that takes a second", "PlatformUnavailableError", 0],
    [2_000, "a token that takes a second", undefined, 1],
  ])("with %d ms left and %s is begun only if a second is left then", async (leftMs, _, name, times) => {
    const { time, calls, platform } = createDevice([fate()]);
    const { authorize } = platform;
    const slowly: typeof authorize = (...given) => {
      const authorization = authorize(...given);
      return { ...authorization, call: (...one) => time.sleep(1_000).then(() => authorization.call(...one)) };
    };
    const clock = time.clock();
    const refreshed = rekeyDevice(
      { deviceId: "d" },
      { platform: { ...platform, authorize: slowly }, clock, deadline: deadlineIn(leftMs, clock) },
    );
    expect(
      await refreshed.then(
        () => undefined,
        (error: Error) => error.name,
      ),
    ).toBe(name);
    expect(calls).toHaveLength(times);
  });

  test.each([
    [1_100, 2],
    [1_099, 1],
  ])(
    "that is lost, with %d ms left, is sent %d times: after the pause a second must be left",
    async (leftMs, times) => {
      const { refresh, calls } = createDevice([lost, lost]);
      await expect(refresh({ deviceId: "d", verifyCode: "given" }, leftMs)).rejects.toMatchObject({
        name: "OutcomeUnknownError",
      });
      expect(calls).toHaveLength(times);
    },
  );
});

describe("a read", () => {
  test.each([
    [15_000, 5_000],
    [6_000, 3_000],
    [1_500, 1_000],
    [1_100, 850],
  ])("with %d ms left is waited for %d ms, so that a change fits in after it", async (leftMs, limitMs) => {
    const { refresh, calls } = createDevice([]);
    await refresh({ ...wanted, expectedNodeId: "old" }, leftMs);
    expect(calls[0]).toEqual({ name: "read", atMs: 0, limitMs });
  });
});

test.each<[number | undefined, number | undefined, number]>([
  [60, 90, 60],
  [undefined, 90, 90],
  [undefined, undefined, 180],
  [0, 90, 0],
])("a platform that says %s where %s seconds were asked for makes it %d", async (said, timeoutSeconds, seconds) => {
  const { refresh, device, time } = createDevice([fate({ tookMs: 300 })]);
  device.timeout = said;
  const beginMs = time.clock().now();
  expect(await refresh({ ...wanted, timeoutSeconds })).toMatchObject({
    timeoutSeconds: seconds,
    // By when it was asked for, not when it was answered: never too much is promised.
    expiresAtMs: seconds === 0 ? null : beginMs + seconds * 1_000,
  });
});

describe("a device that came online with the wanted hardware while we were at it", () => {
  test("is done, where the expected nodeId says that this can only be our work", async () => {
    const { refresh, device, time, calls } = createDevice([fate({ tookMs: 5 }), fate({ tookMs: 20 })]);
    void time.sleep(10).then(() => Object.assign(device, { nodeId: "new", online: true }));
    expect(await refresh({ ...wanted, expectedNodeId: "old" })).toMatchObject({ replayed: true, expiresAtMs: null });
    expect(calls.map(({ name }) => name)).toEqual(["read", "change", "read"]);
  });

  test("is refused, where nothing says so", async () => {
    const { refresh, device, time, calls } = createDevice([fate({ tookMs: 20 })]);
    void time.sleep(10).then(() => Object.assign(device, { nodeId: "new", online: true }));
    await expect(refresh(wanted)).rejects.toMatchObject({ name: "DeviceOnlineError" });
    expect(calls.map(({ name }) => name)).toEqual(["change"]);
  });

  test("and was read with the old one after a lost change is refused: that change did nothing", async () => {
    const { refresh, device, time } = createDevice([lost, fate({ tookMs: 5 }), fate({ tookMs: 5 })]);
    void time.sleep(50).then(() => Object.assign(device, { online: true }));
    await expect(refresh(wanted)).rejects.toMatchObject({ name: "DeviceOnlineError" });
  });
});

describe("what reading a device tells", () => {
  const names = (calls: readonly { name: string }[]) => calls.map(({ name }) => name);

  test("of one that has the wanted hardware already and is offline: its code is made valid again, without the nodeId", async () => {
    const { refresh, device, calls } = createDevice([], true);
    device.nodeId = "new";
    const state = await refresh({ ...wanted, expectedNodeId: "old" });
    expect(state).toMatchObject({ replayed: true, timeoutSeconds: 180, expiresAtMs: expect.any(Number) });
    expect(names(calls)).toEqual(["read", "change"]);
  });

  test("when it fails before anything can have been changed: the platform is not there", async () => {
    const { refresh, device, calls } = createDevice([fate(), fate({ answer: "unreachable" })], true);
    device.nodeId = "new";
    await expect(refresh(wanted)).rejects.toMatchObject({ name: "PlatformUnavailableError" });
    expect(names(calls)).toEqual(["change", "read"]);
  });

  test("holds until the next change that is lost: then nobody knows again whose nodeId it is", async () => {
    const unreadable = fate({ answer: "unreachable" });
    const fates = [lost, fate(), fate({ answer: "lost" }), unreadable, fate(), unreadable, fate(), fate(), fate()];
    const { refresh, calls } = createDevice(fates, true);
    expect(await refresh(wanted)).toMatchObject({ replayed: true });
    expect(names(calls)).toEqual([
      ...["change", "read", "change", "read", "change", "read", "change", "read", "change"],
    ]);
  });
});

test("a fault of our own is thrown as it is, and nothing is tried again", async () => {
  const { refresh, platform, calls } = createDevice([]);
  const broken = () => Promise.reject(new TypeError("broken"));
  platform.calls = { ...platform.calls, refreshDeviceKey: broken };
  await expect(refresh(wanted)).rejects.toThrow(new TypeError("broken"));
  expect(calls).toEqual([]);
});

test("an expectation that is not met says what it found, without naming it", async () => {
  const { refresh, device } = createDevice([]);
  device.nodeId = "a third one";
  await expect(refresh({ ...wanted, expectedNodeId: "old" })).rejects.toMatchObject({
    ...{ name: "NodeIdChangedError", message: "The device has neither the expected nodeId nor the wanted one" },
  });
});

test("an idempotency key without a codeKey to derive from is a ConfigurationError, and nothing is sent", async () => {
  const { refresh, platform, calls } = createDevice([]);
  const { authorize } = platform;
  platform.authorize = (...given) => {
    const authorization = authorize(...given);
    const credentials = async () => ({ ...(await authorization.credentials()), codeKey: undefined });
    return { ...authorization, credentials };
  };
  await expect(refresh(wanted)).rejects.toMatchObject({
    name: "ConfigurationError",
    message: "The application secret has no codeKey, which an idempotency key needs",
  });
  expect(calls).toEqual([]);
});

test("the code depends on the owner's application where one is named", async () => {
  const { refresh } = createDevice([]);
  const codes = [wanted, { ...wanted, appId: "a" }, { ...wanted, appId: "other" }].map((one) => refresh(one));
  const [ours, named, others] = await Promise.all(codes.map(async (code) => (await code).verifyCode));
  expect(named).toBe(ours);
  expect(others).not.toBe(ours);
});
