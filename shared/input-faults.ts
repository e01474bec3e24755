import type * as z from "zod/mini";
import type { Fault } from "./errors.ts";

/**
 * What zod finds wrong, in words that hold nothing of the value itself. zod/mini brings no language of its own, and the
 * one of zod would weigh more than all else of it.
 *
 * @param issue of a parse with `reportInput`, or what has a wrong type looks missing
 */
export function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  const path = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: [path, key.slice(0, 64)].filter(Boolean).join("."),
      message: "is unknown",
    }));
  }
  return [{ path, message: messageOf(issue) }];
}

/** All faults in one line, each behind its path. */
export function listed(faults: readonly Fault[]): string {
  return faults.map(({ path, message }) => (path === "" ? message : `${path} ${message}`)).join("; ");
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
    case "invalid_value":
      return `is ${issue.input === undefined ? "missing" : "not valid"}: it must be ${alternatives(issue.values.map(String))}`;
    default:
      return issue.message === "" || issue.message === "Invalid input" ? "is not valid" : issue.message;
  }
}

function alternatives(values: readonly string[]): string {
  return values.length < 2 ? values.join() : `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;
}

function article(type: string): string {
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`;
}
