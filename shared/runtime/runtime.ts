import { type Clock, systemClock } from "./clock.ts";
import { type Config, readConfig } from "./config.ts";
import { createLog, type Log, writeLine } from "./log.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { createSecrets, type Secrets } from "./secrets.ts";

/** What a sandbox offers every operation; made once, when a function's module is loaded. */
export interface Runtime {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly secrets: Secrets;
}

/** The runtime of this sandbox, by its environment. */
export function createRuntime(): Runtime {
  const config = readConfig();
  return {
    config,
    clock: systemClock,
    log: createLog(config.logLevel),
    metrics: createMetrics({ write: writeLine, clock: systemClock, stage: config.stage }),
    secrets: createSecrets(),
  };
}
