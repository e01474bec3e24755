import { memberOf } from "../json.ts";

/** Finds what a place in a payload holds, as JSONata would: a value, a list of several, undefined where there is nothing. */
export type Finder = (payload: unknown) => unknown;

/** A list that was gathered on the way; one with a single member is that member, unlike a list of the payload. */
class Gathered extends Array<unknown> {}

type Filter = (found: unknown) => readonly unknown[];

interface Step {
  readonly name: string;
  readonly filters: readonly Filter[];
}

// Deeper lists of lists than these are nobody's payload, but somebody's try to exhaust the stack.
const maxDepth = 32;

/**
 * The part of JSONata that nearly every source is content with, found here in microseconds: a dotted path
 * (`ticket.id`, `items[0].value`), one member of a list (`custom_fields[name="imei"].value`), a fixed value (`3600`) and a
 * condition that compares these (`action = "labeled" and label.name = "replaced"`).
 *
 * Two things differ from JSONata: `null` is nothing, and a path alone may have dashes in its names and `.0` for `[0]`.
 * @returns undefined for any other expression, which needs the engine
 */
export function finderOf(expression: string): Finder | undefined {
  const find = finderIn(expression);
  // A payload that is a list is one value, whose members are led into together.
  return find === undefined ? undefined : (payload) => find(Array.isArray(payload) ? [payload] : payload);
}

function finderIn(expression: string): Finder | undefined {
  if (plainPath.test(expression) && !/^(true|false|null)$/.test(expression)) return pathFinder(expression);
  const text = expression.trim();
  const fixed = fixedValue(text);
  if (fixed !== undefined) return () => fixed;
  if (wholePath.test(text)) return pathFinder(text);
  return conditionOf(text);
}

const plainName = String.raw`[\p{L}_][\p{L}\p{N}_-]*`;
const name = String.raw`(?!(?:and|or|in|true|false|null)\b)[\p{L}_][\p{L}\p{N}_]*`;
const fixedText = String.raw`"[^"\\]*"|'[^'\\]*'|-?(?:0|[1-9]\d{0,14})|true|false`;
const member = String.raw`\[\s*(?:\d{1,4}|${name}(?:\.${name})*\s*=\s*(?:${fixedText}))\s*\]`;
const path = String.raw`${name}(?:${member})*(?:\.${name}(?:${member})*)*`;

const plainPath = new RegExp(String.raw`^${plainName}(?:\.[\p{L}\p{N}_$-]+|\[\d{1,4}\])*$`, "u");
const wholePath = new RegExp(`^${path}$`, "u");
const comparison = new RegExp(String.raw`\s*(${path})\s*=\s*(${fixedText})\s*(?:and\b|$)`, "uy");
const pathParts = new RegExp(
  String.raw`\.?([\p{L}\p{N}_$-]+)|\[\s*(\d+)\s*\]|\[\s*([^\]=]+?)\s*=\s*(${fixedText})\s*\]`,
  "gu",
);

function fixedValue(text: string): string | number | boolean | undefined {
  if (!new RegExp(`^(?:${fixedText})$`).test(text)) return undefined;
  if (text === "true" || text === "false") return text === "true";
  return /^["']/.test(text) ? text.slice(1, -1) : Number(text);
}

function conditionOf(text: string): Finder | undefined {
  const comparisons = comparisonsIn(text)?.map(([place, fixed]) => comparisonOf(place, fixed)) ?? [];
  return comparisons.length === 0 ? undefined : (payload) => comparisons.every((holds) => holds(payload) === true);
}

function comparisonsIn(text: string): [place: string, fixed: string][] | undefined {
  const comparisons: [string, string][] = [];
  comparison.lastIndex = 0;
  let end = 0;
  while (end < text.length) {
    const [all, place = "", fixed = ""] = comparison.exec(text) ?? [];
    if (all === undefined) return undefined;
    end = comparison.lastIndex;
    comparisons.push([place, fixed]);
    // `a = 1 and` lacks its other half, which the engine says better.
    if (end === text.length && /\band$/.test(all)) return undefined;
  }
  return comparisons;
}

/** The paths that an expression walks; none where only the engine can say, or a fixed value needs none. */
export function pathsIn(expression: string): string[] {
  const text = expression.trim();
  if (finderIn(text) === undefined || fixedValue(text) !== undefined) return [];
  if (plainPath.test(text) || wholePath.test(text)) return [text];
  return (comparisonsIn(text) ?? []).map(([place]) => place);
}

function comparisonOf(place: string, fixed: string): Finder {
  const find = pathFinder(place);
  const value = fixedValue(fixed);
  return (payload) => find(payload) === value;
}

function pathFinder(text: string): Finder {
  const steps: { readonly name: string; readonly filters: Filter[] }[] = [];
  for (const [, key = "", index, place = "", fixed = ""] of text.matchAll(pathParts)) {
    const filters = steps.at(-1)?.filters;
    if (index !== undefined) filters?.push(theOne(Number(index)));
    else if (place !== "") filters?.push(those(comparisonOf(place, fixed)));
    else if (/^\d+$/.test(key)) filters?.push(theOneOrUnder(key));
    else steps.push({ name: key, filters: [] });
  }
  return (payload) => walk(steps, payload);
}

/** https://docs.jsonata.org/processing: each step over every value that the one before has found. */
function walk(steps: readonly Step[], payload: unknown): unknown {
  let values: readonly unknown[] = Array.isArray(payload) ? payload : [payload];
  for (const [at, { name: key, filters }] of steps.entries()) {
    const found = values
      .map((value) => filters.reduce<unknown>((kept, filter) => filter(kept), unwrapped(valueUnder(key, value))))
      .filter((value) => value !== undefined);
    const [only] = found;
    if (at === steps.length - 1 && found.length === 1 && Array.isArray(only) && !(only instanceof Gathered))
      return only;
    values = found.flat(1);
  }
  return unwrapped(Gathered.from(values));
}

function unwrapped(found: unknown): unknown {
  return found instanceof Gathered && found.length < 2 ? found[0] : found;
}

/** Own properties only: `constructor` and `__proto__` are nobody's field. */
function valueUnder(key: string, value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) {
    if (depth === maxDepth) return undefined;
    return Gathered.from(
      value.flatMap((one) => valueUnder(key, one, depth + 1)).filter((one) => one !== undefined && one !== null),
    );
  }
  return memberOf(value, key) ?? undefined;
}

function theOne(index: number): Filter {
  return (found) => listOf((Array.isArray(found) ? found : [found])[index]);
}

/** `.0` is the first member of a list, and of anything else what stands under that name. */
function theOneOrUnder(key: string): Filter {
  return (found) => listOf(Array.isArray(found) ? found[Number(key)] : valueUnder(key, found));
}

function those(holds: Finder): Filter {
  return (found) => Gathered.from((Array.isArray(found) ? found : [found]).filter((one) => holds(one) === true));
}

function listOf(one: unknown): readonly unknown[] {
  return Array.isArray(one) ? one : Gathered.from(one === undefined || one === null ? [] : [one]);
}
