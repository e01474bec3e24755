/**
 * What a ticketing system makes of a note's text: `plain` finds addresses in it and makes links of them, `markdown`
 * reads marks, issue numbers and `:names:` of little pictures too, but nothing between backticks.
 */
export type Markup = "plain" | "markdown";

/** How a text of somebody else's stands in a note. */
interface Manner {
  readonly markup: Markup;
  /** Letters beyond which it is cut; 100 when absent. */
  readonly maxLength?: number;
}

/** All but letters, digits and a few marks; `+` is harmless within a number such as `8.6E+14`. */
const harmful = /[^\p{L}\p{N} :;,._-](?<!\d[eE]\+(?=\d))/gu;

/**
 * A value out of a ticket as a note shows it: nothing but letters, digits and a few marks, and nothing of it that its
 * ticketing system would read as a link, a mention, a formula or markup. One with blanks in it stands in quotes, so that
 * it cannot go on as if it were the note.
 */
export function shownValue(text: string, { markup, maxLength = 100 }: Manner): string {
  const value = cut(text.replace(harmful, "·").trim(), maxLength);
  if (value === "") return value;
  if (markup === "markdown") return `\`${value}\``;
  return /\s/.test(value) ? `“${defused(value)}”` : defused(value);
}

/** A sentence, of ours or somebody else's, that may quote a ticket; shown like a value, on a line of its own. */
export function shownText(text: string, { markup, maxLength = 100 }: Manner): string {
  const harmless = cut(text.replace(harmful, "·").trim(), maxLength);
  return markup === "markdown" && harmless !== "" ? `\`${harmless}\`` : defused(harmless);
}

/** A person's name: without a colon, or it could pass for a line of the note. */
export function shownName(text: string, manner: Manner): string {
  return shownText(text.replaceAll(":", "·"), manner);
}

/** Whether a text is shown as it is. */
export function isShownWhole(text: string): boolean {
  return text.length <= 256 && shownText(text, { markup: "plain", maxLength: 256 }) === text;
}

function cut(text: string, maxLength: number): string {
  // Half a letter is no Unicode, and a ticketing system that is strict refuses the whole note for it.
  return text.length > maxLength ? `${text.slice(0, maxLength).replace(/[\uD800-\uDBFF]$/, "")}…` : text;
}

/** Breaks what would become a link or a little picture: `www.a.example`, `tel:1`, `_x_`, `:tada:`; not `urn:imei:`. */
function defused(text: string): string {
  return text
    .replace(/(?<=[\p{L}\p{N}_-])\.(?=[\p{L}_-])|(?<=\bwww)\./giu, "·")
    .replace(/(?<![\p{L}\p{N}:])(?!urn:)(\p{L}[\p{L}\p{N}+-]{2,}):(?=\S)/giu, "$1·")
    .replace(/(?<!\burn):(?=[\p{L}_+-][\w+-]{2,}:)/giu, "·")
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "·");
}
