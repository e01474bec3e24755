import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

/** The real SDK client, for an endpoint on loopback. */
export function clientOf({ url }: { readonly url: string }, maxAttempts = 3): SecretsManagerClient {
  return new SecretsManagerClient({
    endpoint: url,
    region: "eu-central-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts,
  });
}
