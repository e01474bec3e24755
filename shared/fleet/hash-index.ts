import { hash } from "node:crypto";

/** 64 bits of a text's SHA-256: two of a million texts share them once in 37 million inputs. */
export interface Hash {
  readonly high: number;
  readonly low: number;
}

/** The {@link Hash} of a text. */
export function hashOf(text: string): Hash {
  const digest = hash("sha256", text, "buffer");
  return { high: digest.readUInt32LE(0), low: digest.readUInt32LE(4) };
}

/** Numbers hashes in the order in which they come, in 12 bytes for each place, of which at most seven in ten are taken. */
export class HashIndex {
  /** High half, low half, number + 1; 0 in the last is a free place. */
  #places = new Uint32Array(3 * 1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number of a hash, or -1 where it has none. */
  find(hash: Hash): number {
    return (this.#places[this.#placeOf(hash) + 2] ?? 0) - 1;
  }

  /** The number of a hash, which is a new one, the index's size until then, where it had none. */
  add(hash: Hash): number {
    const place = this.#placeOf(hash);
    const known = (this.#places[place + 2] ?? 0) - 1;
    if (known >= 0) return known;
    this.#size += 1;
    this.#places.set([hash.high, hash.low, this.#size], place);
    if (this.#size * 30 > this.#places.length * 7) this.#grow();
    return this.#size - 1;
  }

  #placeOf({ high, low }: Hash): number {
    const places = this.#places;
    const mask = places.length / 3 - 1;
    for (let at = low & mask; ; at = (at + 1) & mask) {
      const place = at * 3;
      if (places[place + 2] === 0 || (places[place] === high && places[place + 1] === low)) return place;
    }
  }

  #grow(): void {
    const before = this.#places;
    this.#places = new Uint32Array(before.length * 2);
    for (let place = 0; place < before.length; place += 3) {
      const [high = 0, low = 0, number = 0] = before.subarray(place, place + 3);
      if (number > 0) this.#places.set([high, low, number], this.#placeOf({ high, low }));
    }
  }
}

/** A list of numbers in one piece of memory, which grows by doubling. */
export class NumberList<Numbers extends Float64Array | Uint32Array> {
  #numbers: Numbers;
  readonly #make: (length: number) => Numbers;

  /** @param make such as `(length) => new Uint32Array(length)` */
  constructor(make: (length: number) => Numbers) {
    this.#make = make;
    this.#numbers = make(1_024);
  }

  /** 0 where nothing was set. */
  at(index: number): number {
    return this.#numbers[index] ?? 0;
  }

  set(index: number, value: number): void {
    if (index >= this.#numbers.length) {
      const grown = this.#make(Math.max(index + 1, this.#numbers.length * 2));
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[index] = value;
  }
}
