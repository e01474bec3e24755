import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { listen } from "./secrets-endpoint/listener.ts";

/** A running bucket store. */
export interface LocalObjectStore {
  /** For `AWS_ENDPOINT_URL_S3`; buckets are the first part of the path. */
  readonly url: string;
  /** Contents by `bucket/key`. */
  readonly objects: Map<string, Buffer>;
  close(): Promise<void>;
}

const largestObject = 256 * 1024 * 1024;

/** The part of S3 that is used here, in memory: PUT, GET, HEAD, DELETE of objects and ListObjectsV2, path style. */
export async function startObjectStore(options: { readonly port?: number } = {}): Promise<LocalObjectStore> {
  const objects = new Map<string, Buffer>();
  const server = await listen((request, response) => {
    answer(request, response, objects).catch((error: unknown) => refuse(response, 500, "InternalError", String(error)));
  }, options.port);
  return { url: server.url, objects, close: server.down };
}

async function answer(request: IncomingMessage, response: ServerResponse, objects: Map<string, Buffer>): Promise<void> {
  if (!/^AWS4-HMAC-SHA256 ?Credential=/.test(request.headers.authorization ?? "")) {
    return refuse(response, 403, "AccessDenied", "Access Denied");
  }
  const url = new URL(request.url ?? "/", "http://localhost");
  const [bucket = "", ...rest] = url.pathname.slice(1).split("/").map(decodeURIComponent);
  const key = rest.join("/");
  if (key === "") return list(response, objects, bucket, url.searchParams.get("prefix") ?? "");
  const name = `${bucket}/${key}`;
  switch (request.method) {
    case "PUT": {
      const body = await bodyOf(request);
      const claimed = request.headers["x-amz-content-sha256"];
      const hash = createHash("sha256").update(body).digest("hex");
      if (typeof claimed === "string" && /^[0-9a-f]{64}$/.test(claimed) && claimed !== hash) {
        return refuse(response, 400, "XAmzContentSHA256Mismatch", "The provided hash does not match the content");
      }
      objects.set(name, body);
      response.writeHead(200, { etag: `"${createHash("md5").update(body).digest("hex")}"` }).end();
      return;
    }
    case "GET":
    case "HEAD": {
      const body = objects.get(name);
      if (body === undefined) return refuse(response, 404, "NoSuchKey", "The specified key does not exist.");
      response.writeHead(200, { "content-type": "application/octet-stream", "content-length": body.length });
      response.end(request.method === "HEAD" ? undefined : body);
      return;
    }
    case "DELETE":
      objects.delete(name);
      response.writeHead(204).end();
      return;
    default:
      refuse(response, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
  }
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

function list(response: ServerResponse, objects: Map<string, Buffer>, bucket: string, prefix: string): void {
  const keys = [...objects.keys()]
    .filter((name) => name.startsWith(`${bucket}/${prefix}`))
    .map((name) => name.slice(bucket.length + 1))
    .sort();
  const contents = keys.map((key) => `<Contents><Key>${escaped(key)}</Key></Contents>`).join("");
  response.writeHead(200, { "content-type": "application/xml" });
  response.end(`<ListBucketResult><KeyCount>${keys.length}</KeyCount>${contents}</ListBucketResult>`);
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(`<Error><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
