import type { Clock, Deadline } from "../runtime/clock.ts";
import type { Secrets } from "../runtime/secrets.ts";

/**
 * The right to log in, one holder at a time, kept in the session secret's own version labels.
 *
 * Three versions of fixed content serve as slots, and the label `REKEY_LEASE` rests on one of them. The session
 * document names the slot on which it rests while nobody renews (`turn`); to take the lease is to move the label from
 * there to the next slot, which Secrets Manager does for one caller only, since it refuses to take a label from a
 * version that does not hold it. The holder's publication names its slot as the new `turn`, so nothing is to be given
 * back. A holder that died is recognized by a label that rests elsewhere for a whole term, and relieved by moving the
 * label on to the third slot. None of this writes a version, so none of it uses up the store's quota.
 */
export interface Lease {
  /**
   * One attempt.
   *
   * @returns the slot held now, or undefined while another holds the lease
   * @throws SecretsUnavailableError, ConfigurationError
   */
  tryTake(turn: number, deadline: Deadline): Promise<number | undefined>;
  /** Whether the label still rests on this slot. */
  holds(slot: number, deadline: Deadline): Promise<boolean>;
  /** Gives the lease back unused; a failure is left to the term. */
  release(slot: number, turn: number, deadline: Deadline): Promise<void>;
  /** The slot on which the label rests; undefined when it rests on none. */
  position(deadline: Deadline): Promise<number | undefined>;
}

const label = "REKEY_LEASE";
const slots = [
  "rekey-lease-slot-0-of-the-session",
  "rekey-lease-slot-1-of-the-session",
  "rekey-lease-slot-2-of-the-session",
];

/** How long a holder may keep the others waiting, in milliseconds; it begins no login after three quarters of it. */
export const leaseTermMs = 8_000;

// UpdateSecretVersionStage and DescribeSecret bear 50 calls a second from everybody together.
const lookIntervalMs = 800;

/** A lease on the session secret as one waiting caller sees it; made anew for every renewal. */
export function createLease(secrets: Secrets, secretId: string, clock: Clock): Lease {
  let tried = false;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let seen: { readonly position: number; readonly turn: number; readonly sinceMs: number } | undefined;

  const slotVersion = (slot: number) => slots[slot % 3] ?? "";
  const move = (from: number, to: number, deadline: Deadline) =>
    secrets.moveLabel(secretId, { label, from: slotVersion(from), to: slotVersion(to) }, deadline);

  async function position(deadline: Deadline): Promise<number | undefined> {
    const version = await secrets.holderOf(secretId, label, deadline);
    const slot = version === undefined ? -1 : slots.indexOf(version);
    return slot === -1 ? undefined : slot;
  }

  /** Puts the slots there, and the label on the slot that means "free"; whoever comes later changes nothing. */
  async function lay(turn: number, deadline: Deadline): Promise<void> {
    for (const [slot, token] of slots.entries()) {
      await secrets.write(secretId, { token, text: `slot ${slot}`, labels: [`REKEY_SLOT_${slot}`] }, deadline);
    }
    // Without a source this succeeds only while the label rests nowhere, or where it shall.
    await secrets.moveLabel(secretId, { label, to: slotVersion(turn) }, deadline);
  }

  async function take(turn: number, deadline: Deadline): Promise<number | undefined> {
    const next = (turn + 1) % 3;
    let outcome = await move(turn, next, deadline);
    if (outcome === "unknownVersion") {
      await lay(turn, deadline);
      outcome = await move(turn, next, deadline);
    }
    return outcome === "moved" ? next : undefined;
  }

  /** Looks where the label rests, and moves it if it rests on "free" or on one slot for too long. */
  async function look(turn: number, deadline: Deadline): Promise<number | undefined> {
    const at = await position(deadline);
    if (at === undefined) {
      await lay(turn, deadline);
      return take(turn, deadline);
    }
    if (at === turn) return take(turn, deadline);
    if (seen?.position !== at || seen.turn !== turn) seen = { position: at, turn, sinceMs: lookedAtMs };
    if (lookedAtMs - seen.sinceMs < leaseTermMs) return undefined;
    // The other of the two slots that are not "free": whoever saw the same as we did comes too late.
    const other = 3 - turn - at;
    seen = undefined;
    return (await move(at, other, deadline)) === "moved" ? other : undefined;
  }

  return {
    async tryTake(turn, deadline) {
      if (!tried) {
        tried = true;
        return take(turn, deadline);
      }
      if (clock.elapsed() - lookedAtMs < lookIntervalMs) return undefined;
      lookedAtMs = clock.elapsed();
      return look(turn, deadline);
    },
    holds: async (slot, deadline) => (await position(deadline)) === slot,
    async release(slot, turn, deadline) {
      await move(slot, turn, deadline).catch(() => undefined);
    },
    position,
  };
}
