import { expect, test } from "vitest";
import type * as z from "zod/mini";
import { refreshDeviceKey } from "../../functions/refreshDeviceKey.ts";
import { createDevice } from "../platform/one-device.ts";
import { invocationBy } from "./world.ts";

/** Re-keys one device whose platform makes codes that end after three minutes. */
async function rekey(
  input: Omit<z.infer<typeof refreshDeviceKey.input>, "deviceId">,
  timeout: number | undefined = 180,
) {
  const world = createDevice([]);
  world.device.timeout = timeout;
  const clock = world.time.clock();
  const { invocation, lines } = invocationBy(clock);
  const running = refreshDeviceKey.run({ deviceId: "d", ...input }, invocation, { platform: world.platform, clock });
  return { output: await running, lines, device: world.device, nowMs: clock.now() };
}

test("the answer says which device has which code, and until when", async () => {
  const { output, device, nowMs } = await rekey({ nodeId: "new", verifyCode: "code-1" });
  expect(device).toMatchObject({ nodeId: "new", code: "code-1" });
  const { expiresAt, ...rest } = output;
  expect(rest).toEqual({ deviceId: "d", nodeId: "new", verifyCode: "code-1", timeout: 180, replayed: false });
  // The change took 20 ms; the code's time begins when it was asked for at the earliest.
  expect(nowMs + 180_000 - Date.parse(expiresAt ?? "")).toBeLessThanOrEqual(20);
});

test("a code that never ends has no end", async () => {
  expect((await rekey({ nodeId: "new", timeout: 0 }, 0)).output).toMatchObject({ timeout: 0, expiresAt: null });
});

test("hardware that was not named is not in the answer", async () => {
  expect((await rekey({})).output).not.toHaveProperty("nodeId");
});

test("the code stays out of the answer where a workflow's history would hold it", async () => {
  const { output, device } = await rekey({ nodeId: "new", verifyCode: "code-1", includeCode: false });
  expect(output).not.toHaveProperty("verifyCode");
  expect(device.code).toBe("code-1");
  expect((await rekey({ verifyCode: "code-1", includeCode: true })).output.verifyCode).toBe("code-1");
});

test("the audit line names who asked, and on whose behalf", async () => {
  const { lines } = await rekey({ nodeId: "new" });
  expect(lines).toContainEqual(expect.objectContaining({ audit: true, deviceId: "d", caller: "arn:caller" }));
  const behalf = await rekey({ nodeId: "new", requestedBy: "ticket desk 7" });
  expect(behalf.lines).toContainEqual(
    expect.objectContaining({ audit: true, caller: "arn:caller for ticket desk 7", nodeId: "new" }),
  );
});

test("what the platform refuses is thrown", async () => {
  const world = createDevice([]);
  world.device.online = true;
  const clock = world.time.clock();
  const { invocation } = invocationBy(clock);
  const running = refreshDeviceKey.run({ deviceId: "d" }, invocation, { platform: world.platform, clock });
  await expect(running).rejects.toMatchObject({ name: "DeviceOnlineError" });
});

test.each([
  [{ requestedBy: "a\u0000" }, false],
  [{ requestedBy: "" }, false],
  [{ requestedBy: "x".repeat(257) }, false],
  [{ requestedBy: "ticket desk 7" }, true],
  [{ colour: "red" }, false],
  [{ includeCode: "no" }, false],
])("of an input, %j is allowed: %s", (fields, allowed) => {
  expect(refreshDeviceKey.input.safeParse({ deviceId: "d", ...fields }).success).toBe(allowed);
});
