import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { RekeyError } from "../errors.ts";
import type { Deadline } from "./clock.ts";

/** One version of a secret. */
export interface SecretVersion {
  readonly versionId: string;
  readonly text: string;
}

/** What a conditional write came to: done, or refused because another was there first, or because of a quota. */
export type WriteOutcome = "written" | "taken" | "limited";

/** The calls to Secrets Manager that this product makes; its one owner. */
export interface Secrets {
  /**
   * The current version, or undefined where the secret or its value does not exist.
   *
   * @throws ConfigurationError no id, or access denied; SecretsUnavailableError down, throttling or silent
   */
  read(id: string, deadline: Deadline): Promise<SecretVersion | undefined>;
  /** Writes a version under a request token (32 to 64 characters); the same token with other content is `taken`. */
  write(id: string, version: NewVersion, deadline: Deadline): Promise<WriteOutcome>;
  /** Moves a label from one version to another, if `from` still holds it. */
  moveLabel(id: string, move: LabelMove, deadline: Deadline): Promise<"moved" | "refused" | "unknownVersion">;
  /** The labels of every version that has any, by its id; none where the secret does not exist. */
  labels(id: string, deadline: Deadline): Promise<ReadonlyMap<string, readonly string[]>>;
}

interface NewVersion {
  readonly token: string;
  readonly text: string;
  /** Labels to move to it; absent: AWSCURRENT. */
  readonly labels?: string[];
}

/** A label's way from one version to another. */
export interface LabelMove {
  readonly label: string;
  readonly from?: string;
  readonly to: string;
}

/** The longest that one call to the store may take, in milliseconds; a healthy one takes 10. */
const longestCallMs = 5_000;

/** A store over the real SDK client; endpoint, region and credentials come from AWS's own variables. */
export function createSecrets(client: SecretsManagerClient = new SecretsManagerClient({ maxAttempts: 3 })): Secrets {
  return {
    async read(id, deadline) {
      if (id === "")
        throw new RekeyError("ConfigurationError", "The environment does not name a secret that is needed");
      try {
        const reply = await client.send(new GetSecretValueCommand({ SecretId: id }), within(deadline));
        return { versionId: reply.VersionId ?? "", text: reply.SecretString ?? "" };
      } catch (error) {
        if (errorName(error) === "ResourceNotFoundException") return undefined;
        throw asRekeyError(error);
      }
    },
    async write(id, { token, text, labels }, deadline) {
      const content = { ClientRequestToken: token, SecretString: text };
      try {
        const stages = labels === undefined ? {} : { VersionStages: labels };
        await client.send(new PutSecretValueCommand({ SecretId: id, ...content, ...stages }), within(deadline));
        return "written";
      } catch (error) {
        if (errorName(error) === "ResourceNotFoundException") return create(client, { id, ...content }, deadline);
        return refusedWrite(error);
      }
    },
    async moveLabel(id, { label, from, to }, deadline) {
      const source = from === undefined ? {} : { RemoveFromVersionId: from };
      const input = { SecretId: id, VersionStage: label, MoveToVersionId: to, ...source };
      try {
        await client.send(new UpdateSecretVersionStageCommand(input), within(deadline));
        return "moved";
      } catch (error) {
        const name = errorName(error);
        if (name === "InvalidParameterException" || name === "InvalidRequestException") return "refused";
        if (name === "ResourceNotFoundException") return "unknownVersion";
        // Too many at once want the label: somebody is at it, which is what "refused" means to the caller.
        if (name === "ThrottlingException" || name === "LimitExceededException") return "refused";
        throw asRekeyError(error);
      }
    },
    async labels(id, deadline) {
      try {
        const reply = await client.send(new DescribeSecretCommand({ SecretId: id }), within(deadline));
        return new Map(Object.entries(reply.VersionIdsToStages ?? {}));
      } catch (error) {
        if (errorName(error) === "ResourceNotFoundException") return new Map();
        throw asRekeyError(error);
      }
    },
  };
}

async function create(
  client: SecretsManagerClient,
  version: { id: string; ClientRequestToken: string; SecretString: string },
  deadline: Deadline,
): Promise<WriteOutcome> {
  const { id, ...content } = version;
  if (id.startsWith("arn:")) throw new RekeyError("ConfigurationError", "The session secret does not exist");
  try {
    await client.send(new CreateSecretCommand({ Name: id, ...content }), within(deadline));
    return "written";
  } catch (error) {
    if (errorName(error) === "AccessDeniedException") {
      throw new RekeyError("ConfigurationError", "The session secret does not exist", { cause: error });
    }
    return refusedWrite(error);
  }
}

function refusedWrite(error: unknown): WriteOutcome {
  const name = errorName(error);
  if (name === "ResourceExistsException") return "taken";
  if (name === "LimitExceededException") return "limited";
  throw asRekeyError(error);
}

function within(deadline: Deadline) {
  return { abortSignal: AbortSignal.timeout(Math.max(1, Math.min(longestCallMs, deadline.remaining()))) };
}

function errorName(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

const operatorsFault = new Set([
  "AccessDeniedException",
  "DecryptionFailure",
  "EncryptionFailure",
  "UnrecognizedClientException",
  "InvalidSignatureException",
  "ExpiredTokenException",
  "CredentialsProviderError",
  "InvalidParameterException",
  "InvalidRequestException",
  "ValidationException",
]);

function asRekeyError(error: unknown): RekeyError {
  if (operatorsFault.has(errorName(error))) {
    return new RekeyError("ConfigurationError", "The secrets store refuses to hand out a secret", { cause: error });
  }
  return new RekeyError("SecretsUnavailableError", "The secrets store does not answer", {
    retryAfterSeconds: 5,
    cause: error,
  });
}
