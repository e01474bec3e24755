import { RekeyError } from "../errors.ts";
import { type Clock, deadlineIn, isRecent } from "../runtime/clock.ts";
import type { PlatformCalls } from "./calls.ts";
import type { CredentialStore, Credentials } from "./credentials.ts";
import type { TokenReply } from "./wire.ts";

/** What a login is to do. */
export interface LoginRequest {
  /** Renews with this one first, where there is one. */
  readonly refreshToken: string | undefined;
  /** The credentials may have been changed: read them again before. */
  readonly fresh: boolean;
  /** Milliseconds that a call may still take; none is begun with less than half a second. */
  readonly budget: () => number;
}

/**
 * A new token from the platform; to be called by the holder of the lease only.
 *
 * @throws PlatformUnavailableError, PlatformReplyError, PlatformThrottledError, ConfigurationError
 */
export type LogIn = (request: LoginRequest) => Promise<TokenReply>;

// Between two logins with credentials that were refused: an application is frozen after too many.
const refusedPauseMs = 30_000;
const longestLoginMs = 5_000;
const freshMs = 60_000;

/** A login with the application's credentials, which are read again once when they are refused. */
export function createLogIn(calls: PlatformCalls, store: CredentialStore, clock: Clock): LogIn {
  let refused: { readonly versionId: string; readonly atMs: number; readonly error: RekeyError } | undefined;

  const timeout = (budget: () => number): number => {
    const milliseconds = Math.min(longestLoginMs, budget());
    if (milliseconds >= 500) return milliseconds;
    throw new RekeyError("PlatformUnavailableError", "No time is left to log in", { retryAfterSeconds: 5 });
  };

  /** @returns undefined when that brings no token, whatever the platform has against it: a login settles it */
  async function renew(credentials: Credentials, refreshToken: string, budget: () => number) {
    try {
      // Half of the time is the login's.
      return await calls.refreshToken(
        credentials,
        refreshToken,
        timeout(() => budget() / 2),
      );
    } catch (error) {
      if (!(error instanceof RekeyError) || error.name === "PlatformThrottledError") throw error;
      return undefined;
    }
  }

  async function logIn(credentials: Credentials, { refreshToken, budget }: LoginRequest): Promise<TokenReply> {
    if (refused?.versionId === credentials.versionId && isRecent(refused.atMs, refusedPauseMs, clock))
      throw refused.error;
    const renewed = refreshToken === undefined ? undefined : await renew(credentials, refreshToken, budget);
    if (renewed !== undefined) return renewed;
    try {
      return await calls.login(credentials, timeout(budget));
    } catch (error) {
      if (error instanceof RekeyError && error.name === "ConfigurationError" && error.platformCode !== undefined) {
        refused = { versionId: credentials.versionId, atMs: clock.now(), error };
      }
      throw error;
    }
  }

  return async (request) => {
    const deadline = () => deadlineIn(Math.max(500, request.budget()), clock);
    // Reading them hourly, when a login is due, is what lets a changed password pass unnoticed.
    const credentials = await store.get(deadline(), request.fresh ? 1 : freshMs);
    try {
      return await logIn(credentials, request);
    } catch (error) {
      if (!(error instanceof RekeyError) || error.name !== "ConfigurationError") throw error;
      const changed = await store.get(deadline(), 1);
      if (changed.versionId === credentials.versionId) throw error;
      return logIn(changed, request);
    }
  };
}
