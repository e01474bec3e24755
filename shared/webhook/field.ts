import { type Finder, finderOf } from "./path.ts";

/**
 * One place in a payload, as the configuration names it: a plain dotted path (`ticket.id`, `fields.customfield_10010`,
 * `items[0].value`) or, for everything else, a JSONata expression.
 */
export interface Field {
  readonly expression: string;
  /** Undefined where only the engine can say; see expressions.ts. */
  readonly find: Finder | undefined;
}

/** Makes a field of its expression. Whether the engine can read it shows when it does, or is checked. */
export function fieldOf(expression: string): Field {
  return { expression, find: finderOf(expression) };
}
