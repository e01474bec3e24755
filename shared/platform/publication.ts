import { randomUUID } from "node:crypto";
import type { Deadline } from "../runtime/clock.ts";
import type { Secrets, WriteOutcome } from "../runtime/secrets.ts";
import { type Lease, slotVersion } from "./lease.ts";
import { type Ledger, requestToken, type StoredSession, sessionText, type Token } from "./session-document.ts";

/** A session that a login has brought, to be put in the place of the one that it follows. */
export interface NewSession {
  readonly token: Token;
  readonly refreshToken: string | undefined;
  readonly ledger: Ledger;
}

/** What became of a publication, and the session that stands in the store now. */
export interface Published {
  /** `lost`: another has published since, or will, and its login may have ended our token or ours its. */
  readonly outcome: "published" | "limited" | "lost";
  readonly session: StoredSession;
}

interface PublicationDependencies {
  readonly secrets: Secrets;
  readonly secretId: string;
  readonly lease: Lease;
  read(deadline: Deadline): Promise<StoredSession>;
}

// Each time somebody else has published in between; after so many, others know better than we do.
const mostAttempts = 3;

/**
 * Puts a session in the place of the one that it follows; under the lease, unless there was no room for one.
 *
 * A holder that was relieved must not put a dead token over its successor's. Where two have logged in nevertheless, the
 * store is to hold the token of the later login, since the platform honours no other.
 *
 * @param slot that the label must still rest on; undefined without a lease
 * @throws SecretsUnavailableError, ConfigurationError
 */
export async function publish(
  session: NewSession,
  slot: number | undefined,
  { secrets, secretId, lease, read }: PublicationDependencies,
  deadline: Deadline,
): Promise<Published> {
  const write = (ledger: Ledger): Promise<WriteOutcome> => {
    const version = { token: requestToken(ledger), text: sessionText({ ...session, ledger }) };
    return secrets.write(secretId, version, deadline);
  };
  const holds = async () => slot === undefined || (await lease.look(deadline)).at === slotVersion(slot);

  let { ledger } = session;
  let mayFollow = await holds();
  for (let attempt = 1; attempt <= mostAttempts; attempt += 1) {
    const outcome = mayFollow ? await write(ledger) : "taken";
    if (outcome === "written") {
      return { outcome: "published", session: { ...session, ledger, versionId: requestToken(ledger) } };
    }
    const stored = await read(deadline);
    if (outcome === "limited") return { outcome: "limited", session: stored };
    if (stored.versionId === ledger.follows) {
      // This version had a successor before, and somebody moved AWSCURRENT back to it; or our own will come.
      if (!mayFollow || !(await holds())) return { outcome: "lost", session: stored };
      ledger = { ...ledger, nonce: randomUUID() };
    } else {
      if (isLater(stored, session) || stored.ledger === undefined) return { outcome: "lost", session: stored };
      // The lease is its publisher's to give back: the label rests where it says.
      const { nonce: _, ...booked } = ledger;
      ledger = { ...booked, follows: stored.versionId, turn: stored.ledger.turn };
      mayFollow = true;
    }
  }
  return { outcome: "lost", session: await read(deadline) };
}

function isLater({ token }: StoredSession, { token: own }: NewSession): boolean {
  return token !== undefined && token.issuedAtMs >= own.issuedAtMs;
}
