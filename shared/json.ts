/**
 * What a JSON text says; undefined, which no JSON text says, where it is none.
 *
 * A parser's own error quotes what it could not read, which may be a secret, so it goes no further.
 */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The member of a value that nothing is known of; undefined where it has none of its own: `constructor` and `__proto__`
 * are nobody's data.
 */
export function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

/** What stands at the end of a path into a value, from member to member; undefined where it leads nowhere. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((found, step) => memberOf(found, step), value);
}
