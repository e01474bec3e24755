import { expect } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { readSource } from "../../shared/webhook/source.ts";

/** What is wrong with a configuration, in the log's words; `none` where it is read. */
export async function faultsOf(configuration: unknown): Promise<string> {
  try {
    await readSource("desk", configuration);
    return "none";
  } catch (error) {
    if (!(error instanceof RekeyError) || !(error.cause instanceof Error)) throw error;
    // The answer says that it is malformed; only the log says how.
    expect([error.name, error.message]).toEqual(["ConfigurationError", 'The webhook source "desk" is malformed']);
    return error.cause.message;
  }
}
