import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createLease, type Lease, slotVersion } from "../../shared/platform/lease.ts";
import { type Deadline, deadlineIn } from "../../shared/runtime/clock.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";
import { SimulatedStore } from "../simulation/store.ts";
import { SimulatedTime } from "../simulation/time.ts";

let time: SimulatedTime;
let store: SimulatedStore;
beforeEach(() => {
  time = new SimulatedTime();
  vi.spyOn(AbortSignal, "timeout").mockImplementation((milliseconds) => time.timeout(milliseconds));
  store = new SimulatedStore(time, { session: "the session" });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const soon = (): Deadline => deadlineIn(5_000, time.clock());
const open = (): Lease => createLease(createSecrets(store.client(), time.clock()), "session");
const at = async () => (await open().look(soon())).at;

describe("a lease that was laid", () => {
  beforeEach(async () => {
    expect(await open().lay("", soon())).toBe("laid");
  });

  test("rests on the first slot, beside the session, and the store guards it", async () => {
    expect(await open().look(soon())).toEqual({ at: slotVersion(0), guarded: true });
    expect(store.store.read("session").version.content.text).toBe("the session");
  });

  test("is laid once, also where somebody has taken it since", async () => {
    await open().take(slotVersion(0), 3, soon());
    const versions = store.versions("session");
    expect(await open().lay("", soon())).toBe("laid");
    expect([await at(), store.versions("session")]).toEqual([slotVersion(3), versions]);
  });

  test("is taken by one of those who ask at once, whichever slots they want, with one call each", async () => {
    const before = store.calls.length;
    const taken = await Promise.all(
      Array.from({ length: 10 }, (_, index) => open().take(slotVersion(0), 1 + (index % 4), soon())),
    );
    expect(store.calls.length - before).toBe(10);
    expect(taken.filter((one) => one === "taken")).toHaveLength(1);
    expect(taken.filter((one) => one === "refused")).toHaveLength(9);
  });

  test("is given back by its holder, and by nobody else", async () => {
    await open().take(slotVersion(0), 1, soon());
    await open().release(2, 0, soon());
    expect(await at()).toBe(slotVersion(1));
    await open().release(1, 0, soon());
    expect(await at()).toBe(slotVersion(0));
  });

  test("is born again on a version of its own when its label was lost, once a birth", async () => {
    store.store.moveLabel("session", "REKEY_LEASE", slotVersion(0), undefined);
    expect(await at()).toBeUndefined();
    const birth = "a".repeat(32);
    await open().lay("", soon());
    expect(await at()).toBeUndefined();
    await open().lay(birth, soon());
    expect(await at()).toBe(birth);
    expect(await open().take(birth, 2, soon())).toBe("taken");
    await open().lay(birth, soon());
    expect(await at()).toBe(slotVersion(2));
  });
});

test("a lease in a secret without slots is not taken, and that is told apart", async () => {
  expect(await open().look(soon())).toEqual({ at: undefined, guarded: true });
  expect(await open().take(slotVersion(0), 1, soon())).toBe("unlaid");
});

test.each([1, 2, 3, 5])("in a secret with room for %d versions the lease finds no room", async (versionLimit) => {
  store = new SimulatedStore(time, { session: "the session" }, { versionLimit });
  expect(await open().lay("", soon())).toBe("limited");
  expect(await open().lay("b".repeat(32), soon())).toBe("limited");
});

test.each(["UpdateSecretVersionStage", "DescribeSecret", "PutSecretValue"])(
  "a store that fails at %s is an error for who asks, not for who gives back",
  async (operation) => {
    store.faults.add({ kind: "error", operation, count: 0 });
    const asked = (async () => {
      await open().look(soon());
      await open().lay("", soon());
    })();
    await expect(asked).rejects.toMatchObject({ name: "SecretsUnavailableError" });
    await expect(open().release(1, 0, soon())).resolves.toBeUndefined();
  },
);
