import type { Deadline } from "../runtime/clock.ts";
import type { LabelMove, Secrets } from "../runtime/secrets.ts";

/**
 * The right to log in, one holder at a time, kept in the session secret's own version labels.
 *
 * Five versions of fixed content serve as slots, and the label `REKEY_LEASE` rests on one of them. The session names
 * the slot on which it rests while nobody renews (`turn`); to take the lease is to move the label from there to another
 * slot, which the store does for one caller only, since it refuses to take a label from a version that does not hold
 * it. The holder's publication names its slot as the new `turn`, so nothing is to be given back. A holder that died is
 * recognized by a label that rests elsewhere for a whole term, and relieved by moving the label on. None of this writes
 * a version, so none of it uses up the store's quota. No slot is ever the current version: some stores take all labels
 * from a version that was.
 */
export interface Lease {
  /** @throws ConfigurationError the secret does not exist, and cannot be made */
  look(deadline: Deadline): Promise<Label>;
  /**
   * Makes the slots, finds out what the store refuses, and has the label be born; whoever comes later changes nothing.
   *
   * @param birth sets apart the births of one label that was lost; the slots' own is empty
   * @returns `limited` where the secret takes no further versions
   */
  lay(birth: string, deadline: Deadline): Promise<"laid" | "limited">;
  /** Moves the label from a version that holds it to a slot, if nobody was there first. */
  take(from: string, to: number, deadline: Deadline): Promise<"taken" | "refused" | "unlaid">;
  /** Gives the lease back unused; a failure is left to the term. */
  release(slot: number, turn: number, deadline: Deadline): Promise<void>;
}

/** Where the label is, and what the store is like. */
export interface Label {
  /** Version that it rests on; undefined where it rests on none. */
  readonly at: string | undefined;
  /** The store refuses what a lease needs refused: of those who move the label at once, one has moved it. */
  readonly guarded: boolean;
}

const label = "REKEY_LEASE";
// Rests anywhere in a store that does not refuse what it should; of the other one it matters only that it can be moved.
const unguarded = "REKEY_UNGUARDED";
const trial = "REKEY_TRIAL";
const slotLabel = (slot: number) => `REKEY_SLOT_${slot}`;

/** Version ids of the slots. */
export const slots = [0, 1, 2, 3, 4].map((slot) => `rekey-session-lease-slot-${slot}-of-five`);

/** How long a holder may keep the others waiting, in milliseconds; it begins no login after three quarters of it. */
export const leaseTermMs = 8_000;

/** The version id of a slot. */
export function slotVersion(slot: number): string {
  return slots[slot] ?? "";
}

/** The lease in a session secret. */
export function createLease(secrets: Secrets, secretId: string): Lease {
  const move = (change: LabelMove, deadline: Deadline) => secrets.moveLabel(secretId, change, deadline);

  async function put(version: string, text: string, labels: string[], deadline: Deadline): Promise<boolean> {
    return (await secrets.write(secretId, { token: version, text, labels }, deadline)) !== "limited";
  }

  /** Whether the store refuses a move whose source does not hold the label, wherever the label is. */
  async function isGuarded(deadline: Deadline): Promise<boolean> {
    const from = slotVersion(2);
    const targets = [slotVersion(1), slotVersion(3)];
    const outcomes = await Promise.all(targets.map((to) => move({ label: trial, from, to }, deadline)));
    return outcomes.every((outcome) => outcome === "refused");
  }

  return {
    async look(deadline) {
      const labelsOf = await secrets.labels(secretId, deadline);
      const holder = (name: string) => [...labelsOf].find(([, labels]) => labels.includes(name))?.[0];
      return {
        at: holder(label),
        guarded: holder(unguarded) === undefined,
      };
    },
    async lay(birth, deadline) {
      if (birth !== "") return (await put(birth, "lease", [label], deadline)) ? "laid" : "limited";
      const others = slots.slice(1).map((version, index) => {
        const labels = index === 0 ? [slotLabel(1), trial] : [slotLabel(index + 1)];
        return put(version, `slot ${index + 1}`, labels, deadline);
      });
      if ((await Promise.all(others)).includes(false)) return "limited";
      if (!(await isGuarded(deadline))) await move({ label: unguarded, to: slotVersion(4) }, deadline);
      // The last of all, so that whoever sees the label knows that the store was tried. No move that names no source
      // would do: some stores then add the label to a second version.
      return (await put(slotVersion(0), "slot 0", [slotLabel(0), label], deadline)) ? "laid" : "limited";
    },
    async take(from, to, deadline) {
      const outcome = await move({ label, from, to: slotVersion(to) }, deadline);
      if (outcome === "unknownVersion") return "unlaid";
      return outcome === "moved" ? "taken" : "refused";
    },
    async release(slot, turn, deadline) {
      await move({ label, from: slotVersion(slot), to: slotVersion(turn) }, deadline).catch(() => undefined);
    },
  };
}
