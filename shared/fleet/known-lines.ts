import { HashIndex, hashOf, NumberList } from "./hash-index.ts";
import { type FleetDevice, type FleetLine, identityOf } from "./lines.ts";

/** What a line of an input is to a run that was begun before. */
export type Acquaintance =
  | { readonly kind: "added" }
  /** The device is known, with other hardware, another code or another owner. */
  | { readonly kind: "changed" }
  | { readonly kind: "untried" }
  /** Tried, and not done; since when it waits, where it does. */
  | { readonly kind: "tried"; readonly triedAtMs: number | undefined }
  | { readonly kind: "done"; readonly line: FleetLine };

const done = 1;
const tried = 2;
const replayed = 4;
const met = 8;
const known = 16;

const numbers = () => new NumberList((length) => new Float64Array(length));
const words = () => new NumberList((length) => new Uint32Array(length));

/**
 * What a run knows of its lines, in some 70 bytes a device: enough to write down again what is done, without the texts.
 */
export class KnownLines {
  readonly #devices = new HashIndex();
  readonly #high = words();
  readonly #low = words();
  readonly #flags = words();
  readonly #keyIds = words();
  readonly #triedAtMs = numbers();
  readonly #atMs = numbers();
  readonly #expiresAtMs = numbers();
  readonly #keyNames: string[] = [""];
  #unmet = 0;

  /** How many devices were not met again. */
  get unmet(): number {
    return this.#unmet;
  }

  add(line: FleetLine): void {
    const at = this.#devices.add(hashOf(line.deviceId));
    const { high, low } = identityOf(line);
    const isDone = line.status === "done";
    if ((this.#flags.at(at) & known) === 0) this.#unmet += 1;
    this.#high.set(at, high);
    this.#low.set(at, low);
    const wasTried = line.status !== undefined && !isDone ? tried : 0;
    this.#flags.set(at, known | (isDone ? done : 0) | wasTried | (line.replayed === true ? replayed : 0));
    this.#keyIds.set(at, this.#keyNumber(line.codeKeyId ?? ""));
    // A limit that has run out begins anew with a new start.
    this.#triedAtMs.set(at, line.status === "waiting" ? (line.triedAtMs ?? 0) : 0);
    this.#atMs.set(at, Date.parse(line.at ?? "") || 0);
    // 0 where the code never ends, or the device has connected.
    this.#expiresAtMs.set(at, line.expiresAt === null || line.expiresAt === undefined ? 0 : Date.parse(line.expiresAt));
  }

  /** What a line of an input is to the run; the run's own line is met then. */
  meet(device: FleetDevice): Acquaintance {
    const at = this.#devices.find(hashOf(device.deviceId));
    if (at < 0) return { kind: "added" };
    const flags = this.#flags.at(at);
    if ((flags & met) === 0) this.#unmet -= 1;
    this.#flags.set(at, flags | met);
    const { high, low } = identityOf(device);
    if (this.#high.at(at) !== high || this.#low.at(at) !== low) return { kind: "changed" };
    if ((flags & done) !== 0) return { kind: "done", line: this.#doneLine(device, at) };
    if ((flags & tried) === 0) return { kind: "untried" };
    const triedAtMs = this.#triedAtMs.at(at);
    return { kind: "tried", triedAtMs: triedAtMs === 0 ? undefined : triedAtMs };
  }

  /** Whether the device of a line was met in the input, as it was or changed. */
  wasMet(line: FleetLine): boolean {
    const at = this.#devices.find(hashOf(line.deviceId));
    return at >= 0 && (this.#flags.at(at) & met) !== 0;
  }

  #doneLine(device: FleetDevice, at: number): FleetLine {
    const keyId = this.#keyNames[this.#keyIds.at(at)] ?? "";
    const expiresAtMs = this.#expiresAtMs.at(at);
    return {
      ...device,
      status: "done",
      ...(keyId === "" ? {} : { codeKeyId: keyId }),
      expiresAt: expiresAtMs === 0 ? null : new Date(expiresAtMs).toISOString(),
      replayed: (this.#flags.at(at) & replayed) !== 0,
      at: new Date(this.#atMs.at(at)).toISOString(),
    };
  }

  #keyNumber(name: string): number {
    const known = this.#keyNames.indexOf(name);
    return known >= 0 ? known : this.#keyNames.push(name) - 1;
  }
}
