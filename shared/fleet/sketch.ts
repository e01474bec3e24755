import { hashOf } from "./hash-index.ts";

const size = 256;

/** The smallest hashes of a set of devices: enough to say how much two sets have in common, however large they are. */
export class Sketch {
  readonly #hashes: number[] = [];

  add(deviceId: string): void {
    const { high, low } = hashOf(deviceId);
    const hash = high * 2 ** 20 + (low >>> 12);
    if (this.#hashes.length === size && hash >= (this.#hashes.at(-1) ?? 0)) return;
    let at = this.#hashes.length;
    while (at > 0 && (this.#hashes[at - 1] ?? 0) > hash) at -= 1;
    if (this.#hashes[at - 1] === hash) return;
    this.#hashes.splice(at, 0, hash);
    this.#hashes.length = Math.min(size, this.#hashes.length);
  }

  get hashes(): readonly number[] {
    return this.#hashes;
  }
}

/** A set by its size and its {@link Sketch}. */
export interface Sketched {
  readonly size: number;
  readonly hashes: readonly number[];
}

/** Which share of the smaller set is in the other one too, 0 to 1; exact where both have 256 members at most. */
export function commonShare(one: Sketched, other: Sketched): number {
  const inOne = new Set(one.hashes);
  const inOther = new Set(other.hashes);
  const smallest = [...new Set([...inOne, ...inOther])].sort((a, b) => a - b);
  // Beyond the end of a full sketch nobody knows whether a hash is in its set.
  const isWhole = one.size <= size && other.size <= size;
  const compared = isWhole ? smallest : smallest.slice(0, size);
  if (compared.length === 0) return 0;
  const common = compared.filter((hash) => inOne.has(hash) && inOther.has(hash)).length / compared.length;
  const shared = isWhole ? common * compared.length : (common / (1 + common)) * (one.size + other.size);
  return Math.min(1, shared / Math.max(1, Math.min(one.size, other.size)));
}
