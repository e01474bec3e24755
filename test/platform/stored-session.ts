import { afterEach, beforeEach, vi } from "vitest";
import type { LogIn } from "../../shared/platform/login.ts";
import { createSession, type Session } from "../../shared/platform/session.ts";
import { type Clock, type Deadline, deadlineIn } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";
import { SimulatedStore, type Way } from "../simulation/store.ts";
import { SimulatedTime } from "../simulation/time.ts";

/** A platform that only logs in: it counts, and honours the last token. */
export interface Logins {
  count: number;
  current: string;
  /** Tokens that a refreshToken was exchanged for. */
  exchanged: number;
  readonly logIn: LogIn;
  /** What the next logins do instead. */
  fail: (() => Promise<never>) | undefined;
  milliseconds: number;
  expiresIn: number;
}

/** The secret's name in these tests. */
export const secretId = "session";

/** What one sandbox differs in. */
export interface SandboxOptions {
  readonly logIn?: LogIn;
  readonly clock?: Clock;
  readonly way?: Way;
  readonly random?: () => number;
  /** What the secret is called; by default its name. */
  readonly id?: string;
}

/** A session as one sandbox has it, what it logged and the metrics that it counted. */
export interface SandboxSession extends Session {
  readonly lines: string[];
  readonly counted: string[];
}

/** One store with an empty session secret, one platform, and the time that passes for both. */
export interface World {
  readonly time: SimulatedTime;
  readonly store: SimulatedStore;
  readonly logins: Logins;
  open(options?: SandboxOptions): SandboxSession;
  within(milliseconds: number): Deadline;
}

/** Makes a world; `vi.restoreAllMocks` ends it, for the SDK's time-outs are of its time as well. */
export function createWorld(
  secrets: Readonly<Record<string, string | null>> = { [secretId]: null },
  store: ConstructorParameters<typeof SimulatedStore>[2] = {},
): World {
  const time = new SimulatedTime();
  vi.spyOn(AbortSignal, "timeout").mockImplementation((milliseconds) => time.timeout(milliseconds));
  const simulated = new SimulatedStore(time, secrets, store);
  const logins = createLogins(time);
  return {
    time,
    store: simulated,
    logins,
    open: ({ logIn = logins.logIn, clock = time.clock(), way = {}, random = () => 0.5, id = secretId } = {}) => {
      const lines: string[] = [];
      const counted: string[] = [];
      const metrics = createMetrics({ write: () => undefined, clock, stage: "test" });
      const session = createSession({
        secrets: createSecrets(simulated.client(way), time.clock()),
        secretId: id,
        logIn,
        clock,
        log: createLog("INFO", (line) => lines.push(line)),
        metrics: { ...metrics, count: (name) => counted.push(name) },
        random,
      });
      return Object.assign(session, { lines, counted });
    },
    within: (milliseconds) => deadlineIn(milliseconds, time.clock()),
  };
}

/** Has each test of a file begin in a world of its own. */
export function inNewWorlds(take: (world: World) => void): void {
  beforeEach(() => take(createWorld()));
  afterEach(() => {
    vi.restoreAllMocks();
  });
}

/** Logins that take 40 ms and bring tokens of an hour. */
function createLogins(time: SimulatedTime): Logins {
  const logins: Logins = {
    count: 0,
    current: "",
    exchanged: 0,
    fail: undefined,
    milliseconds: 40,
    expiresIn: 3600,
    logIn: async ({ refreshToken }) => {
      await time.sleep(logins.milliseconds);
      if (logins.fail !== undefined) return logins.fail();
      logins.count += 1;
      if (refreshToken !== undefined) logins.exchanged += 1;
      logins.current = `token-${logins.count}`;
      return { accessToken: logins.current, expiresIn: logins.expiresIn, refreshToken: `refresh-${logins.count}` };
    },
  };
  return logins;
}
