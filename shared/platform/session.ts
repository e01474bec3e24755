import { type Clock, type Deadline, deadlineIn, isRecent } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import { nameOf, type Renewal, type RenewalDependencies, Renewals, type Renewed } from "./renewal.ts";
import type { StoredSession, Token } from "./session-document.ts";

/**
 * The one token that all sandboxes of all functions share, because the platform honours only the last one issued.
 *
 * Every method throws SecretsUnavailableError when no token can be had within the deadline, RenewalLimitedError when
 * an early renewal would exceed the allowance, and what the login itself throws.
 */
export interface Session {
  /** A token that is valid as far as we know, without a call while this sandbox has one. */
  token(deadline: Deadline): Promise<Token>;
  /** The token that the store holds now. */
  current(deadline: Deadline): Promise<Token>;
  /** A token other than the given one: another's publication where there is one (`renewed: false`), else a renewal. */
  replace(old: Token, deadline: Deadline): Promise<Renewed>;
  /** A token from a login made now, unless another sandbox publishes one meanwhile. */
  renew(deadline: Deadline): Promise<Token>;
  /** The stored session as it is, for a status. */
  look(deadline: Deadline): Promise<StoredSession>;
}

interface SessionDependencies extends Omit<RenewalDependencies, "random"> {
  /** 0 to 1; spreads the sandboxes over the time in which a token may be renewed. */
  readonly random?: () => number;
}

const longestEarlyMs = 6_000;
const retryEarlyMs = 30_000;

/** A session in the secret `secretId`. */
export function createSession({ random = Math.random, ...dependencies }: SessionDependencies): Session {
  // Sandboxes come into the renewal band one after another, so that one has renewed before the next one asks.
  const earlyMs = 120_000 + random() * 180_000;
  return new SandboxSession(new Renewals({ ...dependencies, random }), dependencies, earlyMs);
}

/** The shared session as one sandbox has it. */
class SandboxSession implements Session {
  readonly #renewals: Renewals;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #earlyMs: number;
  #cached: Token | undefined;
  #renewing: Promise<Renewed> | undefined;
  #earlyFailedAtMs = Number.NEGATIVE_INFINITY;

  constructor(renewals: Renewals, { clock, log }: Pick<RenewalDependencies, "clock" | "log">, earlyMs: number) {
    this.#renewals = renewals;
    this.#clock = clock;
    this.#log = log;
    this.#earlyMs = earlyMs;
  }

  async token(deadline: Deadline): Promise<Token> {
    const cached = this.#cached;
    if (cached !== undefined && this.#renewals.isUsable(cached)) return this.#inGoodTime(cached, deadline);
    const stored = await this.look(deadline);
    const found = this.#tokenOf(stored);
    if (found !== undefined) return this.#inGoodTime(this.#keep(found), deadline);
    return (await this.#renew({ base: stored, reason: "ended", refused: undefined, deadline })).token;
  }

  async current(deadline: Deadline): Promise<Token> {
    const stored = await this.look(deadline);
    this.#cached = this.#tokenOf(stored);
    return this.token(deadline);
  }

  async replace(old: Token, deadline: Deadline): Promise<Renewed> {
    const stored = await this.look(deadline);
    const found = this.#tokenOf(stored);
    if (found !== undefined && found.accessToken !== old.accessToken) {
      return { token: this.#keep(found), renewed: false };
    }
    return this.#renew({ base: stored, reason: "refused", refused: old.accessToken, deadline });
  }

  async renew(deadline: Deadline): Promise<Token> {
    const askedAtMs = this.#clock.now();
    const stored = await this.look(deadline);
    const newer = this.#renewals.usable(stored);
    if (newer !== undefined && newer.issuedAtMs >= askedAtMs) return this.#keep(newer);
    const refused = stored.document?.accessToken;
    return (await this.#renew({ base: stored, reason: "requested", refused, deadline })).token;
  }

  look(deadline: Deadline): Promise<StoredSession> {
    return this.#renewals.read(deadline);
  }

  /** The usable token of a stored session, or our own where a login of ours that could not be published has ended it. */
  #tokenOf(stored: StoredSession): Token | undefined {
    if (stored.versionId !== this.#renewals.unpublishedAfter) return this.#renewals.usable(stored);
    return this.#cached !== undefined && this.#renewals.isUsable(this.#cached) ? this.#cached : undefined;
  }

  #keep(token: Token): Token {
    this.#cached = token;
    return token;
  }

  /** Renews, or waits for who does; one renewal at a time in this sandbox. */
  async #renew(renewal: Renewal): Promise<Renewed> {
    this.#renewing ??= this.#renewals.renewOrWait(renewal).finally(() => {
      this.#renewing = undefined;
    });
    const outcome = await this.#renewing;
    this.#keep(outcome.token);
    return outcome;
  }

  /** The token itself, or its successor when its end is near. */
  #inGoodTime(token: Token, deadline: Deadline): Promise<Token> | Token {
    return this.#isDueEarly(token) ? this.#renewEarly(token, deadline) : token;
  }

  #isDueEarly(token: Token): boolean {
    const lifetimeMs = token.expiresAtMs - token.issuedAtMs;
    return token.expiresAtMs - this.#clock.now() < Math.min(this.#earlyMs, lifetimeMs / 4);
  }

  /** Renewal while the old token still serves: it may fail, and it may not take long. */
  async #renewEarly(token: Token, deadline: Deadline): Promise<Token> {
    if (isRecent(this.#earlyFailedAtMs, retryEarlyMs, this.#clock)) return token;
    const shortMs = Math.min(longestEarlyMs, deadline.remaining() / 2);
    // A token that might end meanwhile is nothing to fall back on.
    const short = this.#renewals.isUsable(token, shortMs) ? deadlineIn(shortMs, this.#clock) : deadline;
    try {
      const stored = await this.look(short);
      const newer = this.#renewals.usable(stored);
      if (newer !== undefined && !this.#isDueEarly(newer)) return this.#keep(newer);
      return (await this.#renew({ base: stored, reason: "ended", refused: undefined, deadline: short })).token;
    } catch (error) {
      if (!this.#renewals.isUsable(token)) throw error;
      this.#earlyFailedAtMs = this.#clock.now();
      this.#log.warn("Early renewal failed; the old token still serves", { error: nameOf(error) });
      return token;
    }
  }
}
