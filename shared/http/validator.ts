import type * as z from "zod/mini";
import type { Middleware, Request } from "./chain.ts";
import { parseInput } from "./parse-input.ts";

interface ValidatorOptions {
  readonly input: z.ZodMiniType;
  readonly output: z.ZodMiniType;
}

/**
 * Lets in what the input's schema allows, and out what the output's schema names.
 *
 * @throws InvalidInputError with every fault of the input; an output that is not of its schema is a fault of our own
 */
export function validator({ input, output }: ValidatorOptions): Middleware {
  const validatorBefore = (request: Request): void => {
    request.event = parseInput(input, request.event, request.internal.faults);
  };
  const validatorAfter = (request: Request): void => {
    request.response = output.parse(request.response);
  };
  return { before: validatorBefore, after: validatorAfter };
}
