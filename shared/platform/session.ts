import { RekeyError } from "../errors.ts";
import type { Deadline } from "../runtime/clock.ts";
import { allowanceOf } from "./allowance.ts";
import { type Granted, Pursuit } from "./pursuit.ts";
import type { StoredSession, Token } from "./session-document.ts";
import { type SessionDependencies, SessionMemory } from "./session-memory.ts";
import { isUsable, type Wish } from "./session-step.ts";

/**
 * The one token that all sandboxes of all functions share, because the platform honours only the last one issued.
 *
 * Every method throws SecretsUnavailableError when no token can be had within the deadline, RenewalLimitedError when
 * a renewal would exceed the allowance, ConfigurationError, and what the login itself throws.
 */
export interface Session {
  /**
   * A token that is valid as far as we know, without a call while this sandbox has one; while a refused one is being
   * replaced here, the next.
   */
  token(deadline: Deadline): Promise<Token>;
  /** The token that the store holds now. */
  current(deadline: Deadline): Promise<Token>;
  /** A token other than the given one: another's publication where there is one, else from a renewal. */
  replace(old: Token, deadline: Deadline): Promise<Granted>;
  /**
   * A token other than one that may have spoilt a request's header: another's publication, or, where no login of ours
   * has brought the old one, one from a renewal; else undefined.
   */
  doubt(old: Token, deadline: Deadline): Promise<Granted | undefined>;
  /** A token from a login made now, unless another sandbox publishes one meanwhile. */
  renew(deadline: Deadline): Promise<Token>;
  /** The stored token, where it has not ended, and what is wrong with the session; for a status, so nothing is renewed. */
  look(deadline: Deadline): Promise<{ readonly token: Token | undefined; readonly fault: RekeyError | undefined }>;
}

/** A session in the secret `secretId`. */
export function createSession({ random = Math.random, ...dependencies }: SessionDependencies): Session {
  const memory = new SessionMemory({ ...dependencies, random });
  const { clock } = dependencies;
  const pursue = (wish: Wish, deadline: Deadline) => new Pursuit(memory, wish, deadline).run();
  return {
    async token(deadline) {
      await memory.settled();
      return (await pursue({ kind: "any" }, deadline)).token;
    },
    current: async (deadline) => (await pursue({ kind: "stored" }, deadline)).token,
    replace(than, deadline) {
      memory.noteRefusal(than);
      return pursue({ kind: "other", than }, deadline);
    },
    async doubt(than, deadline) {
      const { token, ledger } = await memory.read(deadline);
      if (token?.accessToken === than.accessToken && ledger !== undefined) return undefined;
      return pursue({ kind: "other", than }, deadline);
    },
    renew: async (deadline) => (await pursue({ kind: "since", sinceMs: clock.now() }, deadline)).token,
    async look(deadline) {
      const session = await memory.read(deadline);
      // A secret that is not there reads as one that is empty; whether it can be made shows here.
      if (session.versionId === "") await memory.lease.look(deadline);
      const nowMs = clock.now();
      const { token } = session;
      return {
        token: token !== undefined && isUsable(token, nowMs) ? token : undefined,
        fault: faultOf(session, nowMs),
      };
    },
  };
}

// Right after a renewal the next one is half a second away, and whoever needs it waits for that unnoticed.
const shortWaitMs = 1_000;

function faultOf(session: StoredSession, nowMs: number): RekeyError | undefined {
  const allowance = allowanceOf(session, "refused", nowMs);
  if (!allowance.allowed && allowance.afterMs > shortWaitMs) {
    return new RekeyError("RenewalLimitedError", allowance.message);
  }
  if (session.ledger?.guarded !== false) return undefined;
  return new RekeyError(
    "ConfigurationError",
    "The secrets store does not keep a lease: several sandboxes may log in at once",
  );
}
