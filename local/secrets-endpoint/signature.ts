import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { ServiceError } from "./service-error.ts";

/** Secret access keys by access key id; undefined means: any key id, and only the header's form is checked. */
export type Credentials = Readonly<Record<string, string>>;

/** A request as it came in, for the check of its signature. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const form =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/([^/,]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;

/**
 * Who signed the request with AWS Signature Version 4, for one service.
 *
 * @returns the access key id
 * @throws {ServiceError} MissingAuthenticationTokenException, IncompleteSignatureException, UnrecognizedClientException,
 *   InvalidSignatureException
 */
export function signerOf(request: SignedRequest, service: string, credentials: Credentials | undefined): string {
  const header = request.headers.authorization;
  if (header === undefined) {
    throw new ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token");
  }
  const [, keyId, date, region, named, signedHeaders, signature] = form.exec(header) ?? [];
  const time = single(request.headers["x-amz-date"]);
  if (keyId === undefined || !date || !region || !signedHeaders || !signature || !/^\d{8}T\d{6}Z$/.test(time)) {
    throw new ServiceError(
      "IncompleteSignatureException",
      "Authorization header requires 'Credential', 'SignedHeaders', 'Signature' and an 'X-Amz-Date' header.",
    );
  }
  if (named !== service || !time.startsWith(date) || !signedHeaders.split(";").includes("host")) {
    throw invalidSignature(`Credential should be scoped to correct service: '${service}'.`);
  }
  if (credentials === undefined) return keyId;
  const key = Object.hasOwn(credentials, keyId) ? credentials[keyId] : undefined;
  if (key === undefined) {
    throw new ServiceError("UnrecognizedClientException", "The security token included in the request is invalid.");
  }
  const scope = `${date}/${region}/${service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", time, scope, sha256(canonicalRequest(request, signedHeaders))].join("\n");
  const signingKey = [date, region, service, "aws4_request"].reduce<string | Buffer>(
    (parent, part) => createHmac("sha256", parent).update(part).digest(),
    `AWS4${key}`,
  );
  const expected = createHmac("sha256", signingKey).update(toSign).digest();
  if (!timingSafeEqual(expected, Buffer.from(signature, "hex"))) {
    throw invalidSignature(
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    );
  }
  return keyId;
}

function canonicalRequest(request: SignedRequest, signedHeaders: string): string {
  const [path = "/", query = ""] = request.target.split("?", 2);
  const headers = signedHeaders
    .split(";")
    .map((name) => `${name}:${single(request.headers[name]).trim().replace(/ +/g, " ")}\n`)
    .join("");
  // The path as it was sent is encoded once more: every service but S3 signs it so.
  const encodedPath = path
    .split("/")
    .map((part) =>
      encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
    )
    .join("/");
  const sortedQuery = query.split("&").sort().join("&");
  return [request.method, encodedPath, sortedQuery, headers, signedHeaders, sha256(request.body)].join("\n");
}

function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

function single(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(",") : (value ?? "");
}

function invalidSignature(message: string): ServiceError {
  return new ServiceError("InvalidSignatureException", message);
}
