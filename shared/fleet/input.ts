import { csvRecords, longestRecord, tooLong } from "./csv.ts";
import { type FleetEntry, InputLines, type InputOptions } from "./input-lines.ts";
import { foreignFormat } from "./spreadsheet.ts";

/**
 * Reads a fleet's input, CSV (RFC 4180, with a header) or JSON lines, and finds all that is wrong with it; calls nobody,
 * and holds no more of it than a piece, a record, and 42 to 85 bytes a device.
 *
 * It is taken for JSON lines when it begins with `{`.
 */
export async function* readFleetInput(
  bytes: AsyncIterable<Uint8Array>,
  options: InputOptions = {},
): AsyncGenerator<readonly FleetEntry[]> {
  const lines = new InputLines(options);
  const { head, rest } = await splitHead(bytes);
  const foreign = foreignFormat(head);
  if (foreign !== undefined) {
    yield [{ kind: "fault", fault: { line: 1, message: foreign } }];
    return;
  }
  const decoder = new TextDecoder();
  const start = decoder.decode(head, { stream: true });
  const texts = decoded(start, decoder, rest);
  const found = /^\s*\{/.test(start) ? jsonLines(texts, lines) : csvLines(start, texts, lines);
  for await (const entries of found) {
    yield entries;
    if (lines.isFull) return;
  }
  yield lines.end();
}

/** The first bytes, down to the end of the first line that says something; a carriage return's line feed is with it. */
async function splitHead(bytes: AsyncIterable<Uint8Array>) {
  const rest = bytes[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    pieces.push(next.value);
    length += next.value.length;
    const text = new TextDecoder().decode(Buffer.concat(pieces)).trimStart();
    if (length > 65_536 || /\r[\s\S]|\n/.test(text)) break;
  }
  return { head: Buffer.concat(pieces), rest };
}

async function* decoded(
  start: string,
  decoder: InstanceType<typeof TextDecoder>,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<string> {
  yield start;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    yield decoder.decode(next.value, { stream: true });
  }
  yield decoder.decode();
}

async function* csvLines(
  start: string,
  texts: AsyncIterable<string>,
  lines: InputLines,
): AsyncGenerator<readonly FleetEntry[]> {
  const [hint = "", hinted] = /^sep=(.)(?:\r\n|\n|\r)/i.exec(start) ?? [];
  if (hint !== "") lines.fault(1, `is a hint for Excel (sep=${hinted}): delete this line`);
  const [firstLine = ""] = /\S[^\r\n]*/.exec(start.slice(hint.length)) ?? [];
  // Spreadsheets of half the world write semicolons.
  const delimiter = hinted ?? [",", ";", "\t"].find((mark) => firstLine.includes(mark)) ?? ",";
  for await (const records of csvRecords(without(hint, texts), delimiter, hint === "" ? 1 : 2)) {
    for (const record of records) lines.record(record);
    yield lines.take();
    if (lines.isFull) return;
  }
}

async function* without(hint: string, texts: AsyncIterable<string>): AsyncGenerator<string> {
  let left = hint.length;
  for await (const text of texts) {
    yield text.slice(left);
    left = 0;
  }
}

async function* jsonLines(texts: AsyncIterable<string>, lines: InputLines): AsyncGenerator<readonly FleetEntry[]> {
  let [line, tail, isOver] = [1, "", false];
  const take = (text: string) => {
    if (isOver || text.trim() === "") return;
    if (text.length > longestRecord) lines.fault(line, tooLong);
    else lines.json(line, text);
  };
  for await (const text of texts) {
    const whole = `${tail}${text}`.split("\n");
    tail = whole.pop() ?? "";
    for (const one of whole) {
      take(one);
      line += 1;
      isOver = false;
    }
    if (tail.length > longestRecord) {
      // Told once, and what follows of it is not held.
      take(tail);
      [tail, isOver] = ["", true];
    }
    yield lines.take();
  }
  take(tail);
  yield lines.take();
}
