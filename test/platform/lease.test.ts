import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createLease, type Lease, leaseTermMs } from "../../shared/platform/lease.ts";
import { type Deadline, deadlineIn } from "../../shared/runtime/clock.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";
import { SimulatedStore } from "../simulation/store.ts";
import { SimulatedTime } from "../simulation/time.ts";

let time: SimulatedTime;
let store: SimulatedStore;

beforeEach(() => {
  time = new SimulatedTime();
  vi.spyOn(AbortSignal, "timeout").mockImplementation((milliseconds) => time.timeout(milliseconds));
  store = new SimulatedStore(time, { session: '{"turn":0}' });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const soon = (): Deadline => deadlineIn(5_000, time.clock());
const open = (): Lease => createLease(createSecrets(store.client()), "session", time.clock());
const holderOfLabel = () =>
  [...store.store.find("session").versions.values()].find(({ labels }) => labels.has("REKEY_LEASE"))?.id;

/** Asks every 100 ms until the lease is had. */
async function wait(lease: Lease, turn: number, forMs: number): Promise<number | undefined> {
  const endMs = time.elapsedMs + forMs;
  for (;;) {
    const slot = await lease.tryTake(turn, soon());
    if (slot !== undefined || time.elapsedMs >= endMs) return slot;
    await time.sleep(100);
  }
}

describe("a lease that is free", () => {
  test("is had at once, on the slot after the turn, also in a secret that has no slots yet", async () => {
    expect(await open().position(soon())).toBeUndefined();
    expect(await open().tryTake(0, soon())).toBe(1);
    expect(await open().position(soon())).toBe(1);
  });

  test.each([
    [0, 1],
    [1, 2],
    [2, 0],
  ])("with turn %d comes on slot %d, for one of those who ask at once", async (turn, slot) => {
    const taken = await Promise.all(Array.from({ length: 10 }, () => open().tryTake(turn, soon())));
    expect(taken.filter((one) => one !== undefined)).toEqual([slot]);
    expect(await open().holds(slot, soon())).toBe(true);
    expect(await open().holds(turn, soon())).toBe(false);
  });

  test("costs one call once the slots are there, and the slots are laid once", async () => {
    await open().tryTake(0, soon());
    const before = { calls: store.calls.length, versions: store.versions("session") };
    expect(await open().tryTake(1, soon())).toBe(2);
    expect(store.calls.slice(before.calls)).toEqual(["UpdateSecretVersionStage"]);
    expect(store.versions("session")).toBe(before.versions);
  });

  test("whose label somebody took off is laid again, with the second look", async () => {
    const lease = open();
    await open().tryTake(0, soon());
    store.store.moveLabel("session", "REKEY_LEASE", holderOfLabel(), undefined);
    expect(await lease.tryTake(0, soon())).toBeUndefined();
    expect(await lease.tryTake(0, soon())).toBe(1);
  });

  test("lays its label beside AWSCURRENT, which stays where it is", async () => {
    await open().tryTake(0, soon());
    expect(store.store.read("session").version.content.text).toBe('{"turn":0}');
  });
});

describe("a lease that another holds", () => {
  beforeEach(async () => {
    expect(await open().tryTake(0, soon())).toBe(1);
  });

  test("is not had, and its holder keeps it", async () => {
    expect(await open().tryTake(0, soon())).toBeUndefined();
    expect(await open().holds(1, soon())).toBe(true);
  });

  test("is looked after every 800 ms, however often somebody asks", async () => {
    const before = store.calls.length;
    await wait(open(), 0, 4_000);
    const calls = store.calls.slice(before);
    expect(calls.filter((name) => name === "UpdateSecretVersionStage")).toHaveLength(1);
    // At 0, 0.8, ... 4.0 s, and never more.
    expect(calls.filter((name) => name === "DescribeSecret").length).toBeLessThanOrEqual(6);
    expect(calls.filter((name) => name === "DescribeSecret").length).toBeGreaterThanOrEqual(4);
  });

  test("is had again as soon as it was given back", async () => {
    const waiting = open();
    expect(await waiting.tryTake(0, soon())).toBeUndefined();
    await open().release(1, 0, soon());
    expect(await open().position(soon())).toBe(0);
    expect(await wait(waiting, 0, 1_000)).toBe(1);
  });

  test("is not given back by one whose slot it does not rest on, and nobody hears of it", async () => {
    await open().release(2, 0, soon());
    expect(await open().position(soon())).toBe(1);
  });

  test("is taken from a holder that died, after its term, by one of those who wait", async () => {
    const fromMs = time.elapsedMs;
    const slots = await Promise.all(Array.from({ length: 5 }, () => wait(open(), 0, leaseTermMs + 2_000)));
    expect(slots.filter((slot) => slot !== undefined)).toEqual([2]);
    expect(await open().holds(1, soon())).toBe(false);
    expect(time.elapsedMs - fromMs).toBeLessThan(leaseTermMs + 3_000);
  });

  test("is not taken from a holder before its term is over", async () => {
    const fromMs = time.elapsedMs;
    expect(await wait(open(), 0, leaseTermMs - 100)).toBeUndefined();
    expect(time.elapsedMs - fromMs).toBeGreaterThanOrEqual(leaseTermMs - 100);
    expect(await open().holds(1, soon())).toBe(true);
  });

  test("counts the term anew when the label came to another holder meanwhile", async () => {
    const waiting = open();
    expect(await wait(waiting, 0, 5_000)).toBeUndefined();
    await createSecrets(store.client()).moveLabel(
      "session",
      { label: "REKEY_LEASE", from: "rekey-lease-slot-1-of-the-session", to: "rekey-lease-slot-2-of-the-session" },
      soon(),
    );
    expect(await wait(waiting, 0, 5_000)).toBeUndefined();
    expect(await wait(waiting, 0, 5_000)).toBe(1);
  });

  test("counts the term anew when a renewal was published meanwhile", async () => {
    const waiting = open();
    expect(await wait(waiting, 0, 5_000)).toBeUndefined();
    // The label rests on slot 1, but that means "free" by now.
    expect(await wait(waiting, 1, 1_000)).toBe(2);
  });

  test("counts the term anew when so much was published meanwhile that the label is held on the same slot again", async () => {
    const waiting = open();
    expect(await wait(waiting, 0, 5_000)).toBeUndefined();
    expect(await wait(waiting, 2, 5_000)).toBeUndefined();
    expect(await wait(waiting, 2, 5_000)).toBe(0);
  });
});

test.each(["UpdateSecretVersionStage", "DescribeSecret", "PutSecretValue"])(
  "a store that fails at %s is an error for who asks, not for who gives back",
  async (operation) => {
    store.faults.add({ kind: "error", operation, count: 0 });
    const lease = open();
    const asked = (async () => {
      await lease.tryTake(0, soon());
      await lease.position(soon());
    })();
    await expect(asked).rejects.toMatchObject({ name: "SecretsUnavailableError" });
    await expect(lease.release(1, 0, soon())).resolves.toBeUndefined();
  },
);
