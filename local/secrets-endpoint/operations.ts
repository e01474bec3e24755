import { randomUUID } from "node:crypto";
import { invalidParameter, notFound, ServiceError } from "./service-error.ts";
import type { Content, Secret, SecretStore, Version } from "./store.ts";

/** A request's JSON body, not yet looked at. */
export type Input = Readonly<Record<string, unknown>>;

/** Is asked before a secret is touched; throws when the caller may not. */
export type Guard = (secretId: string) => void;

/** One operation: what was sent to what is answered. `written` names the versions that it made. */
type Operation = (store: SecretStore, input: Input, guard: Guard, written: (secret: Secret) => void) => object;

/** The operations of the service that this endpoint knows, by the name in `X-Amz-Target`. */
export const operations: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ["GetSecretValue", getSecretValue],
  ["BatchGetSecretValue", batchGetSecretValue],
  ["PutSecretValue", putSecretValue],
  ["UpdateSecretVersionStage", updateSecretVersionStage],
  ["DescribeSecret", describeSecret],
  ["ListSecretVersionIds", listSecretVersionIds],
  ["CreateSecret", createSecret],
  ["DeleteSecret", deleteSecret],
  ["RestoreSecret", restoreSecret],
  ["ListSecrets", listSecrets],
]);

function getSecretValue(store: SecretStore, input: Input, guard: Guard): object {
  const id = secretId(input, guard);
  const { secret, version } = store.read(id, versionIdOf(input, "VersionId"), text(input, "VersionStage"));
  return answerOf(secret, version);
}

function batchGetSecretValue(store: SecretStore, input: Input, guard: Guard): object {
  const ids = texts(input, "SecretIdList");
  if (ids === undefined && input["Filters"] === undefined) {
    throw invalidParameter("Either SecretIdList or Filters must be provided.");
  }
  if (ids !== undefined && (ids.length < 1 || ids.length > 20)) {
    throw invalidParameter("SecretIdList must have 1 to 20 items.");
  }
  const values: object[] = [];
  const errors: object[] = [];
  for (const id of ids ?? store.all().map((one) => one.name)) {
    try {
      guard(id);
      const { secret, version } = store.read(id);
      values.push(answerOf(secret, version));
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      errors.push({ SecretId: id, ErrorCode: error.type, Message: error.message });
    }
  }
  return { SecretValues: values, Errors: errors };
}

function putSecretValue(store: SecretStore, input: Input, guard: Guard, written: (secret: Secret) => void): object {
  const id = secretId(input, guard);
  const content = contentOf(input);
  if (content === undefined) throw invalidParameter("You must provide either SecretString or SecretBinary.");
  const labels = texts(input, "VersionStages");
  if (labels !== undefined && (labels.length < 1 || labels.length > 20)) {
    throw invalidParameter("VersionStages must have 1 to 20 items.");
  }
  for (const label of labels ?? []) checkLabel(label);
  const result = store.put(id, content, tokenOf(input), labels);
  if (result.written) written(result.secret);
  const { secret, version } = result;
  return { ARN: secret.arn, Name: secret.name, VersionId: version.id, VersionStages: [...version.labels] };
}

function updateSecretVersionStage(store: SecretStore, input: Input, guard: Guard): object {
  const id = secretId(input, guard);
  const label = text(input, "VersionStage");
  if (label === undefined) throw invalidParameter("You must provide a value for the VersionStage parameter.");
  checkLabel(label);
  const from = versionIdOf(input, "RemoveFromVersionId");
  const secret = store.moveLabel(id, label, from, versionIdOf(input, "MoveToVersionId"));
  return { ARN: secret.arn, Name: secret.name };
}

function describeSecret(store: SecretStore, input: Input, guard: Guard): object {
  return described(store.find(secretId(input, guard), { deleted: true }));
}

function listSecretVersionIds(store: SecretStore, input: Input, guard: Guard): object {
  const secret = store.find(secretId(input, guard), { deleted: true });
  const versions = [...secret.versions.values()].filter(
    (one) => input["IncludeDeprecated"] === true || one.labels.size > 0,
  );
  return {
    ARN: secret.arn,
    Name: secret.name,
    Versions: versions.map((one) => ({
      VersionId: one.id,
      VersionStages: one.labels.size === 0 ? undefined : [...one.labels],
      CreatedDate: one.createdMs / 1000,
      LastAccessedDate: one.lastAccessedMs === undefined ? undefined : one.lastAccessedMs / 1000,
    })),
  };
}

