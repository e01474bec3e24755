/** What a field of a source found in a payload: a text, nothing, or why it is neither. */
export type Value =
  | { readonly text: string }
  | {
      readonly fault: string;
      /** What stands there, where it is short and was read. */
      readonly written?: string | undefined;
    }
  | undefined;

const maxTextLength = 1_000;
// Lists within lists: deeper ones are nobody's several values.
const maxDepth = 8;

/**
 * The one text that was found; a number is the text of its digits.
 *
 * Nothing is what systems write for an empty field: nothing at all, null, blanks, `false`, and a list of these. A list of
 * one value is that value.
 * @param rounded numbers of the payload that have lost digits, as they are written there
 */
export function valueFrom(found: unknown, rounded: ReadonlySet<string>): Value {
  const values = Array.isArray(found) ? found.flat(maxDepth).filter((one) => !isEmpty(one)) : [found];
  if (values.length > 1) return { fault: "has several values" };
  const [value] = values;
  if (isEmpty(value)) return undefined;
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return { text: String(value) };
    return { fault: "is a number with a fraction, or too long to be exact: it has to be sent as a text" };
  }
  if (typeof value !== "string") return { fault: "is not a text or a number" };
  const text = value.trim();
  if (text.length > maxTextLength) return { fault: `has more than ${maxTextLength} characters` };
  if (rounded.has(text)) {
    return {
      fault: "is a rounded number, of which digits were lost before it was sent: it has to be sent as a text",
      written: text,
    };
  }
  return { text };
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === false || (typeof value === "string" && value.trim() === "");
}
