import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { flagsOf, helpedBy } from "./command-line.ts";
import { localPorts } from "./ports.ts";

const help = `npm start -- [options]

Runs the whole service on this machine, on the built bundles, until Ctrl-C. Where a port is taken, a free one stands in for it.

  --sources FILE       webhook sources of your own, as the webhooks secret holds them; their notes stay on the local desk
  --quiet              does not show what the functions log
  --log-level LEVEL    DEBUG, INFO (default), WARN, ERROR
  --time-scale N       what a second of a workflow's waiting lasts, in seconds (1)
  --store-mood NAME    how the secrets store answers where stores differ: documented (default), moto, lenient, careless
  --port N             of the HTTP API and the page (${localPorts.api})
  --lambda-port N, --secrets-port N, --control-port N, --workflows-port N, --objects-port N, --desk-port N (${localPorts.lambda} to ${localPorts.desk})
  --platform-port N    of the simulated platform (${localPorts.platform})
  --platform FILE      a module that exports startPlatformSimulator
  --bundles FOLDER     what npm run build made (dist)
  --help

REKEY_LOCAL_PORT, REKEY_LOCAL_LAMBDA_PORT and the like, REKEY_LOCAL_TIME_SCALE, REKEY_LOCAL_STORE_MOOD and LOG_LEVEL do the same.`;

const fileBeside = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const text = (fallback: string, variable?: string) => ({
  type: "string" as const,
  default: (variable === undefined ? undefined : process.env[variable]) ?? fallback,
});
const port = (fallback: number, variable: string) => text(String(fallback), variable);

/** What `npm start` was told, by its flags and its environment; help, and what is wrong with a flag, end it. */
export function startFlags() {
  const { values } = flagsOf(
    () =>
      parseArgs({
        options: {
          port: port(localPorts.api, "REKEY_LOCAL_PORT"),
          "lambda-port": port(localPorts.lambda, "REKEY_LOCAL_LAMBDA_PORT"),
          "secrets-port": port(localPorts.secrets, "REKEY_LOCAL_SECRETS_PORT"),
          "control-port": port(localPorts.control, "REKEY_LOCAL_CONTROL_PORT"),
          "workflows-port": port(localPorts.workflows, "REKEY_LOCAL_WORKFLOWS_PORT"),
          "objects-port": port(localPorts.objects, "REKEY_LOCAL_OBJECTS_PORT"),
          "desk-port": port(localPorts.desk, "REKEY_LOCAL_DESK_PORT"),
          "time-scale": text("1", "REKEY_LOCAL_TIME_SCALE"),
          "platform-port": port(localPorts.platform, "REKEY_LOCAL_PLATFORM_PORT"),
          "store-mood": text("documented", "REKEY_LOCAL_STORE_MOOD"),
          platform: text(fileBeside("./platform-simulator/simulator.ts")),
          bundles: text(fileBeside("../dist")),
          "log-level": text("INFO", "LOG_LEVEL"),
          sources: { type: "string" },
          quiet: { type: "boolean", default: false },
          help: { type: "boolean", default: false },
        },
      }),
    "npm start",
  );
  helpedBy(values.help, help);
  return values;
}
