import { RekeyError } from "../errors.ts";
import { type Clock, type Deadline, deadlineIn } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { Secrets } from "../runtime/secrets.ts";
import { createLease, type Lease, leaseTermMs } from "./lease.ts";
import type { LogIn } from "./login.ts";
import {
  bookRenewal,
  freshRequestToken,
  isRegularRenewal,
  parseSession,
  requestToken,
  type SessionDocument,
  type StoredSession,
  type Token,
  tokenOf,
} from "./session-document.ts";

/** What a renewal of the shared session needs. */
export interface RenewalDependencies {
  readonly secrets: Secrets;
  readonly secretId: string;
  readonly logIn: LogIn;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** 0 to 1; spreads those who wait. */
  readonly random: () => number;
}

/** One wish for another token. */
export interface Renewal {
  /** The stored session that it follows. */
  readonly base: StoredSession;
  /** The token is at its end or absent; the platform refused it; or somebody asked. */
  readonly reason: "ended" | "refused" | "requested";
  /** The token that must not be taken over. */
  readonly refused: string | undefined;
  readonly deadline: Deadline;
}

/** The token that a renewal came to, and whether it was ours or another sandbox's. */
export interface Renewed {
  readonly token: Token;
  readonly renewed: boolean;
}

// A token that ends sooner than this might end on its way to the platform.
const usableMs = 5_000;

/** Renews the stored session, under the lease: of all sandboxes one logs in, the others wait for what it publishes. */
export class Renewals {
  readonly #secrets: Secrets;
  readonly #secretId: string;
  readonly #logIn: LogIn;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #random: () => number;
  #unpublishedAfter: string | undefined;

  constructor({ secrets, secretId, logIn, clock, log, metrics, random }: RenewalDependencies) {
    this.#secrets = secrets;
    this.#secretId = secretId;
    this.#logIn = logIn;
    this.#clock = clock;
    this.#log = log;
    this.#metrics = metrics;
    this.#random = random;
  }

  /** Version of the stored session that a token of ours followed which could not be published; it holds a dead token. */
  get unpublishedAfter(): string | undefined {
    return this.#unpublishedAfter;
  }

  /** The session as it stands in the store. */
  async read(deadline: Deadline): Promise<StoredSession> {
    const version = await this.#secrets.read(this.#secretId, deadline);
    return version === undefined
      ? { versionId: "", document: undefined }
      : parseSession(version.versionId, version.text);
  }

