import type * as z from "zod/mini";
import { type Fault, RekeyError } from "../errors.ts";

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
  const parsed = schema.safeParse(withoutNulls(input));
  if (parsed.success && faults.length === 0) return parsed.data;
  throw invalidInput([...faults, ...(parsed.success ? [] : parsed.error.issues.flatMap(faultsOf))]);
}

/** One error for all faults of an input. */
export function invalidInput(faults: readonly Fault[]): RekeyError {
  const listed = faults.map(({ path, message }) => (path === "" ? message : `${path} ${message}`)).join("; ");
  return new RekeyError("InvalidInputError", `The input is not valid: ${listed}`, { faults });
}

/** zod/mini brings no language of its own, which would weigh more than all else of it. */
function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  const path = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: [path, key.slice(0, 64)].filter(Boolean).join("."),
      message: "is unknown",
    }));
  }
  return [{ path, message: messageOf(issue) }];
}

function messageOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      if (issue.input === undefined && issue.path.length > 0) return "is missing";
      return issue.expected === "int" ? "must be a whole number" : `must be ${article(issue.expected)}`;
    case "too_big":
      return issue.origin === "string"
        ? `must have at most ${issue.maximum} characters`
        : `must be at most ${issue.maximum}`;
    case "too_small":
      if (issue.origin !== "string") return `must be at least ${issue.minimum}`;
      return issue.minimum === 1 ? "must not be empty" : `must have at least ${issue.minimum} characters`;
    default:
      return issue.message === "" || issue.message === "Invalid input" ? "is not valid" : issue.message;
  }
}

function article(type: string): string {
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`;
}

function withoutNulls(input: unknown): unknown {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
}
