import { describe, expect, test } from "vitest";
import { begin, failure, keys } from "./one-batch.ts";

describe("the first devices of a run", () => {
  test("are well when one is done and none failed", async () => {
    const { work } = await begin({ fail: (line) => (line > 1 ? failure("DeviceOnlineError") : undefined) });
    expect(await work({ canary: true, hasCanary: true })).toMatchObject({ done: 1, waiting: 2, next: "over" });
  });

  test.each(["DeviceNotFoundError", "DeviceOnlineError"] as const)(
    "stop it when %s is all that comes",
    async (name) => {
      const { work, lastKept } = await begin({ fail: () => failure(name) });
      expect(await work({ canary: true, hasCanary: true })).toMatchObject({ next: "stop" });
      expect(lastKept()?.stopped?.error).toBe("CanaryFailed");
    },
  );

  test.each([
    [0, "stop", { error: "CanaryFailed" }],
    [1, "over", { error: "PlatformUnavailableError", tries: 100 }],
  ] as const)("of which %d are done when an outage lasts for a hundred tries: %s", async (done, next, told) => {
    const { work, lastKept } = await begin({
      ...{ devices: 9, fail: () => failure("PlatformUnavailableError") },
      known: done === 0 ? [] : [{ line: 1, deviceId: "d-1", status: "done" }],
      progress: { stopped: { error: "PlatformUnavailableError", cause: "Down", tries: 99, nextTryAtMs: 1 } },
    });
    expect(await work({ canary: true, hasCanary: true })).toMatchObject({ done, failed: 0, next });
    expect(lastKept()?.stopped).toMatchObject(told);
  });

  test("are waited for, whatever the order of batches", async () => {
    const { work, calls } = await begin();
    expect(await work({ ...keys, batch: 1, hasCanary: true })).toMatchObject({ next: "over", done: 0 });
    expect(calls).toEqual([]);
  });
});
