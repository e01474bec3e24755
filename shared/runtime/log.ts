import { AsyncLocalStorage } from "node:async_hooks";

/** What a log line may carry: flat facts, never an object that somebody else made. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

const severity = { DEBUG: 10, INFO: 20, WARN: 30, ERROR: 40, SILENT: 50 } as const;

type Level = keyof typeof severity;

const invocationFields = new AsyncLocalStorage<LogFields>();

/** Does work during which every line carries these fields, also those of parts that know nothing of the invocation. */
export function withLogFields<Result>(fields: LogFields, work: () => Result): Result {
  return invocationFields.run(fields, work);
}

/** Writes JSON lines with `level`, `message` and the fields given; a bound field is in every line. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Who did what, with `audit: true`: written whatever the level, for it is kept for others than those who debug. */
  audit(message: string, fields?: LogFields): void;
  /** A log that adds these fields to every line. */
  with(fields: LogFields): Log;
}

/** Writes one line to standard output; `console.log` would have Lambda put its own columns before the JSON. */
export function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/**
 * A log for one level and everything above it.
 *
 * @param level `DEBUG`, `INFO`, `WARN`, `ERROR` or `SILENT` in any case; anything else counts as `INFO`
 * @param write where a line goes; by default standard output, which Lambda takes to CloudWatch
 */
export function createLog(level: string, write: (line: string) => void = writeLine, bound: LogFields = {}): Log {
  const upper = level.toUpperCase();
  const threshold = isLevel(upper) ? severity[upper] : severity.INFO;
  const line = (name: Level, message: string, fields?: LogFields) =>
    write(JSON.stringify({ level: name, message, ...invocationFields.getStore(), ...bound, ...fields }));
  const at = (name: Level) => (message: string, fields?: LogFields) => {
    if (severity[name] >= threshold) line(name, message, fields);
  };
  return {
    debug: at("DEBUG"),
    info: at("INFO"),
    warn: at("WARN"),
    error: at("ERROR"),
    audit: (message, fields) => line("INFO", message, { audit: true, ...fields }),
    with: (fields) => createLog(level, write, { ...bound, ...fields }),
  };
}

function isLevel(text: string): text is Level {
  return Object.hasOwn(severity, text);
}
