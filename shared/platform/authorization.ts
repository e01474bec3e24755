import { RekeyError } from "../errors.ts";
import type { Deadline } from "../runtime/clock.ts";
import { type CallContext, HeaderRefusal } from "./calls.ts";
import type { CredentialStore, Credentials } from "./credentials.ts";
import type { Granted } from "./pursuit.ts";
import type { Session } from "./session.ts";
import type { Token } from "./session-document.ts";

/** Runs calls with the shared token, or the caller's, for as long as one invocation lasts. */
export interface Authorization {
  /**
   * Makes a call; a refused token is replaced and the call repeated: by what others published, and by one renewal of
   * our own at most. A refused token means that the platform has done nothing.
   *
   * @param limitMs the longest that one attempt may take; absent: what the deadline leaves
   * @throws AccessTokenRejectedError when that does not help; and what the call throws
   */
  call<Result>(request: (context: CallContext) => Promise<Result>, limitMs?: number): Promise<Result>;
  credentials(): Promise<Credentials>;
}

// Answers must leave before the invocation's time ends.
const reserveMs = 100;
const maxAdoptions = 5;
// Where a connection fails, the address or the certificates may have been changed since we read them.
const staleMs = 10_000;
// A connection that could not be opened may have used up the time; a change is not begun with less than this.
const leastRepeatMs = 1_500;

/** @param callersToken the caller's own token, used as it is and never renewed by us */
export function createAuthorization(
  { credentials: store, session }: { readonly credentials: CredentialStore; readonly session: Session },
  deadline: Deadline,
  callersToken: string | undefined,
): Authorization {
  let token: Token | undefined;
  let renewed = false;
  let adoptions = 0;
  let isDoubted = false;

  /** One attempt; what never reached the platform is tried again when the secret has changed meanwhile. */
  async function attempt<Result>(
    request: (context: CallContext) => Promise<Result>,
    accessToken: string,
    limitMs: number,
  ): Promise<Result> {
    const timeout = () => Math.max(1, Math.min(limitMs, deadline.remaining() - reserveMs));
    const credentials = await store.get(deadline);
    try {
      return await request({ accessToken, credentials, timeoutMs: timeout() });
    } catch (error) {
      if (!isUnsent(error) || deadline.remaining() < leastRepeatMs) throw error;
      const changed = await store.get(deadline, staleMs).catch(() => credentials);
      if (changed.versionId === credentials.versionId) throw error;
      return request({ accessToken, credentials: changed, timeoutMs: timeout() });
    }
  }

  /** Another token to try after an error; undefined where that would not help. */
  async function otherToken(refused: Token, error: unknown): Promise<Granted | undefined> {
    if (renewed || adoptions >= maxAdoptions) return undefined;
    if (isTokenRefusal(error)) return session.replace(refused, deadline);
    if (isDoubted || !isHeaderRefusal(error)) return undefined;
    isDoubted = true;
    return session.doubt(refused, deadline);
  }

  return {
    credentials: () => store.get(deadline),
    async call(request, limitMs = Number.POSITIVE_INFINITY) {
      if (callersToken !== undefined) {
        return attempt(request, callersToken, limitMs).catch((error: unknown) => {
          throw isTokenRefusal(error) ? callersTokenRefused(error) : error;
        });
      }
      // Neither waits for the other: a cold start has two secrets to read.
      token ??= (await Promise.all([session.token(deadline), store.get(deadline)]))[0];
      for (;;) {
        try {
          return await attempt(request, token.accessToken, limitMs);
        } catch (error) {
          const replacement = await otherToken(token, error);
          if (replacement === undefined) throw error;
          token = replacement.token;
          renewed = replacement.renewed;
          adoptions += 1;
        }
      }
    },
  };
}

function isTokenRefusal(error: unknown): error is RekeyError {
  return error instanceof RekeyError && error.name === "AccessTokenRejectedError";
}

function isHeaderRefusal(error: unknown): boolean {
  return error instanceof RekeyError && error.cause instanceof HeaderRefusal;
}

/** Whether a request surely never arrived: no connection, or no trusted one. */
function isUnsent(error: unknown): boolean {
  return (
    error instanceof RekeyError &&
    error.platformCode === undefined &&
    (error.name === "ConfigurationError" || error.name === "PlatformUnavailableError")
  );
}

function callersTokenRefused(error: RekeyError): RekeyError {
  const advice = "Leave the token out, or take the current one from authenticate.";
  return error.with(
    { status: 401, retryable: false, advice },
    "The platform refuses the access token that the caller gave",
  );
}
