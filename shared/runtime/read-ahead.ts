import { type Clock, deadlineIn, isRecent } from "./clock.ts";
import type { Secrets, SecretVersion } from "./secrets.ts";

/**
 * How long what was begun ahead is good for, in milliseconds. On-demand invocations follow their sandbox's init within
 * milliseconds; what was read earlier may have been replaced, and a connection that was opened earlier may be dead.
 */
export const freshMs = 1_000;

/**
 * A store whose first reads of these secrets are under way already, begun while the module is still being loaded.
 *
 * Each is taken once, by the first who asks within a second, and only if it brought an answer: whoever asks later,
 * again, or after a failure has the store asked anew, so errors are those of the invocation's own read.
 *
 * @param ids of the secrets that every invocation of a cold sandbox reads
 */
export function readAhead(secrets: Secrets, ids: readonly string[], clock: Clock): Secrets {
  const begunAtMs = clock.now();
  const begun = new Map<string, Promise<SecretVersion | undefined>>();
  for (const id of ids) {
    begun.set(
      id,
      secrets.read(id, deadlineIn(freshMs, clock)).catch(() => undefined),
    );
  }
  return {
    ...secrets,
    ahead: (id) => begun.get(id),
    async read(id, deadline) {
      const first = begun.get(id);
      begun.delete(id);
      const usable = isRecent(begunAtMs, freshMs, clock) && deadline.remaining() > freshMs;
      return (usable ? await first : undefined) ?? secrets.read(id, deadline);
    },
  };
}
