import { memberOf } from "../json.ts";
import { finderOf, pathsIn } from "./path.ts";

/** Where a path breaks off in a payload. */
export interface DeadEnd {
  readonly path: string;
  /** How far it leads; empty: not beyond the payload itself. */
  readonly under: string;
  /** The key, or the member of a list, that is not there. */
  readonly missing: string;
  /** What is there: keys, or where members of a list are told apart by a key, its values. */
  readonly present: readonly string[];
}

/**
 * The paths of an expression that break off in an event, as a mistyped one does; one that leads to an empty value does
 * not. None for what only the engine can read.
 */
export function deadEndsOf(expression: string, event: unknown): DeadEnd[] {
  return pathsIn(expression).flatMap((path) => deadEndOf(path, event) ?? []);
}

function deadEndOf(path: string, event: unknown): DeadEnd | undefined {
  let under = "";
  let found = event;
  for (const missing of path.match(/\[[^\]]*\]|[^.[]+/g) ?? []) {
    const further = missing.startsWith("[") || under === "" ? `${under}${missing}` : `${under}.${missing}`;
    const next = finderOf(further)?.(event);
    if (next === undefined) {
      const members = Array.isArray(found) ? found : [found];
      if (members.some((member) => keysOf(member).includes(missing))) return undefined;
      const key = /^\[\s*([^=\]]+?)\s*=/.exec(missing)?.[1];
      const present = members.flatMap((member) => (key === undefined ? keysOf(member) : [memberOf(member, key)]));
      const shown = present.filter((one) => typeof one === "string" || typeof one === "number").map(String);
      return { path, under, missing, present: [...new Set(shown)] };
    }
    [under, found] = [further, next];
  }
  return undefined;
}

function keysOf(value: unknown): string[] {
  return typeof value === "object" && value !== null ? Object.keys(value) : [];
}
