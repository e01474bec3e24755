import type { Fault } from "../errors.ts";
import type { Deadline } from "../runtime/clock.ts";
import { expressionFaults, isSourceName } from "./source.ts";
import type { ConfiguredSource, Sources } from "./sources.ts";

/**
 * Whether every source can verify its deliveries and be read, and what is wrong where not: for whoever has changed the
 * webhooks secret.
 *
 * @returns the faults by the source's name, in words that hold nothing of a secret
 * @throws ConfigurationError the secret cannot be read; SecretsUnavailableError
 */
export async function checkSources(
  sources: Sources,
  deadline: Deadline,
): Promise<ReadonlyMap<string, readonly Fault[]>> {
  const found = new Map<string, readonly Fault[]>();
  for (const [name, source] of await sources.all(deadline)) found.set(name, await faultsOf(name, source, deadline));
  return found;
}

async function faultsOf(name: string, source: ConfiguredSource, deadline: Deadline): Promise<Fault[]> {
  const faults = [...source.faults];
  if (!isSourceName(name)) {
    faults.push({ path: "", message: "must be named with letters, digits, _ and -, 40 of them at most" });
  }
  if (source.gate?.secrets.length === 0 && !faults.some(({ path }) => path.startsWith("secrets"))) {
    faults.push({ path: "secrets", message: "is missing: nothing verifies without one" });
  }
  // What is malformed says nothing of its expressions yet.
  if (source.faults.length > 0) return faults;
  return [...faults, ...(await expressionFaults(source.ready(), deadline.remaining()))];
}
