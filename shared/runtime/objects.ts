import { createHash, createHmac } from "node:crypto";
import { RekeyError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import type { AwsAccess } from "./config.ts";

/**
 * The objects of one bucket; its one owner.
 *
 * Signed by hand, not by the SDK's client: two calls of S3 are used, and that client would weigh more than the rest of
 * the bundle.
 */
export interface ObjectStore {
  /**
   * The text of an object, or undefined where there is none.
   *
   * @throws ConfigurationError when access is denied; InvalidInputError a key that no address can name
   */
  get(key: string): Promise<string | undefined>;
  /** Writes an object; the bucket encrypts it. @throws ConfigurationError when access is denied or there is no bucket */
  put(key: string, text: string): Promise<void>;
}

interface ObjectStoreOptions {
  readonly bucket: string;
  readonly access: AwsAccess;
  readonly clock: Clock;
}

const attempts = 5;
const longestCallMs = 30_000;

/** A store over S3 itself, or over the endpoint that `AWS_ENDPOINT_URL_S3` names. */
export function createObjectStore({ bucket, access, clock }: ObjectStoreOptions): ObjectStore {
  async function send(method: "GET" | "PUT", key: string, body: string): Promise<Answer> {
    const url = addressOf(bucket, key, access);
    let lastFault = "";
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      if (attempt > 1) await clock.sleep(100 * 2 ** attempt);
      const headers = signedHeaders({ method, url, body, headers: {} }, access, new Date(clock.now()));
      const signal = AbortSignal.timeout(longestCallMs);
      const content = method === "PUT" ? { body } : {};
      try {
        const response = await fetch(url, { method, headers, signal, ...content });
        const text = await response.text();
        if (response.status < 500 && response.status !== 429) return { status: response.status, text };
        lastFault = `status ${response.status}`;
      } catch (error) {
        lastFault = error instanceof Error ? error.name : "no answer";
      }
    }
    throw new Error(`The object store did not answer ${attempts} times: ${lastFault}`);
  }

  return {
    async get(key) {
      const answer = await send("GET", key, "");
      if (answer.status === 200) return answer.text;
      if (answer.status === 404 && codeOf(answer) !== "NoSuchBucket") return undefined;
      throw refusal(answer);
    },
    async put(key, text) {
      const answer = await send("PUT", key, text);
      if (answer.status !== 200) throw refusal(answer);
    },
  };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

function codeOf({ text }: Answer): string {
  return /<Code>([A-Za-z]+)<\/Code>/.exec(text)?.[1] ?? "";
}

function refusal(answer: Answer): RekeyError {
  const cause = new Error(`S3 answered ${answer.status} ${codeOf(answer)}`);
  return new RekeyError("ConfigurationError", "The bucket of fleet runs cannot be used", { cause });
}

function addressOf(bucket: string, key: string, { region, s3Endpoint }: AwsAccess): URL {
  const segments = key.split("/");
  // S3 takes them as they are; a URL with such a segment means another object, or another bucket.
  if (!key.isWellFormed() || segments.some((segment) => segment === "." || segment === "..")) {
    throw new RekeyError("InvalidInputError", 'A key must be text without "." or ".." between its slashes');
  }
  const path = segments.map(encoded).join("/");
  if (s3Endpoint !== "") return new URL(`${s3Endpoint.replace(/\/+$/, "")}/${bucket}/${path}`);
  const suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return new URL(`https://${bucket}.s3.${region}.${suffix}/${path}`);
}

/** Percent-encoding as AWS counts it: all but unreserved characters. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A request to S3 that is to be signed. */
export interface ObjectRequest {
  readonly method: string;
  /** Without a query; the path is already encoded. */
  readonly url: URL;
  readonly body: string;
  /** Further headers that are signed, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * All headers of a request, with its signature (AWS Signature Version 4, as S3 takes it: the path is encoded once).
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function signedHeaders(request: ObjectRequest, access: AwsAccess, now: Date): Record<string, string> {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const date = time.slice(0, 8);
  const bodyHash = sha256(request.body);
  const headers: Record<string, string> = {
    ...request.headers,
    host: request.url.host,
    "x-amz-content-sha256": bodyHash,
    "x-amz-date": time,
    ...(access.sessionToken === "" ? {} : { "x-amz-security-token": access.sessionToken }),
  };
  const names = Object.keys(headers).sort();
  const signed = names.join(";");
  const lines = names.map((name) => `${name}:${headers[name]?.trim()}\n`).join("");
  const canonical = [request.method, request.url.pathname, "", lines, signed, bodyHash].join("\n");
  const scope = `${date}/${access.region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
  const key = [date, access.region, "s3", "aws4_request"].reduce<string | Buffer>(
    (parent, part) => createHmac("sha256", parent).update(part).digest(),
    `AWS4${access.secretAccessKey}`,
  );
  const signature = createHmac("sha256", key).update(toSign).digest("hex");
  const { host: _, ...sent } = headers;
  const authorization = `AWS4-HMAC-SHA256 Credential=${access.accessKeyId}/${scope},SignedHeaders=${signed},Signature=${signature}`;
  return { ...sent, authorization };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
