import { randomBytes, randomUUID } from "node:crypto";
import { labelAsMoto, type Mood, moveLabel } from "./moods.ts";
import { exists, invalidParameter, invalidRequest, notFound, ServiceError } from "./service-error.ts";

const day = 24 * 60 * 60 * 1000;
const keptVersions = 100;
const labelsPerSecret = 20;
const suffixAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** What a version holds: text or bytes (as base64), never both. */
export interface Content {
  readonly text?: string;
  readonly binary?: string;
}

/** One version of a secret; labels move, everything else stays. */
export interface Version {
  readonly id: string;
  readonly content: Content;
  readonly createdMs: number;
  readonly labels: Set<string>;
  lastAccessedMs: number | undefined;
}

/** One secret with its versions, oldest first. */
export interface Secret {
  readonly name: string;
  readonly arn: string;
  readonly createdMs: number;
  readonly versions: Map<string, Version>;
  description: string | undefined;
  changedMs: number;
  /** When it goes for good; undefined while it is not marked for deletion. */
  deletedMs: number | undefined;
}

/** Settings of a store; times in milliseconds since 1970. */
export interface StoreOptions {
  /** Versions younger than 24 hours that a secret may have; one more is a LimitExceededException. Default 100. */
  readonly versionLimit?: number;
  /** Default `documented`. */
  readonly mood?: Mood;
  readonly region?: string;
  readonly account?: string;
  /** Default: this machine's clock. */
  readonly now?: () => number;
}

/**
 * Secrets, versions and labels as Secrets Manager keeps them. Every method is synchronous, so each call is atomic.
 *
 * Sources: the API reference's pages of PutSecretValue, UpdateSecretVersionStage, GetSecretValue and CreateSecret.
 */
export class SecretStore {
  readonly #secrets = new Map<string, Secret>();
  readonly #options: StoreOptions;
  /** How it answers where stores differ; change it at will. */
  mood: Mood;
  #skewMs = 0;

  constructor(options: StoreOptions = {}) {
    this.#options = options;
    this.mood = options.mood ?? "documented";
  }

