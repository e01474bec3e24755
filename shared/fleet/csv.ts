import { parse } from "csv-parse";

/** One record of a CSV, or why there is none. */
export interface CsvRecord {
  /** Line on which it begins, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
  /** Why the reading ends here: nobody knows where the next record begins. */
  readonly fault?: string;
}

/** Characters that a record of a CSV has at most, and a line of JSON. */
export const longestRecord = 65_536;

/** What is told of a longer one. */
export const tooLong = `has more than ${longestRecord} characters`;

/**
 * The records of a CSV (RFC 4180) in their order, as many at a time as a piece of the text holds. A quote that opens no
 * value, or has text behind its end, is a letter like others: whoever looks at the value finds it there.
 *
 * @param firstLine the line that the text begins on
 */
export async function* csvRecords(
  texts: AsyncIterable<string>,
  delimiter: string,
  firstLine: number,
): AsyncGenerator<readonly CsvRecord[]> {
  let records: CsvRecord[] = [];
  let line = firstLine;
  let over = false;
  const add = (fields: readonly string[], fault?: string) => {
    if (over) return;
    records.push({ line, fields, ...(fault === undefined ? {} : { fault }) });
    over = fault !== undefined;
    // Counted here: the parser takes a carriage return and a line feed inside quotes for two lines.
    line += 1 + breaksIn(fields);
  };
  const parser = parse({
    ...{ delimiter, record_delimiter: ["\r\n", "\n", "\r"], relax_column_count: true, relax_quotes: true },
    ...{ max_record_size: longestRecord, skip_records_with_error: true },
    // Nothing goes through the stream's other end: a million records one by one would take their time there.
    on_record: (fields: string[]) => {
      add(fields);
      return null;
    },
    on_skip: (error) => {
      const what = error?.code === "CSV_MAX_RECORD_SIZE" ? tooLong : "has a quote that is not closed";
      add([], `${what}, and nothing after it was looked at`);
      return undefined;
    },
  });
  // What fails is told to whoever wrote, and only then by this event, which would end the process without a listener.
  parser.on("error", () => undefined);
  parser.resume();
  const write = (text: string, isLast: boolean) =>
    new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null) => (error ? reject(error) : resolve());
      if (isLast) parser.end(text, done);
      else parser.write(text, done);
    });
  for await (const text of texts) {
    if (text !== "") await write(text, false);
    yield records;
    if (over) return;
    records = [];
  }
  await write("", true);
  yield records;
}

function breaksIn(fields: readonly string[]): number {
  let breaks = 0;
  for (const field of fields) {
    if (field.includes("\n") || field.includes("\r")) breaks += field.split(/\r\n|\r|\n/).length - 1;
  }
  return breaks;
}
