import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { nameOf, RekeyError } from "../errors.ts";
import { isBug, isUnasked, statusOf } from "./call-failure.ts";

/** An object's text, and what tells it from what stands there later. */
export interface TaggedText {
  readonly text: string;
  /** For {@link ObjectStore.replace}. */
  readonly etag: string;
}

/** Takes an object's text piece by piece; no more than two parts of it are in memory. */
export interface ObjectWriter {
  write(text: string): Promise<void>;
  /** The object stands there from now on; before, nothing does. */
  end(): Promise<void>;
}

/**
 * The objects of one bucket; the one owner of S3.
 *
 * Every call may throw: StoreUnavailableError when S3 does not answer within 30 s and four tries or wants fewer
 * requests; ConfigurationError when access is denied or there is no bucket; InvalidInputError for a key that no address
 * can name.
 */
export interface ObjectStore {
  /** The text of an object, or undefined where there is none. */
  get(key: string): Promise<string | undefined>;
  getTagged(key: string): Promise<TaggedText | undefined>;
  put(key: string, text: string): Promise<void>;
  /**
   * Writes an object only if what stands there has this etag, or, with null, if nothing does.
   *
   * @returns whether it was written
   */
  replace(key: string, text: string, etag: string | null): Promise<boolean>;
  /** The bytes of an object, a megabyte at a time; undefined where there is none. */
  read(key: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  writer(key: string): ObjectWriter;
  /** What stands between a prefix and the next slash, in the alphabet's order. */
  folders(prefix: string): Promise<readonly string[]>;
}

const longestCallMs = 30_000;
const rangeBytes = 1024 * 1024;
/** S3 takes no smaller part than 5 MB but for the last. */
const partBytes = 8 * 1024 * 1024;

/** S3's client with a limit on every wait. @param endpoint another address in place of AWS's; empty: AWS's own */
export function createS3Client(endpoint: string, config: S3ClientConfig = {}): S3Client {
  return new S3Client({
    maxAttempts: 4,
    // A bucket's name is no part of a host name that only this machine or network knows.
    ...(endpoint === "" ? {} : { endpoint, forcePathStyle: true }),
    // Without the last, the client only complains about time that has run out.
    requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
    ...config,
  });
}

/** The objects of a bucket. */
export function createObjectStore(bucket: string, client: S3Client): ObjectStore {
  const at = (key: string) => ({ Bucket: bucket, Key: checked(key) });
  const put = async (key: string, text: string, condition: { IfMatch?: string; IfNoneMatch?: string } = {}) => {
    await client.send(new PutObjectCommand({ ...at(key), Body: Buffer.from(text), ...condition }), within());
  };
  const getTagged = async (key: string) => {
    const reply = await found(client.send(new GetObjectCommand(at(key)), within()));
    return reply && { text: (await reply.Body?.transformToString("utf8")) ?? "", etag: reply.ETag ?? "" };
  };
  return {
    get: (key) => guarded(async () => (await getTagged(key))?.text),
    getTagged: (key) => guarded(() => getTagged(key)),
    put: (key, text) => guarded(() => put(key, text)),
    replace: (key, text, etag) =>
      guarded(async () => {
        try {
          await put(key, text, etag === null ? { IfNoneMatch: "*" } : { IfMatch: etag });
          return true;
        } catch (error) {
          // 409: somebody else's conditional write is under way. 404: what was to be replaced is gone.
          if ([404, 409, 412].includes(statusOf(error)) && nameOf(error) !== "NoSuchBucket") return false;
          throw error;
        }
      }),
    read: (key) => guarded(() => readRanges(client, at(key))),
    writer: (key) => new PartWriter(client, at(key), (text) => put(key, text)),
    folders: (prefix) => guarded(() => listFolders(client, bucket, prefix)),
  };
}

type Address = { readonly Bucket: string; readonly Key: string };

async function readRanges(client: S3Client, address: Address): Promise<AsyncIterable<Uint8Array> | undefined> {
  const range = (from: number, etag?: string) => {
    const Range = `bytes=${from}-${from + rangeBytes - 1}`;
    const condition = etag === undefined ? {} : { IfMatch: etag };
    return client.send(new GetObjectCommand({ ...address, Range, ...condition }), within());
  };
  let first: GetObjectCommandOutput | undefined;
  try {
    first = await found(range(0));
  } catch (error) {
    // There is no first byte of an empty object.
    if (nameOf(error) === "InvalidRange") return nothing();
    throw error;
  }
  return first && rest(first, range);
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // Of no bytes.
}

async function* rest(
  first: GetObjectCommandOutput,
  range: (from: number, etag?: string) => Promise<GetObjectCommandOutput>,
): AsyncGenerator<Uint8Array> {
  const total = Number(/\/(\d+)$/.exec(first.ContentRange ?? "")?.[1] ?? first.ContentLength ?? 0);
  const bytesOf = async (reply: Promise<GetObjectCommandOutput> | GetObjectCommandOutput) =>
    (await (await reply).Body?.transformToByteArray()) ?? new Uint8Array();
  let next: Promise<Uint8Array> | undefined = bytesOf(first);
  for (let from = 0; next !== undefined; ) {
    const bytes = await guarded(() => next);
    if (bytes === undefined) return;
    from += bytes.length;
    next = from < total && bytes.length > 0 ? bytesOf(range(from, first.ETag)) : undefined;
    // Its failure is told when it is its turn.
    next?.catch(() => undefined);
    yield bytes;
  }
}

class PartWriter implements ObjectWriter {
  readonly #client: S3Client;
  readonly #address: Address;
  readonly #putWhole: (text: string) => Promise<void>;
  #texts: string[] = [];
  #bytes = 0;
  #uploadId: string | undefined;
  #parts: CompletedPart[] = [];
  #sending: Promise<void> = Promise.resolve();

