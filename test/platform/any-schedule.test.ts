import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { FaultKind } from "../../local/secrets-endpoint/faults.ts";
import type { Mood } from "../../local/secrets-endpoint/moods.ts";
import { RekeyError } from "../../shared/errors.ts";
import type { LogIn } from "../../shared/platform/login.ts";
import { createWorld, type SandboxSession, secretId, type World } from "./stored-session.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** What happens at one moment of a schedule. */
type Event =
  | { readonly atMs: number; readonly sandbox: number; readonly kind: "call" | "renew" | "kill" }
  | { readonly atMs: number; readonly sandbox: number; readonly kind: "freeze"; readonly forMs: number }
  | { readonly atMs: number; readonly kind: "stranger" }
  | { readonly atMs: number; readonly kind: FaultKind; readonly operation: string };

const sandboxCount = 4;
const at = { atMs: fc.nat(20_000) };
const whose = { ...at, sandbox: fc.nat(sandboxCount - 1) };
const calls = fc.record({ ...whose, kind: fc.constantFrom("call" as const, "call" as const, "renew" as const) });
const deaths = fc.record({ ...whose, kind: fc.constant("kill" as const) });
const freezes = fc.record({
  ...whose,
  kind: fc.constant("freeze" as const),
  forMs: fc.oneof(fc.nat(30_000), fc.constant(3_600_000)),
});
const strangers = fc.record({ ...at, kind: fc.constant("stranger" as const) });
const faults = fc.record({
  ...at,
  kind: fc.constantFrom("error", "error-after", "throttle", "cut", "cut-after", "hang", "hang-after"),
  operation: fc.constantFrom("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage", "DescribeSecret"),
});
const latencies = fc.array(fc.nat(150), { minLength: 8, maxLength: 8 });

/** One sandbox of the schedule: it can be frozen and killed, and tells when its logins ran. */
interface Sandbox extends SandboxSession {
  readonly logins: { readonly fromMs: number; toMs: number }[];
  disturbed: boolean;
  freeze(milliseconds: number): void;
  kill(): void;
}

function openSandbox(world: World, latencyMs: () => number): Sandbox {
  const { time } = world;
  let thawsAtMs = 0;
  const logins: { fromMs: number; toMs: number }[] = [];
  const awake = async () => {
    while (time.elapsedMs < thawsAtMs) {
      if (thawsAtMs === Number.POSITIVE_INFINITY) await new Promise(() => undefined);
      await time.sleep(thawsAtMs - time.elapsedMs);
    }
  };
  const sleep = async (milliseconds: number) => {
    await time.sleep(milliseconds);
    await awake();
  };
  const logIn: LogIn = async (request) => {
    const login = { fromMs: time.elapsedMs, toMs: Number.POSITIVE_INFINITY };
    logins.push(login);
    try {
      if (request.budget() < 500) throw new RekeyError("PlatformUnavailableError", "No time is left to log in");
      await time.sleep(latencyMs());
      return await world.logins.logIn(request);
    } finally {
      login.toMs = time.elapsedMs;
      await awake();
    }
  };
  const session = world.open({
    logIn,
    clock: { ...time.clock(), sleep },
    way: { latencyMs, awake },
    random: () => latencyMs() / 151,
  });
  return Object.assign(session, {
    logins,
    disturbed: false,
    freeze(milliseconds: number) {
      this.disturbed = true;
      thawsAtMs = time.elapsedMs + milliseconds;
    },
    kill() {
      this.freeze(Number.POSITIVE_INFINITY);
    },
  });
}

/** What a schedule came to. */
interface Outcome {
  readonly world: World;
  readonly sandboxes: readonly Sandbox[];
  /** How each call ended in a sandbox that was left alone: `ok` or the error's name, and after how long. */
  readonly ends: readonly { readonly end: string; readonly tookMs: number }[];
}

const allowedMs = 15_000;

/** Plays a schedule: a call takes the shared token and, where the platform refuses it, replaces it. */
async function play(mood: Mood, events: readonly Event[], ways: readonly number[]): Promise<Outcome> {
  vi.restoreAllMocks();
  const world = createWorld(undefined, { mood });
  const { time, logins, store } = world;
  let step = 0;
  const latencyMs = () => ways[step++ % ways.length] ?? 0;
  const sandboxes = Array.from({ length: sandboxCount }, () => openSandbox(world, latencyMs));
  const ends: { end: string; tookMs: number }[] = [];
  const call = async (sandbox: Sandbox, renew: boolean) => {
    const fromMs = time.elapsedMs;
    const deadline = world.within(allowedMs);
    const end = await (async () => {
      if (renew) return sandbox.renew(deadline);
      const token = await sandbox.token(deadline);
      return token.accessToken === logins.current ? token : (await sandbox.replace(token, deadline)).token;
    })().then(
      () => "ok",
      (error: unknown) => (error instanceof RekeyError ? error.name : String(error)),
    );
    if (!sandbox.disturbed) ends.push({ end, tookMs: time.elapsedMs - fromMs });
  };
  const happen = async (event: Event) => {
    await time.sleep(event.atMs);
    if (event.kind === "stranger") {
      logins.current = `stranger-${event.atMs}`;
      return;
    }
    if ("operation" in event) {
      store.faults.add({ kind: event.kind, operation: event.operation });
      return;
    }
    const sandbox = sandboxes[event.sandbox];
    if (sandbox === undefined) return;
    if (event.kind === "kill") sandbox.kill();
    else if (event.kind === "freeze") sandbox.freeze("forMs" in event ? event.forMs : 0);
    else await Promise.race([call(sandbox, event.kind === "renew"), time.sleep(7_200_000)]);
  };
  await Promise.all(events.map(happen));
  store.faults.clear();
  return { world, sandboxes, ends };
}

