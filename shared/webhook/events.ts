import { RekeyError } from "../errors.ts";

/**
 * What becomes of all events of a delivery: each is waited for, also where another one fails, so that none is left half
 * done. A sender that repeats the delivery finds those that were done.
 *
 * @throws what failed; of several failures one that may pass, so that a repeat is asked for, and which of how many it was
 */
export async function allSettled<Outcome>(events: readonly Promise<Outcome>[]): Promise<Outcome[]> {
  const settled = await Promise.allSettled(events);
  const failures = settled.flatMap((one, at) => (one.status === "rejected" ? [{ at, error: one.reason }] : []));
  const mayPass = failures.find(
    ({ error }) => !(error instanceof RekeyError) || error.retryable || error.status >= 500,
  );
  const { at, error } = mayPass ?? failures[0] ?? {};
  if (at === undefined) return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (events.length === 1 || !(error instanceof RekeyError)) throw error;
  throw error.with({}, `Event ${at + 1} of ${events.length}: ${error.message}`);
}
