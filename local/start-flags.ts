import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { flagsOf, helpedBy } from "./command-line.ts";

const help = `npm start -- [options]

Runs the whole service on this machine, on the built bundles, until Ctrl-C. Where a port is taken, a free one stands in for it.

  --sources FILE       webhook sources of your own, as the webhooks secret holds them; their notes stay on the local desk
  --quiet              does not show what the functions log
  --log-level LEVEL    DEBUG, INFO (default), WARN, ERROR
  --time-scale N       what a second of a workflow's waiting lasts, in seconds (1)
  --store-mood NAME    how the secrets store answers where stores differ: documented (default), moto, lenient, careless
  --port N             of the HTTP API and the page (3000)
  --lambda-port N, --secrets-port N, --control-port N, --workflows-port N, --objects-port N, --desk-port N (3001 to 3006)
  --platform-port N    of the simulated platform (8743)
  --platform FILE      a module that exports startPlatformSimulator
  --bundles FOLDER     what npm run build made (dist)
  --help

REKEY_LOCAL_PORT, REKEY_LOCAL_LAMBDA_PORT and the like, REKEY_LOCAL_TIME_SCALE, REKEY_LOCAL_STORE_MOOD and LOG_LEVEL do the same.`;

const fileBeside = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const text = (fallback: string, variable?: string) => ({
  type: "string" as const,
  default: (variable === undefined ? undefined : process.env[variable]) ?? fallback,
});

/** What `npm start` was told, by its flags and its environment; help, and what is wrong with a flag, end it. */
export function startFlags() {
  const { values } = flagsOf(
    () =>
      parseArgs({
        options: {
          port: text("3000", "REKEY_LOCAL_PORT"),
          "lambda-port": text("3001", "REKEY_LOCAL_LAMBDA_PORT"),
          "secrets-port": text("3002", "REKEY_LOCAL_SECRETS_PORT"),
          "control-port": text("3003", "REKEY_LOCAL_CONTROL_PORT"),
          "workflows-port": text("3004", "REKEY_LOCAL_WORKFLOWS_PORT"),
          "objects-port": text("3005", "REKEY_LOCAL_OBJECTS_PORT"),
          "desk-port": text("3006", "REKEY_LOCAL_DESK_PORT"),
          "time-scale": text("1", "REKEY_LOCAL_TIME_SCALE"),
          "platform-port": text("8743", "REKEY_LOCAL_PLATFORM_PORT"),
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