function createSecret(store: SecretStore, input: Input, guard: Guard, written: (secret: Secret) => void): object {
  const name = text(input, "Name");
  if (name === undefined) throw invalidParameter("You must provide a value for the Name parameter.");
  guard(name);
  const token = tokenOf(input);
  const before = store.all().find((one) => one.name === name)?.versions.size ?? 0;
  const secret = store.create(name, contentOf(input), token, text(input, "Description"));
  if (secret.versions.size > before) written(secret);
  return { ARN: secret.arn, Name: secret.name, VersionId: secret.versions.has(token) ? token : undefined };
}

function deleteSecret(store: SecretStore, input: Input, guard: Guard): object {
  const id = secretId(input, guard);
  const days = input["RecoveryWindowInDays"];
  const force = input["ForceDeleteWithoutRecovery"] === true;
  if (force && days !== undefined) {
    throw invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
  }
  if (days !== undefined && !(typeof days === "number" && days >= 7 && days <= 30)) {
    throw invalidParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).");
  }
  const secret = store.delete(id, force ? 0 : typeof days === "number" ? days : 30);
  return { ARN: secret.arn, Name: secret.name, DeletionDate: (secret.deletedMs ?? store.now()) / 1000 };
}

function restoreSecret(store: SecretStore, input: Input, guard: Guard): object {
  const secret = store.restore(secretId(input, guard));
  return { ARN: secret.arn, Name: secret.name };
}

function listSecrets(store: SecretStore, input: Input): object {
  const planned = input["IncludePlannedDeletion"] === true;
  return {
    SecretList: store
      .all()
      .filter((one) => planned || one.deletedMs === undefined)
      .map((one) => ({ ...described(one), SecretVersionsToStages: stagesOf(one), VersionIdsToStages: undefined })),
  };
}

function answerOf(secret: Secret, version: Version): object {
  return {
    ARN: secret.arn,
    Name: secret.name,
    VersionId: version.id,
    SecretString: version.content.text,
    SecretBinary: version.content.binary,
    VersionStages: [...version.labels],
    CreatedDate: version.createdMs / 1000,
  };
}

function described(secret: Secret): object {
  return {
    ARN: secret.arn,
    Name: secret.name,
    Description: secret.description,
    CreatedDate: secret.createdMs / 1000,
    LastChangedDate: secret.changedMs / 1000,
    DeletedDate: secret.deletedMs === undefined ? undefined : secret.deletedMs / 1000,
    VersionIdsToStages: secret.versions.size === 0 ? undefined : stagesOf(secret),
  };
}

/** Labelled versions only: a version without a label counts as deprecated and is not described. */
function stagesOf(secret: Secret): Record<string, string[]> {
  const labelled = [...secret.versions.values()].filter((one) => one.labels.size > 0);
  return Object.fromEntries(labelled.map((one) => [one.id, [...one.labels]]));
}

function secretId(input: Input, guard: Guard): string {
  const id = text(input, "SecretId");
  if (id === undefined) throw invalidParameter("You must provide a value for the SecretId parameter.");
  if (id === "" || id.length > 2048) throw notFound();
  guard(id);
  return id;
}

function contentOf(input: Input): Content | undefined {
  const plain = text(input, "SecretString");
  const binary = text(input, "SecretBinary");
  if (plain !== undefined && binary !== undefined) {
    throw invalidParameter(
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  }
  const size = plain === undefined ? Buffer.byteLength(binary ?? "", "base64") : Buffer.byteLength(plain, "utf8");
  if (size > 65_536) {
    throw new ServiceError(
      "ValidationException",
      "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536",
    );
  }
  if (plain !== undefined) return { text: plain };
  return binary === undefined ? undefined : { binary };
}

function tokenOf(input: Input): string {
  const token = text(input, "ClientRequestToken") ?? randomUUID();
  if (token.length < 32 || token.length > 64) {
    throw invalidParameter("ClientRequestToken must be 32-64 characters long.");
  }
  return token;
}

function versionIdOf(input: Input, field: string): string | undefined {
  const id = text(input, field);
  if (id !== undefined && (id.length < 32 || id.length > 64)) {
    throw invalidParameter(`${field} must be 32-64 characters long.`);
  }
  return id;
}

function checkLabel(label: string): void {
  if (label.length < 1 || label.length > 256) throw invalidParameter("A staging label must have 1 to 256 characters.");
}

function text(input: Input, field: string): string | undefined {
  const value = input[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  throw new ServiceError("SerializationException", `${field} must be a string`);
}

function texts(input: Input, field: string): string[] | undefined {
  const value = input[field];
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  throw new ServiceError("SerializationException", `${field} must be a list of strings`);
}
