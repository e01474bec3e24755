import fc from "fast-check";
import { expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import type { RekeyRequest } from "../../shared/platform/rekey.ts";
import { createDevice, type Fate } from "./one-device.ts";

const wanted: RekeyRequest = { deviceId: "d", nodeId: "new", idempotencyKey: "ticket" };
const allowedMs = 15_000;
const fate = fc.record({
  tookMs: fc.oneof(fc.nat(500), fc.nat(12_000)),
  answer: fc.constantFrom<Fate["answer"][]>("comes", "lost", "lost", "hangs", "throttled", "unreachable"),
  acts: fc.boolean(),
  thenOnline: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const request = fc.constantFrom<RekeyRequest[]>(wanted, { ...wanted, expectedNodeId: "old" });

// Names that promise that nothing was changed.
const harmless = ["PlatformUnavailableError", "PlatformThrottledError", "DeviceOnlineError"];

test("whatever becomes of its calls, a refresh ends in time, in the wanted state or by a name that is true", () =>
  fc.assert(
    fc.asyncProperty(fc.array(fate, { maxLength: 8 }), request, fc.boolean(), async (fates, wish, refusesOwn) => {
      const { time, device, calls, refresh } = createDevice(fates, refusesOwn);
      const outcome = await refresh(wish, allowedMs).catch((error: unknown) => error);
      expect(time.elapsedMs).toBeLessThanOrEqual(allowedMs);
      expect(calls.filter(({ name }) => name === "change").length).toBeLessThanOrEqual(5);
      // Nobody asked for another state than this one.
      expect(new Set(device.told).size).toBeLessThanOrEqual(1);
      if (outcome instanceof RekeyError) {
        expect([...harmless, "OutcomeUnknownError"]).toContain(outcome.name);
        if (harmless.includes(outcome.name)) expect(device.told).toEqual([]);
      } else {
        expect(outcome).toMatchObject({ verifyCode: device.code });
        expect(device.nodeId).toBe("new");
      }
    }),
    { numRuns: 500 },
  ));

test("and the same request again, once the platform is well, brings the code that the device has", () =>
  fc.assert(
    fc.asyncProperty(fc.array(fate, { maxLength: 8 }), fc.boolean(), async (fates, refusesOwn) => {
      const { device, refresh, left } = createDevice(fates, refusesOwn);
      await refresh({ ...wanted, expectedNodeId: "old" }).catch(() => undefined);
      const before = device.code;
      left.length = 0;
      const { verifyCode } = await refresh({ ...wanted, expectedNodeId: "old" });
      expect(verifyCode).toBe(device.code);
      if (before !== "") expect(verifyCode).toBe(before);
      expect(device.nodeId).toBe("new");
    }),
    { numRuns: 500 },
  ));
