import type * as z from "zod/mini";
import { type Fault, RekeyError } from "../errors.ts";
import { faultsOf, listed } from "../input-faults.ts";

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

// Nobody corrects more than these at a time, and a body of unknown keys must not come back as a longer answer.
const maxFaults = 50;

/** One error for all faults of an input; of very many the first ones are told, and how many more there are. */
export function invalidInput(faults: readonly Fault[]): RekeyError {
  const more = faults.length - maxFaults;
  const told = more <= 0 ? faults : [...faults.slice(0, maxFaults), { path: "", message: `has ${more} more faults` }];
  return new RekeyError("InvalidInputError", `The input is not valid: ${listed(told)}`, { faults: told });
}

function withoutNulls(input: unknown): unknown {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
}
