import { RekeyError } from "../errors.ts";
import { memberOf } from "../json.ts";
import type { Log } from "../runtime/log.ts";
import type { Middleware, Request } from "./chain.ts";

interface ErrorLineOptions {
  /** The name that stands in the line. */
  readonly operation: string;
  readonly log: Log;
}

/**
 * One line for an error: the caller's faults are news, ours and the platform's are errors. A cause goes into the log and
 * nowhere else.
 */
export function errorLine({ operation, log }: ErrorLineOptions): Middleware {
  const errorLineOnError = ({ error, internal: { requestId } }: Request): void => {
    const line = { requestId, operation };
    if (!(error instanceof RekeyError)) {
      log.error("Invocation failed unexpectedly", { ...line, error: described(error), stack: stackOf(error) });
      return;
    }
    const { name, message, platformCode, status } = error;
    const cause = error.cause === undefined ? undefined : described(error.cause);
    const fields = { ...line, error: name, detail: message, platformCode, cause };
    if (status < 500) log.info("Request refused", fields);
    else if (name === "ConfigurationError") log.error("Request failed", fields);
    else log.warn("Request failed", fields);
  };
  return { onError: errorLineOnError };
}

/** What caused an error, for a log line. */
export function described(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause).slice(0, 200);
  const said = memberOf(cause, "code");
  const code = said === undefined ? "" : ` ${String(said)}`;
  return `${cause.name}${code}: ${cause.message}`.slice(0, 300);
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack?.split("\n").slice(1, 6).join(" | ") : undefined;
}
