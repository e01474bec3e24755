import type { RekeyError } from "../errors.ts";
import { jsonOf, memberOf } from "../json.ts";

/** The cause that a workflow would see of an error, as Lambda writes it. */
export function causeOf(error: RekeyError): string {
  return JSON.stringify({ errorType: error.name, errorMessage: error.message, trace: traceOf(error) });
}

/** What a workflow's cause tells of an error of ours; undefined what it does not. */
export function readCause(cause: string | null | undefined): {
  readonly detail: string | undefined;
  readonly advice: string | undefined;
} {
  const said = jsonOf(cause ?? "");
  const message = memberOf(said, "errorMessage");
  const trace = memberOf(said, "trace");
  const lines = Array.isArray(trace) ? trace.filter((line) => typeof line === "string") : [];
  return {
    detail: typeof message === "string" && message !== "" ? message : undefined,
    advice: lines.find((line) => line.startsWith("advice: "))?.slice("advice: ".length),
  };
}

/** An error's traits, in the place of its stack: `advice: ...`, `retryable: true`, `platformCode: 100611`. */
export function traceOf({ name, message, advice, retryable, platformCode }: RekeyError): string[] {
  return [
    `${name}: ${message}`,
    `advice: ${advice}`,
    `retryable: ${retryable}`,
    ...(platformCode === undefined ? [] : [`platformCode: ${platformCode}`]),
  ];
}
