import type { FleetLine } from "./lines.ts";
import type { BatchEntry, LineWriter, RunPlan, RunStore } from "./run-store.ts";

/** So many small objects are read or written at a time. */
const atOnce = 16;

type Lines = AsyncIterable<readonly FleetLine[]>;

/** What loading each item brings, in the items' order, a few of them under way at a time. */
export async function* ahead<Item, Result>(
  items: readonly Item[],
  load: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const underWay: Promise<Result>[] = [];
  for (const item of items) {
    const loading = load(item);
    // Its failure is told when it is its turn.
    loading.catch(() => undefined);
    underWay.push(loading);
    const first = underWay.length < atOnce ? undefined : underWay.shift();
    if (first !== undefined) yield await first;
  }
  for (const loading of underWay) yield await loading;
}

/** The lines of batches as they stand: what a batch knows of a device in place of what it was given. */
export function batchLines(store: RunStore, entries: readonly BatchEntry[]): AsyncGenerator<readonly FleetLine[]> {
  return ahead(entries, async ({ inKey, outKey }) => {
    const [given, known] = await Promise.all([store.readLines(inKey), store.readLines(outKey)]);
    const byLine = new Map(known.map((one) => [one.line, one]));
    return given.map((one) => byLine.get(one.line) ?? one);
  });
}

/** All lines of a run: those that its input leaves out, those at rest, those of the round under way; a later one holds. */
export async function* runLines(store: RunStore, plan: RunPlan): AsyncGenerator<readonly FleetLine[]> {
  for (const { key } of [...plan.removed, ...plan.settled]) yield* store.streamLines(key);
  if (plan.manifestKey !== undefined) yield* batchLines(store, await store.readManifest(plan.manifestKey));
}

/** All lines of a run's input in its order, those whose turn has not come too. */
export async function* inOrder(store: RunStore, plan: RunPlan): AsyncGenerator<readonly FleetLine[]> {
  const entries = plan.manifestKey === undefined ? [] : await store.readManifest(plan.manifestKey);
  const ascending: BatchEntry[][] = [];
  for (const entry of entries) {
    const last = ascending.at(-1);
    if (last === undefined || (last.at(-1)?.firstLine ?? 0) > entry.firstLine) ascending.push([entry]);
    else last.push(entry);
  }
  yield* merged([
    ...plan.settled.map(({ key }) => store.streamLines(key)),
    ...ascending.map((batches) => batchLines(store, batches)),
  ]);
}

const mergedAtOnce = 1_000;

/** Lines of several sources, each of them in order, in one order. */
export async function* merged(sources: readonly Lines[]): AsyncGenerator<readonly FleetLine[]> {
  const cursors = await Promise.all(sources.map((source) => Cursor.open(source)));
  let lines: FleetLine[] = [];
  for (;;) {
    let next: Cursor | undefined;
    for (const cursor of cursors) if (cursor.line < (next?.line ?? Number.POSITIVE_INFINITY)) next = cursor;
    const line = next?.take();
    if (next === undefined || line === undefined) break;
    lines.push(line);
    if (next.isEmpty) await next.fill();
    if (lines.length < mergedAtOnce) continue;
    yield lines;
    lines = [];
  }
  yield lines;
}

/** A place in a source of lines. */
class Cursor {
  readonly #source: AsyncIterator<readonly FleetLine[]>;
  #lines: readonly FleetLine[] = [];
  #at = 0;

  static async open(source: Lines): Promise<Cursor> {
    const cursor = new Cursor(source);
    await cursor.fill();
    return cursor;
  }

  private constructor(source: Lines) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Number of the line that comes next; infinite at the end. */
  get line(): number {
    return this.#lines[this.#at]?.line ?? Number.POSITIVE_INFINITY;
  }

  get isEmpty(): boolean {
    return this.#at >= this.#lines.length;
  }

  take(): FleetLine | undefined {
    this.#at += 1;
    return this.#lines[this.#at - 1];
  }

