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
