import { expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { allSettled } from "../../shared/webhook/events.ts";

const final = new RekeyError("DeviceNotFoundError", "No such device");
const passing = new RekeyError("DeviceOnlineError", "It is online");
const ours = new RekeyError("ConfigurationError", "Not configured");
const unexpected = new TypeError("x is undefined");
const later = <Outcome>(outcome: Outcome) => new Promise<Outcome>((resolve) => setImmediate(() => resolve(outcome)));

test("what became of all events is there when the last one has ended, in their order", async () => {
  expect(await allSettled([later(1), Promise.resolve(2)])).toEqual([1, 2]);
  expect(await allSettled([])).toEqual([]);
});

test.each([
  ["the one that failed", [undefined, final], "DeviceNotFoundError", "Event 2 of 2: No such device"],
  ["the first of those that are final", [final, final], "DeviceNotFoundError", "Event 1 of 2"],
  ["one that may pass before one that is final", [final, passing], "DeviceOnlineError", "Event 2 of 2"],
  ["a fault of ours before one that is final", [final, ours], "ConfigurationError", "Event 2 of 2"],
  ["what nobody expected as it is", [final, unexpected], "TypeError", "x is undefined"],
  ["a single event's failure as it is", [final], "DeviceNotFoundError", "No such device"],
])("of failures it throws %s", async (_, errors, name, message) => {
  const events = errors.map((error) => (error === undefined ? later(1) : Promise.reject(error)));
  await expect(allSettled<unknown>(events)).rejects.toMatchObject({ name, message: expect.stringContaining(message) });
});

test("a failure waits for the others to end", async () => {
  let ended = false;
  const slow = later(undefined).then(() => {
    ended = true;
  });
  await expect(allSettled([Promise.reject(final), slow])).rejects.toThrow();
  expect(ended).toBe(true);
});