  async fill(): Promise<void> {
    while (this.isEmpty) {
      const next = await this.#source.next();
      if (next.done === true) return;
      this.#lines = next.value;
      this.#at = 0;
    }
  }
}

/** Lays lines to rest, in as many objects as they have descents, so that each object is in order. */
export class PartsWriter {
  readonly #store: RunStore;
  readonly #prefix: string;
  readonly #parts: { key: string; lines: number }[] = [];
  #writer: LineWriter | undefined;
  #lastLine = 0;

  /** @param prefix of the keys; a number follows */
  constructor(store: RunStore, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  async write(line: FleetLine): Promise<void> {
    if (this.#writer === undefined || line.line < this.#lastLine) {
      await this.#writer?.end();
      const key = `${this.#prefix}-${this.#parts.length + 1}.jsonl`;
      this.#writer = this.#store.lineWriter(key);
      this.#parts.push({ key, lines: 0 });
    }
    this.#lastLine = line.line;
    const part = this.#parts.at(-1);
    if (part !== undefined) part.lines += 1;
    await this.#writer.write([line]);
  }

  /** @returns what was written, object by object */
  async end(): Promise<readonly { readonly key: string; readonly lines: number }[]> {
    await this.#writer?.end();
    return this.#parts;
  }
}

type Parts = RunPlan["settled"];

/** A result is merged from all parts at once, of each of which up to 3 MB are in memory. */
const mostParts = 16;

/**
 * The same lines in fewer parts, where they are many: a long run lays some to rest in each of hundreds of rounds. The
 * largest one, of the first round mostly, stays as it is.
 *
 * @param prefix of the keys; a number follows
 */
export async function compacted(store: RunStore, parts: Parts, prefix: string): Promise<Parts> {
  if (parts.length < mostParts) return parts;
  const largestFirst = parts.toSorted((one, other) => other.lines - one.lines);
  const writer = new PartsWriter(store, prefix);
  for await (const lines of merged(largestFirst.slice(1).map(({ key }) => store.streamLines(key)))) {
    for (const line of lines) await writer.write(line);
  }
  return [...largestFirst.slice(0, 1), ...(await writer.end())];
}

/** Makes the batches of a round, side by side. */
export class BatchesWriter {
  readonly #store: RunStore;
  readonly #folder: string;
  readonly #entries: Omit<BatchEntry, "batch" | "afterSeconds">[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #lines: FleetLine[] = [];
  #canary: number;
  #failure: unknown;
  readonly #batchDevices: number;

  /**
   * @param folder of the keys
   * @param canary so many lines make a batch of their own at the beginning
   */
  constructor(store: RunStore, folder: string, batchDevices: number, canary = 0) {
    this.#store = store;
    this.#folder = folder;
    this.#batchDevices = batchDevices;
    this.#canary = canary;
  }

  async write(line: FleetLine): Promise<void> {
    this.#lines.push(line);
    if (this.#lines.length >= (this.#canary > 0 ? this.#canary : this.#batchDevices)) await this.#flush();
  }

  async end(): Promise<readonly Omit<BatchEntry, "batch" | "afterSeconds">[]> {
    if (this.#lines.length > 0) await this.#flush();
    await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure;
    return this.#entries;
  }

  async #flush(): Promise<void> {
    const lines = this.#lines;
    this.#lines = [];
    const name = `${this.#folder}/${this.#entries.length + 1}`;
    const keys = { inKey: `${name}.in.jsonl`, outKey: `${name}.out.jsonl` };
    const firstLine = lines[0]?.line ?? 0;
    this.#entries.push({ ...keys, devices: lines.length, firstLine, canary: this.#canary > 0 });
    this.#canary = 0;
    while (this.#underWay.size >= atOnce) await Promise.race(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure;
    const writing = this.#store.writeLines(keys.inKey, lines).then(
      () => void this.#underWay.delete(writing),
      (error: unknown) => {
        this.#failure ??= error;
        this.#underWay.delete(writing);
      },
    );
    this.#underWay.add(writing);
  }
}
