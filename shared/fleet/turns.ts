import * as z from "zod/mini";
import { jsonOf } from "../json.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ObjectStore } from "../runtime/objects.ts";

/** The runs of one bucket share one application's quota: one batch works at a time, and runs take turns. */
export interface Turns {
  /**
   * Takes the turn, or keeps it.
   *
   * @returns false while another run has it, or is next; it has the turn once that run's batch is over
   */
  take(): Promise<boolean>;
  /** Gives the turn back; another run that waits is next. */
  release(): Promise<void>;
}

const turnDocument = z.object({
  /** Who calls the platform, by run and execution; a holder that died loses it with time. */
  holder: z.nullable(z.object({ name: z.string(), untilMs: z.number() })),
  /** Who waits, longest first; who has not asked for some minutes waits no more. */
  waiting: z.array(z.object({ run: z.string(), askedAtMs: z.number() })),
});

const key = "runs/turn.json";
const heldMs = 45_000;
const patienceMs = 180_000;
const mostTries = 5;

/**
 * A lease in the bucket by S3's conditional writes: what is written over has to be what was read.
 *
 * @param name of the holder; an execution that took over from a dead one is another
 */
export function createTurns(objects: ObjectStore, run: string, name: string, clock: Clock): Turns {
  type Document = z.infer<typeof turnDocument>;

  /** Reads, changes, writes; again when somebody else wrote in between. */
  async function change(decide: (document: Document) => Document | undefined): Promise<boolean> {
    for (let tries = 0; tries < mostTries; tries += 1) {
      const found = await objects.getTagged(key);
      const read = turnDocument.safeParse(found === undefined ? undefined : jsonOf(found.text));
      const changed = decide(read.success ? read.data : { holder: null, waiting: [] });
      if (changed === undefined) return false;
      if (await objects.replace(key, JSON.stringify(changed), found?.etag ?? null)) return true;
    }
    return false;
  }

  return {
    async take() {
      let taken = false;
      const written = await change(({ holder, waiting }) => {
        const nowMs = clock.now();
        const others = waiting.filter((one) => one.run !== run && nowMs - one.askedAtMs < patienceMs);
        const isFree = holder === null || holder.untilMs < nowMs;
        const isOurs = holder?.name === name;
        const first = waiting.find((one) => nowMs - one.askedAtMs < patienceMs);
        taken = isOurs || (isFree && (first === undefined || first.run === run));
        if (taken) return { holder: { name, untilMs: nowMs + heldMs }, waiting: others };
        const asked = { run, askedAtMs: nowMs };
        const isWaiting = waiting.some((one) => one.run === run);
        const kept = waiting.filter((one) => one.run === run || nowMs - one.askedAtMs < patienceMs);
        return { holder, waiting: isWaiting ? kept.map((one) => (one.run === run ? asked : one)) : [...kept, asked] };
      });
      return written && taken;
    },
    async release() {
      await change(({ holder, waiting }) => (holder?.name === name ? { holder: null, waiting } : undefined));
    },
  };
}
