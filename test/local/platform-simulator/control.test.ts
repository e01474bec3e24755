import { afterAll, beforeAll, expect, test } from "vitest";
import { type PlatformSimulator, startPlatformSimulator } from "../../../local/platform-simulator/simulator.ts";

let simulator: PlatformSimulator;
beforeAll(async () => {
  simulator = await startPlatformSimulator();
});
afterAll(() => simulator.close());

const ask = async (method: string, path: string, body?: string) => {
  const init = body === undefined ? { method } : { method, body };
  const response = await fetch(`${simulator.controlUrl}${path}`, init);
  return [response.status, await response.json()] as const;
};

test("another process sees and changes what the simulator knows", async () => {
  const device = { deviceId: "mine", nodeId: "urn:imei:1", status: "ONLINE" };
  expect(await ask("POST", "/devices", JSON.stringify(device))).toMatchObject([200, device]);
  await ask("POST", "/devices/mine/offline");
  const fault = { kind: "code", code: "100611", operation: "refreshDeviceKey", count: 0 };
  await ask("POST", "/faults", JSON.stringify(fault));
  await ask("POST", "/freeze");
  expect(simulator.devices.get("mine")).toMatchObject({ nodeId: "urn:imei:1", status: "OFFLINE" });
  expect(simulator.application.frozen).toBe(true);
  expect(await ask("GET", "/state")).toMatchObject([200, { faults: [fault] }]);
  await ask("DELETE", "/faults");
  expect(simulator.faults.list()).toEqual([]);
});

test.each([
  ["/faults", "null"],
  ["/faults", '{"kind":"none"}'],
  ["/faults", '{"kind":"status","status":99}'],
  ["/devices", "{}"],
  ["/devices", '{"deviceId":"device-1","status":"GONE"}'],
  ["/devices/device-1/offline", '{"afterMs":"soon"}'],
  ["/application-secret", "{}"],
  ["/freeze", '{"frozen":"no"}'],
  ["/advance", '{"milliseconds":"many"}'],
  ["/advance", "{"],
])("%s refuses %s and changes nothing", async (path, body) => {
  const before = await ask("GET", "/state");
  expect(await ask("POST", path, body)).toMatchObject([400, { error: expect.any(String) }]);
  expect(await ask("GET", "/state")).toEqual(before);
});
