import { parseArgs } from "node:util";
import { addressOn, localFleetBucket, localPorts } from "../../local/ports.ts";

/** AWS's services that are asked, by the names that AWS's own command line has for them. */
export const serviceNames = [
  "secretsmanager",
  "lambda",
  "stepfunctions",
  "s3",
  "cloudformation",
  "cloudwatch",
  "sns",
  "events",
] as const;

/** One of {@link serviceNames}. */
export type ServiceName = (typeof serviceNames)[number];

/** What is to be verified, and where it is. */
export interface Settings {
  /** The deployment's stage; `local` for what `npm start` runs. */
  readonly stage: string;
  /** No stage was named: it is what `npm start` runs, which asks nobody for a signature. */
  readonly onThisMachine: boolean;
  /** Address of the HTTP API; absent: the stack's output says it. */
  readonly url: string | undefined;
  /** Absent: the one that AWS's own variables and files say. */
  readonly region: string | undefined;
  /** Absent: the stack's output says it. */
  readonly bucket: string | undefined;
  /** Addresses in place of AWS's own; undefined where there are none. With any, no other is called. */
  readonly endpoints: Partial<Record<ServiceName, string>> | undefined;
}

/** What `--help` says. */
export const usage = `npm run verify                       what npm start runs on this machine
npm run verify -- --stage prod       a deployment on AWS, with the credentials and the region of the environment

Tries on the spot what a deployment rests on, and says of each thing ok, or what to do. It logs in nowhere and re-keys
nothing: what it starts is about a device that does not exist. It ends with 1 if a line is red, with 2 if used wrongly.

  --stage <name>       the stage that was deployed
  --region <name>      default: AWS_REGION, or what AWS's own files say
  --url <address>      the HTTP API; default: the stack's output ApiUrl, or ${addressOn(localPorts.api)}
  --endpoint <address> a stand-in for all of AWS; or for one service: --endpoint secretsmanager=${addressOn(localPorts.secrets)}
                       (${serviceNames.join(", ")}); nothing else is called then
  --bucket <name>      the bucket of fleet runs; default: the stack's output FleetBucketName
  --help`;

const local = {
  url: addressOn(localPorts.api),
  endpoints: {
    lambda: addressOn(localPorts.lambda),
    secretsmanager: addressOn(localPorts.secrets),
    stepfunctions: addressOn(localPorts.workflows),
    s3: addressOn(localPorts.objects),
  },
};

/**
 * Reads the command line.
 *
 * @returns undefined when help is wanted
 * @throws Error that says which flag is wrong, and how
 */
export function settingsOf(args: readonly string[]): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      stage: { type: "string" },
      region: { type: "string" },
      url: { type: "string" },
      endpoint: { type: "string", multiple: true, default: [] },
      bucket: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { stage, region, url, bucket } = values;
  if (stage !== undefined && !/^[A-Za-z][A-Za-z0-9-]*$/.test(stage)) {
    throw new Error(`--stage "${stage}" is none: letters, digits and hyphens, a letter first`);
  }
  if (region !== undefined && !/^[a-z]{2,}(-[a-z]+)+-\d+$/.test(region)) {
    throw new Error(`--region "${region}" is none, such as eu-central-1`);
  }
  const endpoints = values.endpoint.length === 0 ? undefined : endpointsOf(values.endpoint);
  const settings = { region, url: url === undefined ? undefined : addressOf("--url", url), bucket, endpoints };
  if (stage !== undefined) return { ...settings, stage, onThisMachine: false };
  return {
    stage: "local",
    onThisMachine: true,
    region: region ?? "eu-central-1",
    url: settings.url ?? local.url,
    bucket: bucket ?? localFleetBucket,
    endpoints: endpoints ?? local.endpoints,
  };
}

function endpointsOf(given: readonly string[]): Partial<Record<ServiceName, string>> {
  const endpoints: Partial<Record<ServiceName, string>> = {};
  for (const text of given) {
    const [, named, address = ""] = /^(?:([a-z0-9]+)=)?(.*)$/s.exec(text) ?? [];
    const services = named === undefined ? serviceNames : serviceNames.filter((name) => name === named);
    if (services.length === 0) {
      throw new Error(
        `--endpoint "${text}": there is no service "${named}" here; known are ${serviceNames.join(", ")}`,
      );
    }
    for (const service of services) endpoints[service] = addressOf("--endpoint", address);
  }
  return endpoints;
}

function addressOf(flag: string, text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw new Error(`${flag} "${text}" is no address: it begins with https:// or http://`);
  }
  return text.replace(/\/+$/, "");
}
