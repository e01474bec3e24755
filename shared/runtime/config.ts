/** What the environment says; read in this one place. */
export interface Config {
  /** Name or ARN of the application secret. */
  readonly secretId: string;
  /** Name or ARN of the secret that holds the shared session. */
  readonly sessionSecretId: string;
  /** Name or ARN of the secret with the webhook sources; empty where a function has none. */
  readonly webhooksSecretId: string;
  /** ARN of the single-device workflow; empty where a function starts none. */
  readonly workflowArn: string;
  /** The bucket of fleet runs; empty where a function has nothing to do with them. */
  readonly fleetBucket: string;
  /** Another address in place of S3's own, by AWS's own variables; empty: S3's own. */
  readonly objectsEndpoint: string;
  readonly logLevel: string;
  /** The deployment's stage, a dimension of every metric; `dev` when absent. */
  readonly stage: string;
}

/** The members of {@link Config} that name a secret. */
export type SecretName = "secretId" | "sessionSecretId" | "webhooksSecretId";

/** Reads the configuration; what is absent is an empty text, and whoever needs it says so. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  return {
    secretId: environment["REKEY_SECRET_ID"] ?? "",
    sessionSecretId: environment["REKEY_SESSION_SECRET_ID"] ?? "",
    webhooksSecretId: environment["REKEY_WEBHOOKS_SECRET_ID"] ?? "",
    workflowArn: environment["REKEY_WORKFLOW_ARN"] ?? "",
    fleetBucket: environment["REKEY_FLEET_BUCKET"] ?? "",
    objectsEndpoint: environment["AWS_ENDPOINT_URL_S3"] || environment["AWS_ENDPOINT_URL"] || "",
    logLevel: environment["LOG_LEVEL"] ?? "INFO",
    stage: environment["REKEY_STAGE"] ?? "dev",
  };
}

/** What a process of our own needs to start at all, and nothing that it could give away. */
export function bareEnvironment(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  // Where Lambda's Node finds its libraries, and what Windows wants of every program.
  return Object.fromEntries(
    ["LD_LIBRARY_PATH", "SystemRoot"].flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