/** Logins of sandboxes that were left alone and ran while another one of these ran. */
function overlaps(sandboxes: readonly Sandbox[]): number {
  const spans = sandboxes.filter(({ disturbed }) => !disturbed).flatMap(({ logins }) => logins);
  const sorted = spans.toSorted((one, other) => one.fromMs - other.fromMs);
  return sorted.filter(({ fromMs }, index) => fromMs < (sorted[index - 1]?.toMs ?? 0)).length;
}

/** A sandbox that comes once all is over: the token it ends with is the one that the platform honours. */
async function comesAfterwards({ world }: Outcome): Promise<string> {
  // A conflict may have lasted for as long as a schedule does; for as long again, renewals are refused.
  await world.time.sleep(20_000);
  const fresh = world.open();
  const token = await fresh.token(world.within(allowedMs));
  if (token.accessToken === world.logins.current) return token.accessToken;
  return (await fresh.replace(token, world.within(allowedMs))).token.accessToken;
}

const ordinary = ["ok", "SecretsUnavailableError", "PlatformUnavailableError"];

/** How many schedules of each kind are tried; a store that guards nothing lets a few log in at once. */
const plans: readonly { readonly mood: Mood; readonly runs: number; readonly guarded: boolean }[] = [
  { mood: "documented", runs: 100, guarded: true },
  { mood: "moto", runs: 60, guarded: true },
  { mood: "lenient", runs: 30, guarded: false },
  { mood: "careless", runs: 30, guarded: false },
];
describe.each(plans)("in a store that is $mood", ({ mood, runs, guarded }) => {
  test("in any order of calls one login serves all, and another follows only where somebody asked for it", () =>
    fc.assert(
      fc.asyncProperty(fc.array(calls, { minLength: 1, maxLength: 12 }), latencies, async (events, ways) => {
        const outcome = await play(mood, events, ways);
        expect(outcome.ends.map(({ end }) => end)).toEqual(events.map(() => "ok"));
        const { world, sandboxes } = outcome;
        expect(world.store.versions(secretId)).toBeLessThanOrEqual(world.logins.count + 6);
        const asked = events.filter(({ kind }) => kind === "renew").length;
        expect(world.logins.count).toBeLessThanOrEqual((guarded ? 1 : sandboxCount) + asked);
        if (guarded) expect(overlaps(sandboxes)).toBe(0);
      }),
      { numRuns: runs },
    ));

  test("whatever dies, freezes, fails or logs in besides us: each call ends in time and by name, and the session recovers", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(calls, { minLength: 1, maxLength: 8 }),
        fc.array(fc.oneof(deaths, freezes, strangers, faults), { maxLength: 5 }),
        latencies,
        async (asked, disturbances, ways) => {
          const strangers = disturbances.filter(({ kind }) => kind === "stranger").length;
          const outcome = await play(mood, [...asked, ...disturbances], ways);
          for (const { end, tookMs } of outcome.ends) {
            expect([...ordinary, ...(strangers > 1 ? ["RenewalLimitedError"] : [])]).toContain(end);
            expect(tookMs).toBeLessThanOrEqual(allowedMs + 1_000);
          }
          if (guarded) {
            expect(outcome.world.logins.count).toBeLessThanOrEqual(1 + asked.length + disturbances.length);
            expect(overlaps(outcome.sandboxes)).toBe(0);
          }
          expect(await comesAfterwards(outcome)).toBe(outcome.world.logins.current);
        },
      ),
      { numRuns: runs },
    ));
});

test.each<[Mood, number]>([
  ["documented", 1],
  ["moto", 1],
  ["lenient", 3],
  ["careless", 3],
])(
  "twenty sandboxes at once on an empty session in a store that is %s: all succeed, with %d logins on average",
  async (...row) => {
    const [mood, mostLogins] = row;
    const rounds = guardedMoods.includes(mood) ? 3 : 10;
    let logins = 0;
    for (let round = 0; round < rounds; round += 1) {
      vi.restoreAllMocks();
      const world = createWorld(undefined, { mood });
      const ends = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const random = randomFrom(1_000 * round + index);
          const session = world.open({ random, way: { latencyMs: () => 2 + 10 * random() } });
          let { accessToken, ...times } = await session.token(world.within(allowedMs));
          for (let refusals = 0; accessToken !== world.logins.current && refusals < 5; refusals += 1) {
            ({ accessToken, ...times } = (
              await session.replace({ accessToken, ...times }, world.within(allowedMs))
            ).token);
          }
          return accessToken;
        }),
      );
      expect(new Set(ends)).toEqual(new Set([world.logins.current]));
      logins += world.logins.count;
    }
    expect(logins / rounds).toBeLessThanOrEqual(mostLogins);
  },
);

const guardedMoods: readonly Mood[] = ["documented", "moto"];

/** Numbers from 0 to 1 that are the same on every run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
