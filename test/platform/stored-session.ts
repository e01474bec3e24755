import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { LogIn } from "../../shared/platform/login.ts";
import { createSession, type Session } from "../../shared/platform/session.ts";
import { type Clock, deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";
import { type SecretsEndpoint, startSecretsEndpoint } from "../secrets-endpoint/server.ts";

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

/** Logins that take 40 ms and bring tokens of an hour. */
export function createLogins(): Logins {
  const logins: Logins = {
    count: 0,
    current: "",
    exchanged: 0,
    fail: undefined,
    milliseconds: 40,
    expiresIn: 3600,
    logIn: async ({ refreshToken }) => {
      await systemClock.sleep(logins.milliseconds);
      if (logins.fail !== undefined) return logins.fail();
      logins.count += 1;
      if (refreshToken !== undefined) logins.exchanged += 1;
      logins.current = `token-${logins.count}`;
      return { accessToken: logins.current, expiresIn: logins.expiresIn, refreshToken: `refresh-${logins.count}` };
    },
  };
  return logins;
}

/** The secret's name in these tests. */
export const secretId = "session";

/** A store with an empty session secret. */
export async function startStore(): Promise<SecretsEndpoint> {
  return startSecretsEndpoint({ secrets: { [secretId]: null } });
}

/** The real SDK client, for a store on loopback. */
export function clientOf(store: SecretsEndpoint): SecretsManagerClient {
  return new SecretsManagerClient({
    endpoint: store.url,
    region: "eu-central-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
}

/** One sandbox's session over the real SDK client, and what it logged. */
export function openSession(
  store: SecretsEndpoint,
  logins: Pick<Logins, "logIn">,
  clock: Clock = systemClock,
): Session & { readonly lines: string[] } {
  const lines: string[] = [];
  const session = createSession({
    secrets: createSecrets(clientOf(store)),
    secretId,
    logIn: logins.logIn,
    clock,
    log: createLog("INFO", (line) => lines.push(line)),
    metrics: createMetrics({ write: () => undefined, clock, stage: "test" }),
  });
  return Object.assign(session, { lines });
}

/** A deadline on the clock of this machine. */
export function within(milliseconds: number) {
  return deadlineIn(milliseconds, systemClock);
}