  constructor(client: S3Client, address: Address, putWhole: (text: string) => Promise<void>) {
    this.#client = client;
    this.#address = address;
    this.#putWhole = putWhole;
  }

  async write(text: string): Promise<void> {
    this.#texts.push(text);
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes >= partBytes) await this.#part();
  }

  async end(): Promise<void> {
    if (this.#uploadId === undefined) return guarded(() => this.#putWhole(this.#texts.join("")));
    if (this.#bytes > 0) await this.#part();
    await this.#orAbort(async () => {
      await this.#sending;
      const upload = { ...this.#address, UploadId: this.#uploadId, MultipartUpload: { Parts: this.#parts } };
      await this.#client.send(new CompleteMultipartUploadCommand(upload), within());
    });
  }

  /** Sends what is there as the next part, while the caller goes on. */
  async #part(): Promise<void> {
    const Body = Buffer.from(this.#texts.join(""));
    this.#texts = [];
    this.#bytes = 0;
    await this.#orAbort(async () => {
      await this.#sending;
      this.#uploadId ??= (await this.#client.send(new CreateMultipartUploadCommand(this.#address), within())).UploadId;
    });
    const PartNumber = this.#parts.length + 1;
    const part: CompletedPart = { PartNumber };
    this.#parts.push(part);
    const command = new UploadPartCommand({ ...this.#address, UploadId: this.#uploadId, PartNumber, Body });
    this.#sending = this.#client.send(command, within()).then(({ ETag, ChecksumCRC32 }) => {
      Object.assign(part, { ETag, ChecksumCRC32 });
    });
    this.#sending.catch(() => undefined);
  }

  /** Parts that nobody completes would be paid for until the bucket forgets them. */
  async #orAbort(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const upload = { ...this.#address, UploadId: this.#uploadId };
      if (this.#uploadId !== undefined) {
        await this.#client.send(new AbortMultipartUploadCommand(upload), within()).catch(() => undefined);
      }
      throw asRekeyError(error);
    }
  }
}

async function listFolders(client: S3Client, bucket: string, prefix: string): Promise<readonly string[]> {
  const folders: string[] = [];
  let token: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, Delimiter: "/", ContinuationToken: token }),
      within(),
    );
    for (const { Prefix = "" } of page.CommonPrefixes ?? []) folders.push(Prefix.slice(prefix.length, -1));
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return folders;
}

/** The key as it is. @throws InvalidInputError where an address with it in would mean another object */
function checked(key: string): string {
  if (key.isWellFormed() && !key.split("/").some((segment) => segment === "." || segment === "..")) return key;
  throw new RekeyError("InvalidInputError", 'A key must be text without "." or ".." between its slashes');
}

function within() {
  return { abortSignal: AbortSignal.timeout(longestCallMs) };
}

async function found<Reply>(sent: Promise<Reply>): Promise<Reply | undefined> {
  try {
    return await sent;
  } catch (error) {
    if (nameOf(error) === "NoSuchKey") return undefined;
    throw error;
  }
}

async function guarded<Result>(work: () => Promise<Result> | Result): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw asRekeyError(error);
  }
}

/** 4xx that pass by themselves. */
const passing = new Set(["RequestTimeout", "SlowDown", "TooManyRequests", "OperationAborted", "PreconditionFailed"]);

function asRekeyError(cause: unknown): Error {
  if (cause instanceof RekeyError || isBug(cause)) return cause;
  const status = statusOf(cause);
  const refused = status >= 300 && status < 500 && status !== 408 && status !== 429 && !passing.has(nameOf(cause));
  if (refused || isUnasked(cause)) {
    return new RekeyError("ConfigurationError", "The bucket of fleet runs cannot be used", { cause });
  }
  return new RekeyError("StoreUnavailableError", "The bucket of fleet runs does not answer", {
    retryAfterSeconds: 15,
    cause,
  });
}
