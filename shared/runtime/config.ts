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
    logLevel: environment["LOG_LEVEL"] ?? "INFO",
    stage: environment["REKEY_STAGE"] ?? "dev",
  };
}

/** What signs our own requests to AWS, by the variables that AWS itself sets. */
export interface AwsAccess {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Empty for long-lived keys. */
  readonly sessionToken: string;
  /** Another address in place of S3's own, as the SDK reads it too; empty: S3's own. */
  readonly s3Endpoint: string;
}

/** Reads the credentials as Lambda gives them. */
export function readAwsAccess(environment: NodeJS.ProcessEnv = process.env): AwsAccess {
  return {
    region: environment["AWS_REGION"] ?? "",
    accessKeyId: environment["AWS_ACCESS_KEY_ID"] ?? "",
    secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"] ?? "",
    sessionToken: environment["AWS_SESSION_TOKEN"] ?? "",
    s3Endpoint: environment["AWS_ENDPOINT_URL_S3"] ?? "",
  };
}
