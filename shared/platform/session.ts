import { RekeyError } from "../errors.ts";
import { type Clock, type Deadline, deadlineIn, isRecent } from "../runtime/clock.ts";
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
  replace(old: Token, deadline: Deadline): Promise<{ token: Token; renewed: boolean }>;
  /** A token from a login begun after this was called, our own or another sandbox's. */
  renew(deadline: Deadline): Promise<Token>;
  /** The stored session as it is, for a status. */
  look(deadline: Deadline): Promise<StoredSession>;
}

interface SessionDependencies {
  readonly secrets: Secrets;
  readonly secretId: string;
  readonly logIn: LogIn;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** 0 to 1; spreads the sandboxes over the time in which a token may be renewed. */
  readonly random?: () => number;
}

/** What a renewal needs to know. */
interface Renewal {
  readonly base: StoredSession;
  /** The token is at its end or absent; the platform refused it; or somebody asked. */
  readonly reason: "ended" | "refused" | "requested";
  readonly refused: string | undefined;
  readonly deadline: Deadline;
}

// A token that ends sooner than this might end on its way to the platform.
const usableMs = 5_000;
const retryEarlyMs = 30_000;

/** A session in the secret `secretId`. */
export function createSession(dependencies: SessionDependencies): Session {
  const { secrets, secretId, logIn, clock, log, metrics, random = Math.random } = dependencies;
  // Sandboxes come into the renewal band one after another, so that one has renewed before the next one asks.
  const earlyMs = 120_000 + random() * 180_000;
  let cached: Token | undefined;
  let renewing: Promise<{ token: Token; renewed: boolean }> | undefined;
  /** The stored session that a token of ours followed which could not be published. */
  let supersededVersionId: string | undefined;
  let earlyFailedAtMs = Number.NEGATIVE_INFINITY;

  async function read(deadline: Deadline): Promise<StoredSession> {
    const version = await secrets.read(secretId, deadline);
    return version === undefined
      ? { versionId: "", document: undefined }
      : parseSession(version.versionId, version.text);
  }

  const isDueEarly = (token: Token) => {
    const lifetimeMs = token.expiresAtMs - token.issuedAtMs;
    return token.expiresAtMs - clock.now() < Math.min(earlyMs, lifetimeMs / 4);
  };

  /** Renews, or waits for who does; one renewal at a time in this sandbox. */
  function renew(renewal: Renewal): Promise<{ token: Token; renewed: boolean }> {
    renewing ??= renewOrWait(renewal).finally(() => {
      renewing = undefined;
    });
    return renewing;
  }

  async function renewOrWait(renewal: Renewal) {
    const { refused, deadline } = renewal;
    const lease = createLease(secrets, secretId, clock);
    let base = await healed(renewal.base, deadline);
    let renewed = await renewUnderLease({ ...renewal, base }, lease);
    if (renewed === undefined) metrics.count("LeaseWaits");
    for (let pauseMs = 150; renewed === undefined; pauseMs = Math.min(pauseMs * 1.3, 600)) {
      if (deadline.remaining() < pauseMs + 200) throw noTokenInTime();
      await clock.sleep(pauseMs * (0.75 + random() / 2));
      const next = await read(deadline);
      const published = next.versionId === base.versionId ? undefined : adoptable(next, refused);
      if (published !== undefined) return { token: published, renewed: false };
      base = await healed(next, deadline);
      renewed = await renewUnderLease({ ...renewal, base }, lease);
    }
    return renewed;
  }

  /** Renews if the lease can be had now; undefined while another holds it. */
  async function renewUnderLease(renewal: Renewal, lease: Lease) {
    const { base, deadline } = renewal;
    const turn = base.document?.turn ?? 0;
    const slot = await lease.tryTake(turn, deadline);
    if (slot === undefined) return undefined;
    try {
      // Since we read, another may have published and gone: then there is nothing to renew.
      if ((await read(deadline)).versionId === base.versionId) return holdAndRenew(renewal, lease, slot);
    } catch (error) {
      await lease.release(slot, turn, deadlineIn(1_000, clock));
      throw error;
    }
    await lease.release(slot, turn, deadline);
    return undefined;
  }

  /** Takes over what a session holds, unless it is what the platform has just refused. */
  function adoptable(stored: StoredSession, refused: string | undefined): Token | undefined {
    const token = tokenOf(stored, clock.now() + usableMs);
    if (token === undefined || token.accessToken === refused) return undefined;
    cached = token;
    return token;
  }

  /** An empty or mangled session becomes one without a token; of all who find it so, one writes. */
  async function healed(base: StoredSession, deadline: Deadline): Promise<StoredSession> {
    if (base.document !== undefined) return base;
    const lease = createLease(secrets, secretId, clock);
    const turn = base.versionId === "" ? 0 : ((await lease.position(deadline)) ?? 0);
    const text = JSON.stringify({ turn });
    await secrets.write(secretId, { token: requestToken("begin", base.versionId), text }, deadline);
    let sound = await read(deadline);
    if (sound.document === undefined && sound.versionId === base.versionId) {
      // The label AWSCURRENT was moved back to a version that has been healed before.
      await secrets.write(secretId, { token: freshRequestToken(), text }, deadline);
      sound = await read(deadline);
    }
    if (sound.document !== undefined && base.versionId !== "") log.warn("Session secret was unreadable and is healed");
    return sound;
  }

  /** As the holder: logs in, publishes; gives the lease back when the login failed. */
  async function holdAndRenew(renewal: Renewal, lease: Lease, slot: number) {
    const { base, reason, deadline } = renewal;
    const turn = base.document?.turn ?? 0;
    const heldUntilMs = clock.elapsed() + leaseTermMs;
    try {
      const booking = book(base, reason);
      // After a refusal the refreshToken may be the stranger's victim too; after a request the credentials have changed.
      const refreshToken = reason === "ended" ? base.document?.refreshToken : undefined;
      const startedAtMs = clock.now();
      const budget = () => Math.min(heldUntilMs - clock.elapsed() - 2_000, deadline.remaining() - 500);
      const reply = await logIn({ refreshToken, fresh: reason === "requested", budget });
      const token: Token = {
        accessToken: reply.accessToken,
        issuedAtMs: startedAtMs,
        expiresAtMs: startedAtMs + reply.expiresIn * 1000,
      };
      const document: SessionDocument = { ...token, ...booking, turn: slot };
      if (reply.refreshToken != null) document.refreshToken = reply.refreshToken;
      log.info("Access token renewed", { reason, expiresAtMs: token.expiresAtMs });
      const published = await publish(base, document, lease, deadline);
      cached = published ?? token;
      return { token: cached, renewed: published === undefined };
    } catch (error) {
      // After the term the label may have come round to this slot for another holder, whose it is to give back.
      if (clock.elapsed() < heldUntilMs) await lease.release(slot, turn, deadlineIn(1_000, clock));
      if (error instanceof RekeyError && error.name === "RenewalLimitedError") {
        log.error("Renewal refused by the allowance", { reason, detail: error.message });
      }
      throw error;
    }
  }

  function book(base: StoredSession, reason: Renewal["reason"]): Pick<SessionDocument, "bookedUntilMs"> {
    const bookedUntilMs = base.document?.bookedUntilMs ?? 0;
    if (reason === "ended" && isRegularRenewal(base, clock.now())) return { bookedUntilMs };
    const booking = bookRenewal(bookedUntilMs, clock.now());
    if ("bookedUntilMs" in booking) return booking;
    const message =
      reason === "refused"
        ? "Another system keeps logging in with the same application; the token will not be renewed again yet"
        : "The token was renewed too often; it will not be renewed again yet";
    throw new RekeyError("RenewalLimitedError", message, booking);
  }

  /** @returns another's token, when another published meanwhile and ours is worth nothing; else undefined */
  async function publish(
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
        ? await secrets.write(secretId, { token: requestToken("publish", base.versionId), text }, deadline)
        : "taken";
      if (outcome === "taken" && ours) {
        // This version had a successor before, and somebody moved AWSCURRENT back to it. Or else we slept while others
        // renewed so often that the label came round to our slot.
        ours = (await read(deadline)).versionId === base.versionId && (await lease.holds(document.turn, deadline));
        if (ours) outcome = await secrets.write(secretId, { token: freshRequestToken(), text }, deadline);
      }
      supersededVersionId = outcome === "limited" ? base.versionId : undefined;
      if (outcome === "limited") {
        log.error("Session cannot be published: the secret has too many versions; this sandbox keeps its own token");
      }
      if (outcome !== "taken") return undefined;
      return tokenOf(await read(deadline), clock.now() + usableMs);
    } catch (error) {
      // The token works whether or not the others learn of it.
      supersededVersionId = base.versionId;
      log.error("Session cannot be published", { error: error instanceof Error ? error.name : "unknown" });
      return undefined;
    }
  }

  const isUsable = (token: Token) => token.expiresAtMs - usableMs > clock.now();

  /** Renewal while the old token still serves: it may fail, and it may not take long. */
  async function renewEarly(token: Token, deadline: Deadline): Promise<Token> {
    if (isRecent(earlyFailedAtMs, retryEarlyMs, clock)) return token;
    const short = deadlineIn(Math.min(6_000, deadline.remaining() / 2), clock);
    try {
      const stored = await read(short);
      const newer = tokenOf(stored, clock.now() + usableMs);
      if (newer === undefined || isDueEarly(newer)) {
        return (await renew({ base: stored, reason: "ended", refused: undefined, deadline: short })).token;
      }
      cached = newer;
      return newer;
    } catch (error) {
      if (!isUsable(token)) throw error;
      earlyFailedAtMs = clock.now();
      log.warn("Early renewal failed; the old token still serves", { error: nameOf(error) });
      return token;
    }
  }

  return {
    async token(deadline) {
      if (cached !== undefined && isUsable(cached)) return isDueEarly(cached) ? renewEarly(cached, deadline) : cached;
      const stored = await read(deadline);
      const found = tokenOf(stored, clock.now() + usableMs);
      if (found === undefined) {
        return (await renew({ base: stored, reason: "ended", refused: undefined, deadline })).token;
      }
      cached = found;
      return isDueEarly(found) ? renewEarly(found, deadline) : found;
    },
    async current(deadline) {
      const stored = await read(deadline);
      const found = tokenOf(stored, clock.now() + usableMs);
      if (stored.versionId !== supersededVersionId) cached = found;
      return this.token(deadline);
    },
    async replace(old, deadline) {
      const stored = await read(deadline);
      const published = adoptable(stored, old.accessToken);
      if (published !== undefined) return { token: published, renewed: false };
      return renew({ base: stored, reason: "refused", refused: old.accessToken, deadline });
    },
    async renew(deadline) {
      const askedAtMs = clock.now();
      const stored = await read(deadline);
      const newer = tokenOf(stored, clock.now() + usableMs);
      if (newer !== undefined && newer.issuedAtMs >= askedAtMs) {
        cached = newer;
        return newer;
      }
      const refused = stored.document?.accessToken;
      return (await renew({ base: stored, reason: "requested", refused, deadline })).token;
    },
    look: read,
  };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}

function noTokenInTime(): RekeyError {
  return new RekeyError("SecretsUnavailableError", "Another sandbox renews for too long", { retryAfterSeconds: 5 });
}
