import { type Clock, type Deadline, isRecent } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { Secrets } from "../runtime/secrets.ts";
import { createLease, type Lease } from "./lease.ts";
import type { LogIn } from "./login.ts";
import { emptySession, parseSession, type StoredSession, type Token } from "./session-document.ts";

/** What a session needs. */
export interface SessionDependencies {
  readonly secrets: Secrets;
  readonly secretId: string;
  readonly logIn: LogIn;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** 0 to 1; spreads the sandboxes over the time in which a token may be renewed, and those who wait. */
  readonly random?: () => number;
}

const barredMs = 30_000;

/** What one sandbox knows of the session beyond a single request. */
export class SessionMemory {
  readonly dependencies: Required<SessionDependencies>;
  readonly lease: Lease;
  readonly earlyMs: number;
  /** The token that was used last. */
  kept: Token | undefined;
  /** A session of our own, in place of the stored one of its version: it could not be published. */
  apart: StoredSession | undefined;
  /** The end of the renewal that is under way here; it rejects as that fails. */
  renewal: Promise<void> | undefined;
  #refused: Token | undefined;
  #earlyFailedAtMs = Number.NEGATIVE_INFINITY;

  constructor(dependencies: Required<SessionDependencies>) {
    this.dependencies = dependencies;
    this.lease = createLease(dependencies.secrets, dependencies.secretId);
    this.earlyMs = 120_000 + dependencies.random() * 180_000;
  }

  /** Whether an early renewal failed a moment ago: the next one is not tried yet. */
  get isBarred(): boolean {
    return isRecent(this.#earlyFailedAtMs, barredMs, this.dependencies.clock);
  }

  noteEarlyFailure(): void {
    this.#earlyFailedAtMs = this.dependencies.clock.now();
  }

  /** The platform refused a token; that of an older one says nothing about the kept one. */
  noteRefusal(token: Token): void {
    if (token.accessToken === this.kept?.accessToken) this.#refused = token;
  }

  /** Resolves when the kept token is not about to be replaced because it was refused. */
  async settled(): Promise<void> {
    const isRefused = this.#refused !== undefined && this.#refused.accessToken === this.kept?.accessToken;
    // Why a renewal failed is for those to say who need one: the token that is kept may serve them yet.
    if (isRefused) await this.renewal?.catch(() => undefined);
  }

  /** The session as it stands in the store, or our own in its place. */
  async read(deadline: Deadline): Promise<StoredSession> {
    const { secrets, secretId, clock } = this.dependencies;
    const version = await secrets.read(secretId, deadline);
    if (this.apart !== undefined && this.apart.versionId === (version?.versionId ?? "")) return this.apart;
    this.apart = undefined;
    return version === undefined ? emptySession : parseSession(version.versionId, version.text, clock.now());
  }
}