  /** The token of a session, where it has one that can still be used. */
  usable(stored: StoredSession): Token | undefined {
    return tokenOf(stored, this.#clock.now() + usableMs);
  }

  /** Whether a token can still be used, and for so many milliseconds more. */
  isUsable(token: Token, forMs = 0): boolean {
    return token.expiresAtMs - usableMs - forMs > this.#clock.now();
  }

  /**
   * Renews, or waits for who does.
   *
   * @throws SecretsUnavailableError, RenewalLimitedError, and what the login throws
   */
  async renewOrWait(renewal: Renewal): Promise<Renewed> {
    const { refused, deadline } = renewal;
    const lease = createLease(this.#secrets, this.#secretId, this.#clock);
    let base = await this.#healed(renewal.base, deadline);
    let renewed = await this.#renewUnderLease({ ...renewal, base }, lease);
    if (renewed === undefined) this.#metrics.count("LeaseWaits");
    for (let pauseMs = 150; renewed === undefined; pauseMs = Math.min(pauseMs * 1.3, 600)) {
      if (deadline.remaining() < pauseMs + 200) throw noTokenInTime();
      await this.#clock.sleep(pauseMs * (0.75 + this.#random() / 2));
      const next = await this.read(deadline);
      const published = next.versionId === base.versionId ? undefined : this.adoptable(next, refused);
      if (published !== undefined) return { token: published, renewed: false };
      base = await this.#healed(next, deadline);
      renewed = await this.#renewUnderLease({ ...renewal, base }, lease);
    }
    return renewed;
  }

  /** Renews if the lease can be had now; undefined while another holds it. */
  async #renewUnderLease(renewal: Renewal, lease: Lease): Promise<Renewed | undefined> {
    const { base, deadline } = renewal;
    const turn = base.document?.turn ?? 0;
    const slot = await lease.tryTake(turn, deadline);
    if (slot === undefined) return undefined;
    try {
      // Since we read, another may have published and gone: then there is nothing to renew.
      if ((await this.read(deadline)).versionId === base.versionId) return this.#holdAndRenew(renewal, lease, slot);
    } catch (error) {
      await lease.release(slot, turn, deadlineIn(1_000, this.#clock));
      throw error;
    }
    await lease.release(slot, turn, deadline);
    return undefined;
  }

  /** The usable token of a session, unless it is what the platform has just refused. */
  adoptable(stored: StoredSession, refused: string | undefined): Token | undefined {
    const token = this.usable(stored);
    if (token === undefined || token.accessToken === refused) return undefined;
    return token;
  }

  /** An empty or mangled session becomes one without a token; of all who find it so, one writes. */
  async #healed(base: StoredSession, deadline: Deadline): Promise<StoredSession> {
    if (base.document !== undefined) return base;
    const lease = createLease(this.#secrets, this.#secretId, this.#clock);
    const turn = base.versionId === "" ? 0 : ((await lease.position(deadline)) ?? 0);
    const text = JSON.stringify({ turn });
    await this.#secrets.write(this.#secretId, { token: requestToken("begin", base.versionId), text }, deadline);
    let sound = await this.read(deadline);
    if (sound.document === undefined && sound.versionId === base.versionId) {
      // The label AWSCURRENT was moved back to a version that has been healed before.
      await this.#secrets.write(this.#secretId, { token: freshRequestToken(), text }, deadline);
      sound = await this.read(deadline);
    }
    if (sound.document !== undefined && base.versionId !== "")
      this.#log.warn("Session secret was unreadable and is healed");
    return sound;
  }

  /** As the holder: logs in, publishes; gives the lease back when the login failed. */
  async #holdAndRenew(renewal: Renewal, lease: Lease, slot: number): Promise<Renewed> {
    const { base, reason, deadline } = renewal;
    const turn = base.document?.turn ?? 0;
    const heldUntilMs = this.#clock.elapsed() + leaseTermMs;
    try {
      const booking = this.#book(base, reason);
      // After a refusal the refreshToken may be the stranger's victim too; after a request the credentials have changed.
      const refreshToken = reason === "ended" ? base.document?.refreshToken : undefined;
      const startedAtMs = this.#clock.now();
      const budget = () => Math.min(heldUntilMs - this.#clock.elapsed() - 2_000, deadline.remaining() - 500);
      const reply = await this.#logIn({ refreshToken, fresh: reason === "requested", budget });
      const token: Token = {
        accessToken: reply.accessToken,
        issuedAtMs: startedAtMs,
        expiresAtMs: startedAtMs + reply.expiresIn * 1000,
      };
      const document: SessionDocument = { ...token, ...booking, turn: slot };
      if (reply.refreshToken != null) document.refreshToken = reply.refreshToken;
      this.#log.info("Access token renewed", { reason, expiresAtMs: token.expiresAtMs });
      const published = await this.#publish(base, document, lease, deadline);
      return { token: published ?? token, renewed: published === undefined };
    } catch (error) {
      // After the term the label may have come round to this slot for another holder, whose it is to give back.
      if (this.#clock.elapsed() < heldUntilMs) await lease.release(slot, turn, deadlineIn(1_000, this.#clock));
      if (error instanceof RekeyError && error.name === "RenewalLimitedError") {
        this.#log.error("Renewal refused by the allowance", { reason, detail: error.message });
      }
      throw error;
    }
  }

  #book(base: StoredSession, reason: Renewal["reason"]): Pick<SessionDocument, "bookedUntilMs"> {
    const bookedUntilMs = base.document?.bookedUntilMs ?? 0;
    if (reason === "ended" && isRegularRenewal(base, this.#clock.now())) return { bookedUntilMs };
    const booking = bookRenewal(bookedUntilMs, this.#clock.now());
    if ("bookedUntilMs" in booking) return booking;
    const message =
      reason === "refused"
        ? "Another system keeps logging in with the same application; the token will not be renewed again yet"
        : "The token was renewed too often; it will not be renewed again yet";
    throw new RekeyError("RenewalLimitedError", message, booking);
  }

  /** @returns another's token, when another published meanwhile and ours is worth nothing; else undefined */
  async #publish(
    base: StoredSession,
    document: SessionDocument,
    lease: Lease,
    deadline: Deadline,
  ): Promise<Token | undefined> {
    const text = JSON.stringify(document);
    try {
      // A holder that was relieved must not put its dead token over its successor's.
      let ours = await lease.holds(document.turn, deadline);
      let outcome = ours
        ? await this.#secrets.write(this.#secretId, { token: requestToken("publish", base.versionId), text }, deadline)
        : "taken";
      if (outcome === "taken" && ours) {
        // This version had a successor before, and somebody moved AWSCURRENT back to it. Or else we slept while others
        // renewed so often that the label came round to our slot.
        ours = (await this.read(deadline)).versionId === base.versionId && (await lease.holds(document.turn, deadline));
        if (ours) outcome = await this.#secrets.write(this.#secretId, { token: freshRequestToken(), text }, deadline);
      }
      this.#unpublishedAfter = outcome === "limited" ? base.versionId : undefined;
      if (outcome === "limited") {
        this.#log.error(
          "Session cannot be published: the secret has too many versions; this sandbox keeps its own token",
        );
      }
      if (outcome !== "taken") return undefined;
      return this.usable(await this.read(deadline));
    } catch (error) {
      // The token works whether or not the others learn of it.
      this.#unpublishedAfter = base.versionId;
      this.#log.error("Session cannot be published", { error: nameOf(error) });
      return undefined;
    }
  }
}

/** The name of an error for a log line. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}

function noTokenInTime(): RekeyError {
  return new RekeyError("SecretsUnavailableError", "Another sandbox renews for too long", { retryAfterSeconds: 5 });
}
