import { fileURLToPath } from "node:url";
import { type DeployedFunction, functionsOf, type GrantName, grantNames } from "./deployed.ts";
import { type Gateway, type GatewayOptions, startGateway } from "./gateway.ts";
import { type Lambda, type LambdaOptions, type LocalFunction, startLambda } from "./lambda.ts";
import { type Route, routesOf } from "./routes.ts";
import type { Mood } from "./secrets-endpoint/moods.ts";
import { type SecretsEndpoint, startSecretsEndpoint } from "./secrets-endpoint/server.ts";

/** The platform that the system works against; the simulator, as far as it matters here. */
export interface LocalPlatform {
  readonly url: string;
  /** The content of the application secret that lets a client in. */
  applicationSecret(): object;
  /** What it knows at the beginning, where it says so. */
  readonly devices?: { all(): readonly { readonly deviceId: string; readonly status: string }[] };
  close(): Promise<void>;
}

/** Ports by part; 0 or absent: any free one. */
export interface LocalPorts {
  readonly gateway?: number;
  readonly lambda?: number;
  readonly secrets?: number;
  readonly secretsControl?: number;
}

/** What a part finds when it starts: everything but the gateway runs. */
export interface PartContext {
  readonly lambda: Lambda;
  readonly secrets: SecretsEndpoint;
  readonly platform: LocalPlatform;
  readonly secretIds: Readonly<Record<GrantName, string>>;
  /** Parts that were started before. */
  readonly parts: ReadonlyMap<string, RunningPart>;
}

/** A part of the local cloud that lives in a file of its own: workflows, a ticket desk, a page. */
export interface Part {
  readonly name: string;
  start(context: PartContext): Promise<RunningPart>;
}

