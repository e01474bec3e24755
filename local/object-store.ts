import { createHash, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { listen } from "./listener.ts";

/** A running bucket store. */
export interface LocalObjectStore {
  /** For `AWS_ENDPOINT_URL_S3`; buckets are the first part of the path. */
  readonly url: string;
  /** Contents by `bucket/key`. */
  readonly objects: Map<string, Buffer>;
  /** Requests by method, since the start. */
  readonly requests: Record<string, number>;
  /** Closes the port and cuts every connection; the objects stay. */
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

/** Settings of the store. */
export interface ObjectStoreOptions {
  /** Default 0: any free one. */
  readonly port?: number;
  /** How long each answer is held back. Default 0. */
  readonly latencyMs?: number;
}

const largestObject = 512 * 1024 * 1024;

interface Store {
  readonly objects: Map<string, Buffer>;
  /** Parts by number, of uploads that are not complete. */
  readonly uploads: Map<string, Map<number, Buffer>>;
}

/**
 * The part of S3 that is used here, in memory and in path style: PUT (also on condition and in parts), GET (also of a
 * range), HEAD, DELETE of objects, and ListObjectsV2.
 */
export async function startObjectStore({ port, latencyMs = 0 }: ObjectStoreOptions = {}): Promise<LocalObjectStore> {
  const store: Store = { objects: new Map(), uploads: new Map() };
  const requests: Record<string, number> = {};
  const server = await listen((request, response) => {
    const method = request.method ?? "";
    requests[method] = (requests[method] ?? 0) + 1;
    const held = latencyMs === 0 ? Promise.resolve() : delay(latencyMs);
    return Promise.all([bodyOf(request), held])
      .then(([body]) => answer(request, response, body, store))
      .catch((error: unknown) => refuse(response, 500, "InternalError", String(error)));
  }, port);
  return { url: server.url, objects: store.objects, requests, down: server.down, up: server.up, close: server.down };
}

function answer(request: IncomingMessage, response: ServerResponse, body: Buffer, store: Store) {
  if (!/^AWS4-HMAC-SHA256 ?Credential=/.test(request.headers.authorization ?? "")) {
    return refuse(response, 403, "AccessDenied", "Access Denied");
  }
  const url = new URL(request.url ?? "/", "http://localhost");
  const [bucket = "", ...rest] = url.pathname.slice(1).split("/").map(decodeURIComponent);
  const name = `${bucket}/${rest.join("/")}`;
  const uploadId = url.searchParams.get("uploadId");
  switch (request.method) {
    case "PUT": {
      const claimed = request.headers["x-amz-content-sha256"];
      if (typeof claimed === "string" && /^[0-9a-f]{64}$/.test(claimed) && claimed !== sha256(body)) {
        return refuse(response, 400, "XAmzContentSHA256Mismatch", "The provided hash does not match the content");
      }
      if (uploadId === null) return put(request, response, name, body, store);
      return putPart(response, uploadId, Number(url.searchParams.get("partNumber")), body, store);
    }
    case "POST":
      if (url.searchParams.has("uploads")) return beginUpload(response, name, store);
      return completeUpload(response, uploadId ?? "", name, body, store);
    case "GET":
    case "HEAD":
      if (rest.join("/") === "") return list(response, store.objects, bucket, url.searchParams);
      return get(request, response, store.objects.get(name));
    case "DELETE":
      if (uploadId === null) store.objects.delete(name);
      else store.uploads.delete(uploadId);
      response.writeHead(204).end();
      return;
    default:
      refuse(response, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
  }
}

function put(request: IncomingMessage, response: ServerResponse, name: string, body: Buffer, { objects }: Store) {
  const { "if-match": ifMatch, "if-none-match": ifNoneMatch } = request.headers;
  const before = objects.get(name);
  if (ifMatch !== undefined && before === undefined) {
    return refuse(response, 404, "NoSuchKey", "The specified key does not exist.");
  }
  const holds =
    (ifMatch === undefined || (before !== undefined && ifMatch === etagOf(before))) &&
    (ifNoneMatch === undefined || before === undefined);
  if (!holds) return refuse(response, 412, "PreconditionFailed", "At least one of the pre-conditions did not hold");
  objects.set(name, body);
  response.writeHead(200, { etag: etagOf(body) }).end();
}

function get(request: IncomingMessage, response: ServerResponse, body: Buffer | undefined) {
  if (body === undefined) return refuse(response, 404, "NoSuchKey", "The specified key does not exist.");
  const { "if-match": ifMatch, range } = request.headers;
  const etag = etagOf(body);
  if (ifMatch !== undefined && ifMatch !== etag) {
    return refuse(response, 412, "PreconditionFailed", "At least one of the pre-conditions did not hold");
  }
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  if (from !== undefined && Number(from) >= body.length) {
    return refuse(response, 416, "InvalidRange", "The requested range is not satisfiable");
  }
  const end = Math.min(body.length, Number(to ?? body.length - 1) + 1);
  const part = body.subarray(Number(from ?? 0), end);
  response.writeHead(from === undefined ? 200 : 206, {
    ...{ "content-type": "application/octet-stream", "content-length": part.length, etag },
    ...(from === undefined ? {} : { "content-range": `bytes ${from}-${end - 1}/${body.length}` }),
  });
  response.end(request.method === "HEAD" ? undefined : part);
}

function beginUpload(response: ServerResponse, name: string, { uploads }: Store) {
  const id = randomUUID();
  uploads.set(id, new Map());
  const [bucket = "", ...key] = name.split("/");
  const fields = `<Bucket>${escaped(bucket)}</Bucket><Key>${escaped(key.join("/"))}</Key><UploadId>${id}</UploadId>`;
  sendXml(response, `<InitiateMultipartUploadResult>${fields}</InitiateMultipartUploadResult>`);
}

function putPart(response: ServerResponse, id: string, number: number, body: Buffer, { uploads }: Store) {
  const parts = uploads.get(id);
  if (parts === undefined) return refuse(response, 404, "NoSuchUpload", "The specified upload does not exist.");
  parts.set(number, body);
  response.writeHead(200, { etag: etagOf(body) }).end();
}

const smallestPart = 5 * 1024 * 1024;

function completeUpload(response: ServerResponse, id: string, name: string, body: Buffer, store: Store) {
  const parts = store.uploads.get(id);
  if (parts === undefined) return refuse(response, 404, "NoSuchUpload", "The specified upload does not exist.");
  const named = [...body.toString("utf8").matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, text = ""]) => ({
    number: Number(/<PartNumber>(\d+)</.exec(text)?.[1]),
    etag: /<ETag>(.*?)</.exec(text)?.[1]?.replaceAll("&quot;", '"'),
  }));
  const contents = named.flatMap(({ number, etag }) => {
    const part = parts.get(number);
    return part === undefined || etagOf(part) !== etag ? [] : [part];
  });
  if (contents.length === 0 || contents.length < named.length) {
    return refuse(response, 400, "InvalidPart", "One or more of the specified parts could not be found.");
  }
  if (contents.slice(0, -1).some(({ length }) => length < smallestPart)) {
    return refuse(response, 400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size");
  }
  store.uploads.delete(id);
  store.objects.set(name, Buffer.concat(contents));
  sendXml(response, `<CompleteMultipartUploadResult><ETag>&quot;${id}&quot;</ETag></CompleteMultipartUploadResult>`);
}

const longestPage = 1_000;

function list(response: ServerResponse, objects: Map<string, Buffer>, bucket: string, query: URLSearchParams) {
  const prefix = query.get("prefix") ?? "";
  const delimiter = query.get("delimiter") ?? "";
  const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
  const names = [...objects.keys()]
    .filter((name) => name.startsWith(`${bucket}/${prefix}`))
    .map((name) => name.slice(bucket.length + 1))
    .map((key) => {
      const end = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
      return end === -1 ? key : key.slice(0, end + delimiter.length);
    });
  const left = [...new Set(names)].sort().filter((name) => name > after);
  const page = left.slice(0, Math.min(longestPage, Number(query.get("max-keys") ?? longestPage)));
  const isFolder = (name: string) => delimiter !== "" && name.endsWith(delimiter);
  const entries = page.map((name) =>
    isFolder(name)
      ? `<CommonPrefixes><Prefix>${escaped(name)}</Prefix></CommonPrefixes>`
      : `<Contents><Key>${escaped(name)}</Key><Size>${objects.get(`${bucket}/${name}`)?.length}</Size></Contents>`,
  );
  const more = page.length < left.length;
  const next = more ? `<NextContinuationToken>${escaped(page.at(-1) ?? "")}</NextContinuationToken>` : "";
  const head = `<KeyCount>${page.length}</KeyCount><IsTruncated>${more}</IsTruncated>${next}`;
  sendXml(response, `<ListBucketResult>${head}${entries.join("")}</ListBucketResult>`);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > largestObject) throw new Error("The object is too large for this stand-in");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

// Computed once for each content: S3 knows an object's ETag without reading it.
const etags = new WeakMap<Buffer, string>();

function etagOf(body: Buffer): string {
  const known = etags.get(body) ?? `"${createHash("md5").update(body).digest("hex")}"`;
  etags.set(body, known);
  return known;
}

function sha256(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex");
}

function sendXml(response: ServerResponse, body: string) {
  response.writeHead(200, { "content-type": "application/xml" }).end(body);
}

function refuse(response: ServerResponse, status: number, code: string, message: string) {
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(`<Error><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
