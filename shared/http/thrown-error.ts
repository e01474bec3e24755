import { RekeyError } from "../errors.ts";
import { traceOf } from "../runtime/lambda-error.ts";
import type { Middleware } from "./chain.ts";

/**
 * Tells whoever invoked the function directly what HTTP tells in a problem. Of a thrown error Lambda passes on
 * `errorType`, `errorMessage` and, line by line, the stack as `trace`; so the stack, which is of no use outside, gives
 * way to the error's traits.
 */
export function thrownError(): Middleware {
  return {
    onError: ({ error, internal }) => {
      if (internal.http === undefined && error instanceof RekeyError) error.stack = traceOf(error).join("\n");
    },
  };
}