/** A part that runs. */
export interface RunningPart {
  readonly url?: string;
  /** What every function's environment gets from it, such as an endpoint's address. */
  readonly environment?: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Settings of the local cloud. */
export interface LocalSystemOptions {
  /** Starts the platform; it is closed with the system. */
  readonly platform: () => Promise<LocalPlatform>;
  /** Started in this order, closed in the reverse one. */
  readonly parts?: readonly Part[];
  readonly ports?: LocalPorts;
  /** Where the bundles are. Default: the repository's `dist`. */
  readonly bundleFolder?: string;
  /** Default: those of serverless.yml; these are granted every secret. */
  readonly functions?: Readonly<Record<string, LocalFunction>>;
  /** Default: those of serverless.yml. */
  readonly routes?: readonly Route[];
  /** Further environment of every function. */
  readonly environment?: Readonly<Record<string, string>>;
  /** How the secrets store answers where stores differ. Default: as documented. */
  readonly storeMood?: Mood;
  /** Content of the webhooks secret. Default: none, the secret is empty. */
  readonly webhookSources?: object;
  /** Changes to the application secret that the platform names. */
  readonly applicationSecret?: object;
  readonly logLevel?: string;
  readonly requireSignature?: boolean;
  /** Made when everything but the gateway runs; see the gateway's `aside`. */
  readonly aside?: (context: PartContext) => NonNullable<GatewayOptions["aside"]>;
  readonly lambda?: Pick<LambdaOptions, "freezeIdle" | "retryDelaysMilliseconds" | "onLine">;
}

/** A running local cloud. */
export interface LocalSystem extends PartContext {
  /** The gateway's address. */
  readonly url: string;
  readonly gateway: Gateway;
  close(): Promise<void>;
}

const region = "eu-central-1";
const repository = new URL("../", import.meta.url);
const secretIds = {
  applicationSecret: "rekey/local/application",
  sessionSecret: "rekey/local/session",
  webhooksSecret: "rekey/local/webhooks",
} as const satisfies Record<GrantName, string>;
const secretVariables = {
  REKEY_SECRET_ID: secretIds.applicationSecret,
  REKEY_SESSION_SECRET_ID: secretIds.sessionSecret,
  REKEY_WEBHOOKS_SECRET_ID: secretIds.webhooksSecret,
} as const;

/**
 * Starts everything that the deployed service would find in the cloud, on loopback: platform, secrets, functions, gateway and further parts.
 * Each function has a key of its own and may touch the secrets that its role grants, nothing else.
 */
export async function startLocalSystem(options: LocalSystemOptions): Promise<LocalSystem> {
  const serverlessFile = fileURLToPath(new URL("serverless.yml", repository));
  const bundleFolder = options.bundleFolder ?? fileURLToPath(new URL("dist", repository));
  const functions = await declared(options, serverlessFile, bundleFolder);
  const routes = options.routes ?? (await routesOf(serverlessFile));
  const parts = new Map<string, RunningPart>();
  const opened: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const one of opened.splice(0).reverse()) await one();
  };
  try {
    const platform = await options.platform();
    opened.push(platform.close);
    const secrets = await openSecrets(options, functions, platform);
    opened.push(secrets.close);
    const lambda = await startLambda({
      ...options.lambda,
      functions: withKeys(functions),
      region,
      ...(options.ports?.lambda === undefined ? {} : { port: options.ports.lambda }),
      environment: () => ({
        AWS_REGION: region,
        AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.url,
        LOG_LEVEL: options.logLevel ?? "INFO",
        ...Object.assign({}, ...[...parts.values()].map((one) => one.environment ?? {})),
        ...options.environment,
      }),
    });
    opened.push(lambda.close);
    const context: PartContext = { lambda, secrets, platform, secretIds, parts };
    for (const part of options.parts ?? []) {
      const running = await part.start(context);
      parts.set(part.name, running);
      opened.push(running.close);
    }
    const gateway = await startGateway({
      routes,
      invoke: lambda.invoke,
      requireSignature: options.requireSignature ?? false,
      ...(options.aside === undefined ? {} : { aside: options.aside(context) }),
      ...(options.ports?.gateway === undefined ? {} : { port: options.ports.gateway }),
    });
    opened.push(gateway.close);
    return { ...context, url: gateway.url, gateway, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function declared(
  options: LocalSystemOptions,
  serverlessFile: string,
  bundleFolder: string,
): Promise<Record<string, DeployedFunction>> {
  if (options.functions === undefined) return functionsOf(serverlessFile, bundleFolder);
  const variables = Object.keys(secretVariables);
  return Object.fromEntries(
    Object.entries(options.functions).map(([name, one]) => [name, { ...one, grants: grantNames, variables }]),
  );
}

function openSecrets(
  options: LocalSystemOptions,
  functions: Readonly<Record<string, DeployedFunction>>,
  platform: LocalPlatform,
): Promise<SecretsEndpoint> {
  const names = Object.keys(functions);
  return startSecretsEndpoint({
    region,
    ...(options.storeMood === undefined ? {} : { mood: options.storeMood }),
    port: options.ports?.secrets ?? 0,
    controlPort: options.ports?.secretsControl ?? 0,
    credentials: Object.fromEntries(
      [...names, "operator"].map((name) => [keyOf(name).AWS_ACCESS_KEY_ID, localSecretKey]),
    ),
    deny: names.flatMap((name) =>
      grantNames
        .filter((grant) => !functions[name]?.grants.includes(grant))
        .map((grant) => ({ accessKeyId: keyOf(name).AWS_ACCESS_KEY_ID, secretId: secretIds[grant] })),
    ),
    secrets: {
      [secretIds.applicationSecret]: JSON.stringify({ ...platform.applicationSecret(), ...options.applicationSecret }),
      [secretIds.sessionSecret]: null,
      [secretIds.webhooksSecret]: options.webhookSources === undefined ? null : JSON.stringify(options.webhookSources),
    },
  });
}

const localSecretKey = "local-secret-access-key";

/** The key that stands for a function's role, or for the operator, to whom nothing is denied. */
function keyOf(functionName: string) {
  return { AWS_ACCESS_KEY_ID: `AKIDLOCAL${functionName.toUpperCase()}`, AWS_SECRET_ACCESS_KEY: localSecretKey };
}

function withKeys(functions: Readonly<Record<string, DeployedFunction>>): Record<string, LocalFunction> {
  return Object.fromEntries(
    Object.entries(functions).map(([name, one]) => {
      const variables = Object.entries(secretVariables).filter(([variable]) => one.variables.includes(variable));
      return [name, { ...one, environment: { ...keyOf(name), ...Object.fromEntries(variables), ...one.environment } }];
    }),
  );
}
