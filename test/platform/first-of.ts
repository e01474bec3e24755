import { setImmediate, setTimeout } from "node:timers/promises";

/**
 * What a promise resolves to, or "late" where a timer of this process, set now, goes off before it. A busy machine stops
 * both, and what is due first goes first: so this tells how long somebody meant to wait, not how busy the machine is.
 */
export async function firstOf<Result>(ended: Promise<Result>, milliseconds: number): Promise<Result | "late"> {
  const late = async () => {
    await setTimeout(milliseconds);
    // What was due with it has its turn, and what follows of that.
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    return "late" as const;
  };
  return Promise.race([ended, late()]);
}
