/** What looks wrong with a column only when all of it is seen. */
export interface ShapeWarning {
  readonly line: number;
  readonly message: string;
}

interface Seen {
  readonly count: number;
  readonly digitsCount: number;
  readonly firstLine: number;
}

const shortest = 8;
const longest = 32;
// IMEIs, MAC addresses and their like have one length; serial numbers that were counted up have several.
const mostShare = 0.8;
const fewest = 3;

/**
 * Watches a column of hardware numbers for what a number loses: zeros in front, and values that merged cells left out.
 * It holds a count for each length, and no value.
 */
export class ColumnShape {
  readonly #byLength = new Map<number, Seen>();
  #empty: { count: number; readonly firstLine: number } | undefined;
  #filled = 0;

  /** @param value empty where the line has none */
  add(line: number, value: string): void {
    if (value === "") {
      this.#empty ??= { count: 0, firstLine: line };
      this.#empty.count += 1;
      return;
    }
    this.#filled += 1;
    if (!/^[0-9a-f]+$/i.test(value) || value.length < shortest || value.length > longest) return;
    const isNumber = /^[1-9]\d*$/.test(value);
    const seen = this.#byLength.get(value.length) ?? { count: 0, digitsCount: 0, firstLine: line };
    // The first line that such a warning is of.
    const firstLine = isNumber && seen.digitsCount === 0 ? line : seen.firstLine;
    const digitsCount = seen.digitsCount + (isNumber ? 1 : 0);
    this.#byLength.set(value.length, { count: seen.count + 1, digitsCount, firstLine });
  }

  /** What is to be told when all lines were seen, one for each kind. @param column its name */
  warnings(column: string): readonly ShapeWarning[] {
    return [...this.#emptyWarnings(column), ...this.#shortWarnings(column)];
  }

  #emptyWarnings(column: string): ShapeWarning[] {
    if (this.#empty === undefined || this.#empty.count >= this.#filled) return [];
    const { count, firstLine } = this.#empty;
    return [
      {
        line: firstLine,
        message: `${column} is empty here${andMore(count)}, where most lines have one: such a device keeps the hardware it has; cells that were merged hold a value in their first line only`,
      },
    ];
  }

  #shortWarnings(column: string): ShapeWarning[] {
    const all = [...this.#byLength.values()].reduce((sum, { count }) => sum + count, 0);
    const [usual, most] = [...this.#byLength].sort(([, one], [, other]) => other.count - one.count)[0] ?? [];
    if (usual === undefined || most === undefined || all < fewest || most.count < mostShare * all) return [];
    return [...this.#byLength]
      .filter(([length, { digitsCount }]) => length < usual && length >= usual - 4 && digitsCount > 0)
      .map(([length, { digitsCount, firstLine }]) => ({
        line: firstLine,
        message: `${column} has ${length} digits here${andMore(digitsCount)}, where most have ${usual}: a number loses the zeros in front; format the column as Text before it is filled`,
      }));
  }
}

function andMore(count: number): string {
  if (count === 1) return "";
  return ` and on ${count - 1} more ${count === 2 ? "line" : "lines"}`;
}
