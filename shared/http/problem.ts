import { type ErrorName, type Fault, RekeyError } from "../errors.ts";

/** An error as it is answered: RFC 9457, with members of ours. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What happened this time; holds no inside of ours. */
  readonly detail: string;
  /** Name of the error; what a program decides by. */
  readonly code: ErrorName | "InternalError";
  readonly platformCode?: string;
  readonly retryable: boolean;
  readonly advice: string;
  readonly requestId: string;
  /** Every fault of the input with its path. */
  readonly errors?: readonly Fault[];
}

/** The problem that an error is; whatever is not of the family is a fault of ours and says nothing of itself. */
export function problemOf(error: unknown, requestId: string): Problem {
  if (!(error instanceof RekeyError)) {
    return {
      type: "about:blank",
      title: "Internal error",
      status: 500,
      detail: "Something unexpected happened",
      code: "InternalError",
      retryable: false,
      advice: "Tell whoever operates this service; the logs name the cause under the request id.",
      requestId,
    };
  }
  return {
    type: `urn:rekey:error:${error.name}`,
    title: error.title,
    status: error.status,
    detail: error.message,
    code: error.name,
    ...(error.platformCode === undefined ? {} : { platformCode: error.platformCode }),
    retryable: error.retryable,
    advice: error.advice,
    requestId,
    ...(error.faults === undefined ? {} : { errors: error.faults }),
  };
}