  /** The store's time, with what {@link SecretStore.advance} added. */
  now(): number {
    return (this.#options.now?.() ?? Date.now()) + this.#skewMs;
  }

  /** Moves the store's clock forward, so that versions grow old. */
  advance(milliseconds: number): void {
    this.#skewMs += milliseconds;
  }

  /** All secrets, those marked for deletion included. */
  all(): Secret[] {
    this.#expire();
    return [...this.#secrets.values()];
  }

  /**
   * The secret by name, ARN, or ARN without its random suffix.
   *
   * @throws {ServiceError} ResourceNotFoundException; InvalidRequestException when it is marked for deletion
   */
  find(id: string, options: { deleted?: boolean } = {}): Secret {
    const secret = this.all().find((one) => one.name === id || one.arn === id || one.arn.slice(0, -7) === id);
    if (secret === undefined) throw notFound();
    if (secret.deletedMs !== undefined && options.deleted !== true) {
      throw invalidRequest("You can't perform this operation on the secret because it was marked for deletion.");
    }
    return secret;
  }

  /** Makes a secret; without content it has no version. The same token and content again changes nothing. */
  create(name: string, content: Content | undefined, token: string = randomUUID(), description?: string): Secret {
    if (!/^[A-Za-z0-9/_+=.@-]{1,512}$/.test(name)) {
      throw invalidParameter(
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
      );
    }
    const old = this.all().find((one) => one.name === name);
    if (old?.deletedMs !== undefined) {
      throw invalidRequest(
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
      );
    }
    if (old !== undefined) {
      const version = old.versions.get(token);
      if (version !== undefined && content !== undefined && sameContent(version.content, content)) return old;
      throw exists(`The operation failed because the secret ${name} already exists.`);
    }
    const secret = this.#fresh(name, description);
    this.#secrets.set(name, secret);
    if (content !== undefined) this.#add(secret, token, content, ["AWSCURRENT"]);
    return secret;
  }

  /**
   * Adds a version and moves the labels to it; the first version gets AWSCURRENT besides what was asked for.
   *
   * @returns the version, and whether it is new: the same token with the same content changes nothing
   * @throws {ServiceError} ResourceExistsException when the token stands for other content; LimitExceededException
   */
  put(id: string, content: Content, token: string, labels: readonly string[] = ["AWSCURRENT"]) {
    const secret = this.find(id);
    const old = secret.versions.get(token);
    if (old !== undefined) {
      if (sameContent(old.content, content)) return { secret, version: old, written: false };
      throw exists(
        `You can't use ClientRequestToken ${token} because that value is already in use for a version of secret ${secret.arn}.`,
      );
    }
    return { secret, version: this.#add(secret, token, content, labels), written: true };
  }

  /** The version that a reader asked for; AWSCURRENT when it names neither id nor label. */
  read(id: string, versionId?: string, label?: string): { secret: Secret; version: Version } {
    const secret = this.find(id);
    const wanted = versionId === undefined ? (label ?? "AWSCURRENT") : label;
    const version =
      versionId === undefined
        ? [...secret.versions.values()].find((one) => wanted !== undefined && one.labels.has(wanted))
        : secret.versions.get(versionId);
    if (version === undefined) {
      const place = versionId === undefined ? `staging label: ${wanted}` : `VersionId: ${versionId}`;
      throw notFound(`Secrets Manager can't find the specified secret value for ${place}`);
    }
    if (wanted !== undefined && !version.labels.has(wanted)) {
      throw invalidRequest("You provided a VersionStage that is not associated to the provided VersionId.");
    }
    version.lastAccessedMs = this.now();
    return { secret, version };
  }

  /**
   * Moves, adds or removes one label; by the documentation, one that sits elsewhere moves only if its holder is named.
   *
   * @throws {ServiceError} InvalidParameterException when RemoveFromVersionId is not the holder; ResourceNotFoundException
   */
  moveLabel(id: string, label: string, from: string | undefined, to: string | undefined): Secret {
    const secret = this.find(id);
    if (from === undefined && to === undefined) {
      throw invalidParameter("You must specify MoveToVersionId, RemoveFromVersionId or both.");
    }
    moveLabel(this.mood, secret, { label, from, to }, () => this.#attach(secret, to ?? "", [label]));
    secret.changedMs = this.now();
    return secret;
  }

  /** Marks a secret for deletion, or removes it at once when the window is 0 days. */
  delete(id: string, windowDays: number): Secret {
    const secret = this.find(id, { deleted: windowDays === 0 });
    secret.deletedMs = this.now() + windowDays * day;
    this.#expire();
    return secret;
  }

  /** Takes the mark off again. */
  restore(id: string): Secret {
    const secret = this.find(id, { deleted: true });
    secret.deletedMs = undefined;
    return secret;
  }

  #fresh(name: string, description: string | undefined): Secret {
    const region = this.#options.region ?? "eu-central-1";
    const account = this.#options.account ?? "123456789012";
    const suffix = [...randomBytes(6)].map((byte) => suffixAlphabet[byte % suffixAlphabet.length]).join("");
    const arn = `arn:aws:secretsmanager:${region}:${account}:secret:${name}-${suffix}`;
    const nowMs = this.now();
    return { name, arn, description, createdMs: nowMs, changedMs: nowMs, deletedMs: undefined, versions: new Map() };
  }

  #add(secret: Secret, id: string, content: Content, labels: readonly string[]): Version {
    const wanted = new Set(secret.versions.size === 0 ? [...labels, "AWSCURRENT"] : labels);
    const inUse = new Set([...secret.versions.values()].flatMap((one) => [...one.labels]));
    this.#prune(secret);
    const nowMs = this.now();
    const young = [...secret.versions.values()].filter((one) => nowMs - one.createdMs < day).length;
    if (
      young >= (this.#options.versionLimit ?? keptVersions) ||
      new Set([...inUse, ...wanted]).size > labelsPerSecret
    ) {
      throw new ServiceError(
        "LimitExceededException",
        "You've exceeded the maximum number of versions or staging labels for this secret.",
      );
    }
    const version = { id, content, createdMs: nowMs, labels: new Set<string>(), lastAccessedMs: undefined };
    secret.versions.set(id, version);
    if (this.mood === "moto") labelAsMoto(secret, id, [...wanted]);
    else this.#attach(secret, id, [...wanted]);
    secret.changedMs = nowMs;
    return version;
  }

  #attach(secret: Secret, id: string, labels: readonly string[]): void {
    for (const label of labels) {
      const before = [...secret.versions.values()].find((one) => one.labels.has(label));
      if (before?.id === id) continue;
      before?.labels.delete(label);
      secret.versions.get(id)?.labels.add(label);
      if (label === "AWSCURRENT" && before !== undefined) this.#attach(secret, before.id, ["AWSPREVIOUS"]);
    }
  }

  /** Unlabelled versions beyond the newest hundred go, but none younger than a day. */
  #prune(secret: Secret): void {
    const oldestFirst = [...secret.versions.values()];
    const surplus = oldestFirst.slice(0, Math.max(0, oldestFirst.length - keptVersions));
    for (const version of surplus) {
      if (version.labels.size === 0 && this.now() - version.createdMs >= day) secret.versions.delete(version.id);
    }
  }

  #expire(): void {
    for (const secret of this.#secrets.values()) {
      if (secret.deletedMs !== undefined && secret.deletedMs <= this.now()) this.#secrets.delete(secret.name);
    }
  }
}

function sameContent(one: Content, other: Content): boolean {
  return one.text === other.text && one.binary === other.binary;
}
