import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { nameOf, RekeyError } from "../errors.ts";
import { isBug, isUnasked } from "./call-failure.ts";
import { type Clock, type Deadline, deadlineIn, systemClock } from "./clock.ts";

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
   * @throws ConfigurationError no id, no region, or refused; SecretsUnavailableError down, throttling or silent
   */
  read(id: string, deadline: Deadline): Promise<SecretVersion | undefined>;
  /** What a read brings that was begun ahead and that nobody has taken (read-ahead.ts); never rejects. */
  ahead?(id: string): Promise<SecretVersion | undefined> | undefined;
  /** Writes a version under a request token (32 to 64 characters); the same token with other content is `taken`. */
  write(id: string, version: NewVersion, deadline: Deadline): Promise<WriteOutcome>;
  /** Moves a label from one version to another, if `from` still holds it. */
  moveLabel(id: string, move: LabelMove, deadline: Deadline): Promise<"moved" | "refused" | "unknownVersion">;
  /**
   * The labels of every version that has any, by its id; none where the secret does not exist and can still be made.
   *
   * @throws ConfigurationError a secret that does not exist and was named by its ARN
   */
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

// A healthy call takes 10 ms. The first attempt has half of the time: whoever was silent once may answer the second.
const longestCallMs = 5_000;
const throttledPauseMs = 250;

/** A call of the SDK, which repeats by itself what was cut off or answered 5xx. */
type Call<Reply> = (options: { readonly abortSignal: AbortSignal }) => Promise<Reply>;

/** Makes a call, and makes it again while there is time if nobody answers or the store throttles. */
async function patiently<Reply>(call: Call<Reply>, deadline: Deadline, clock: Clock): Promise<Reply> {
  const whole = deadlineIn(Math.min(longestCallMs, deadline.remaining()), clock);
  for (let attempt = 1; ; attempt += 1) {
    const leftMs = whole.remaining();
    const isOnly = attempt > 1 || leftMs < 2 * throttledPauseMs + 1_000;
    const signal = AbortSignal.timeout(Math.max(1, isOnly ? leftMs : Math.floor(leftMs / 2)));
    try {
      return await call({ abortSignal: signal });
    } catch (error) {
      const pauseMs = isThrottling(error) ? throttledPauseMs * attempt : 0;
      if (whole.remaining() <= pauseMs || !(isThrottling(error) || signal.aborted)) throw error;
      if (pauseMs > 0) await clock.sleep(pauseMs);
    }
  }
}

function isThrottling(error: unknown): boolean {
  return nameOf(error) === "ThrottlingException";
}

/** A store over the real SDK client; endpoint, region and credentials come from AWS's own variables. */
export function createSecrets(
  client: SecretsManagerClient = new SecretsManagerClient({ maxAttempts: 3 }),
  clock: Clock = systemClock,
): Secrets {
  const ask = <Reply>(call: Call<Reply>, deadline: Deadline) => patiently(call, deadline, clock);

  async function create(
    version: { id: string; ClientRequestToken: string; SecretString: string },
    deadline: Deadline,
  ): Promise<WriteOutcome> {
    const { id, ...content } = version;
    mustBeName(id);
    try {
      await ask((options) => client.send(new CreateSecretCommand({ Name: id, ...content }), options), deadline);
      return "written";
    } catch (error) {
      if (nameOf(error) === "AccessDeniedException") {
        const words = "The session secret does not exist and may not be made: create it, or allow CreateSecret";
        throw new RekeyError("ConfigurationError", words, { cause: error });
      }
      return refusedWrite(error);
    }
  }

  return {
    async read(id, deadline) {
      if (id === "")
        throw new RekeyError("ConfigurationError", "The environment does not name a secret that is needed");
      try {
        const reply = await ask(
          (options) => client.send(new GetSecretValueCommand({ SecretId: id }), options),
          deadline,
        );
        // Editors and consoles leave a byte order mark, or blanks, around what was meant.
        return { versionId: reply.VersionId ?? "", text: (reply.SecretString ?? "").trim() };
      } catch (error) {
        if (nameOf(error) === "ResourceNotFoundException") return undefined;
        throw asRekeyError(error);
      }
    },
    async write(id, { token, text, labels }, deadline) {
      const content = { ClientRequestToken: token, SecretString: text };
      try {
        const stages = labels === undefined ? {} : { VersionStages: labels };
        const command = new PutSecretValueCommand({ SecretId: id, ...content, ...stages });
        await ask((options) => client.send(command, options), deadline);
        return "written";
      } catch (error) {
        if (nameOf(error) === "ResourceNotFoundException") return create({ id, ...content }, deadline);
        return refusedWrite(error);
      }
    },
    async moveLabel(id, { label, from, to }, deadline) {
      const source = from === undefined ? {} : { RemoveFromVersionId: from };
      const input = { SecretId: id, VersionStage: label, MoveToVersionId: to, ...source };
      try {
        await ask((options) => client.send(new UpdateSecretVersionStageCommand(input), options), deadline);
        return "moved";
      } catch (error) {
        const name = nameOf(error);
        if (name === "InvalidParameterException" || name === "InvalidRequestException") return "refused";
        if (name === "ResourceNotFoundException") return "unknownVersion";
        // Too many at once want the label: somebody is at it, which is what "refused" means to the caller.
        if (name === "ThrottlingException" || name === "LimitExceededException") return "refused";
        throw asRekeyError(error);
      }
    },
    async labels(id, deadline) {
      try {
        const reply = await ask(
          (options) => client.send(new DescribeSecretCommand({ SecretId: id }), options),
          deadline,
        );
        return new Map(Object.entries(reply.VersionIdsToStages ?? {}));
      } catch (error) {
        if (nameOf(error) !== "ResourceNotFoundException") throw asRekeyError(error);
        mustBeName(id);
        return new Map();
      }
    },
  };
}

/** An ARN ends in six letters of the store's own choice, so nobody can make a secret that will have it. */
function mustBeName(id: string): void {
  if (!id.startsWith("arn:")) return;
  const words = "The session secret does not exist, and under an ARN none can be made: give its name, or another's ARN";
  throw new RekeyError("ConfigurationError", words);
}

function refusedWrite(error: unknown): WriteOutcome {
  const name = nameOf(error);
  if (name === "ResourceExistsException") return "taken";
  if (name === "LimitExceededException") return "limited";
  throw asRekeyError(error);
}

// Whatever else a store answers may pass: others than AWS's name their own troubles so under 400 too.
const operatorsFault = new Set([
  "AccessDeniedException",
  "DecryptionFailure",
  "EncryptionFailure",
  "UnrecognizedClientException",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "SignatureDoesNotMatch",
  "IncompleteSignature",
  "MissingAuthenticationToken",
  "ExpiredTokenException",
  "InvalidParameterException",
  "InvalidRequestException",
  "ValidationException",
]);

/** An outage passes by itself, and a fleet waits for it; a refusal does not, and no bug of ours does. */
function asRekeyError(error: unknown): Error {
  if (isBug(error)) return error;
  if (isUnasked(error) || operatorsFault.has(nameOf(error))) {
    return new RekeyError("ConfigurationError", "The secrets store refuses to hand out a secret", { cause: error });
  }
  return new RekeyError("SecretsUnavailableError", "The secrets store does not answer", {
    retryAfterSeconds: 5,
    cause: error,
  });
}
