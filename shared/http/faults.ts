import type * as z from "zod/mini";
import { type Fault, RekeyError } from "../errors.ts";
import { faultsOf, listed } from "../faults.ts";

/**
 * The value of an input, `null` members counting as absent.
 *
 * @param faults those that were found before, while the input was put together
 * @throws InvalidInputError with every fault and its path, in `faults` and in the message
 */
export function parseInput<Schema extends z.ZodMiniType>(
  schema: Schema,
  input: unknown,
  faults: readonly Fault[] = [],
): z.output<Schema> {
  const parsed = schema.safeParse(withoutNulls(input), { reportInput: true });
  if (parsed.success && faults.length === 0) return parsed.data;
  throw invalidInput([...faults, ...(parsed.success ? [] : parsed.error.issues.flatMap(faultsOf))]);
}

/** One error for all faults of an input. */
export function invalidInput(faults: readonly Fault[]): RekeyError {
  return new RekeyError("InvalidInputError", `The input is not valid: ${listed(faults)}`, { faults });
}

function withoutNulls(input: unknown): unknown {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
}
