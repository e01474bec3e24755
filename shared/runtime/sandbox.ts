import { type Clock, systemClock } from "./clock.ts";
import { type Config, readConfig, type SecretName } from "./config.ts";
import { createLog, type Log, writeLine } from "./log.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { readAhead } from "./read-ahead.ts";
import { createSecrets, type Secrets } from "./secrets.ts";

/** What a sandbox offers every operation; opened once, while a function's bundle is being loaded. */
export interface Sandbox {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** A sandbox of an operation that reads or writes secrets. */
export interface SandboxWithSecrets extends Sandbox {
  readonly secrets: Secrets;
}

/** Opens the sandbox by its environment. */
export function openSandbox(): Sandbox {
  const config = readConfig();
  return {
    config,
    clock: systemClock,
    log: createLog(config.logLevel),
    metrics: createMetrics({ write: writeLine, clock: systemClock, stage: config.stage }),
  };
}

/** Opens the sandbox with a client of the secrets store. */
export function openSandboxWithSecrets(): SandboxWithSecrets {
  return { ...openSandbox(), secrets: createSecrets() };
}

/** Opens the sandbox with a client of the secrets store, and begins to read these secrets at once. */
export function openSandboxReadingAhead(names: readonly SecretName[]): SandboxWithSecrets {
  const sandbox = openSandboxWithSecrets();
  const { config, clock, secrets } = sandbox;
  const ids = names.map((name) => config[name]);
  return { ...sandbox, secrets: readAhead(secrets, ids, clock) };
}
