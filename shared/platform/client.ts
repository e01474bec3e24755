import type { Clock, Deadline } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { Secrets } from "../runtime/secrets.ts";
import { type Authorization, createAuthorization } from "./authorization.ts";
import { createPlatformCalls, type PlatformCalls } from "./calls.ts";
import { type CredentialStore, createCredentialStore } from "./credentials.ts";
import { createLogIn } from "./login.ts";
import { createSession, type Session } from "./session.ts";
import type { Permission } from "./transport.ts";

/** The platform as the operations see it: its calls, the shared session, the credentials. */
export interface Platform {
  readonly calls: PlatformCalls;
  readonly session: Session;
  readonly credentials: CredentialStore;
  /** For one invocation. @param accessToken the caller's own token, used as it is and never renewed by us */
  authorize(deadline: Deadline, accessToken?: string): Authorization;
}

interface PlatformDependencies {
  readonly secrets: Secrets;
  readonly secretId: string;
  readonly sessionSecretId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Is asked before each request, logins too; absent: all may be sent. */
  readonly permission?: Permission;
}

/**
 * The platform behind the application secret; one per sandbox, since it keeps connections and the token. Where the
 * secret is being read ahead, it connects as soon as that is there.
 */
export function createPlatform(dependencies: PlatformDependencies): Platform {
  const { secrets, secretId, sessionSecretId, clock, log, metrics, permission } = dependencies;
  const credentials = createCredentialStore(secrets, secretId, clock);
  const calls = createPlatformCalls(clock, metrics, permission);
  // Of what fails here, whoever asks for the credentials or sends a request is told by a try of their own.
  secrets
    .ahead?.(secretId)
    ?.then((version) => {
      const prepared = version === undefined ? undefined : credentials.prepare(version);
      if (prepared !== undefined) calls.connectAhead(prepared);
    })
    .catch(() => undefined);
  const logIn = createLogIn(calls, credentials, clock);
  const session = createSession({ secrets, secretId: sessionSecretId, logIn, clock, log, metrics });
  return {
    calls,
    session,
    credentials,
    authorize: (deadline, accessToken) => createAuthorization({ credentials, session }, deadline, accessToken),
  };
}
