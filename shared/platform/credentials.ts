import { createSecretKey, type KeyObject } from "node:crypto";
import type { SecureContext } from "node:tls";
import * as z from "zod/mini";
import { RekeyError } from "../errors.ts";
import { jsonOf } from "../json.ts";
import { type Clock, type Deadline, isRecent } from "../runtime/clock.ts";
import type { Secrets } from "../runtime/secrets.ts";
import { readTlsMaterial } from "./certificates.ts";

/** What the application secret holds, checked and ready for use. */
export interface Credentials {
  /** Version of the secret; another version may hold another password or certificate. */
  readonly versionId: string;
  readonly baseUrl: URL;
  readonly appId: string;
  readonly secret: string;
  /** To be tried one after the other (see certificates.ts); none for plain HTTP, which only a loopback host may speak. */
  readonly secureContexts: readonly SecureContext[];
  /** The name to verify in the platform's certificate, when it is not the host of `baseUrl`. */
  readonly serverName: string | undefined;
  /** Header that carries the appId; `app_key` unless the secret says otherwise. */
  readonly appKeyHeader: string;
  /** Key that verification codes are derived with; undefined where the secret has none. */
  readonly codeKey: KeyObject | undefined;
}

/** The application's credentials, read once and kept. */
export interface CredentialStore {
  /**
   * @param maxAgeMs reads again what was read longer ago than this; absent: whatever was read serves
   * @throws ConfigurationError missing, unreadable or malformed; SecretsUnavailableError no answer in time
   */
  get(deadline: Deadline, maxAgeMs?: number): Promise<Credentials>;
}

const optionalText = z.optional(z.nullable(z.string().check(z.minLength(1))));

const applicationSecret = z.object({
  baseUrl: z.string().check(z.refine(isBaseUrl)),
  appId: z.string().check(z.minLength(1), z.maxLength(256), z.regex(/^[\x21-\x7e]+$/)),
  secret: z.string().check(z.minLength(1), z.maxLength(256)),
  ca: optionalText,
  clientCertificate: optionalText,
  clientKey: optionalText,
  serverName: optionalText,
  appKeyHeader: z.optional(z.nullable(z.string().check(z.regex(/^[\w-]{1,64}$/)))),
  codeKey: z.optional(z.nullable(z.string().check(z.refine((text) => Buffer.from(text, "base64").length >= 32)))),
});

/** A store over the application secret `secretId`. */
export function createCredentialStore(secrets: Secrets, secretId: string, clock: Clock): CredentialStore {
  let kept: { readonly credentials: Credentials; readonly readAtMs: number } | undefined;
  let reading: Promise<Credentials> | undefined;

  async function read(deadline: Deadline): Promise<Credentials> {
    const readAtMs = clock.now();
    const version = await secrets.read(secretId, deadline);
    if (version === undefined) throw malformed("is missing or has no value");
    const credentials =
      kept?.credentials.versionId === version.versionId
        ? kept.credentials
        : parseCredentials(version.text, version.versionId);
    kept = { credentials, readAtMs };
    return credentials;
  }

  return {
    get(deadline, maxAgeMs = Number.POSITIVE_INFINITY) {
      if (kept !== undefined && isRecent(kept.readAtMs, maxAgeMs, clock)) return Promise.resolve(kept.credentials);
      reading ??= read(deadline).finally(() => {
        reading = undefined;
      });
      return reading;
    },
  };
}

/**
 * Reads the text of an application secret.
 *
 * @throws ConfigurationError naming the fields that are wrong, never their content
 */
export function parseCredentials(text: string, versionId: string): Credentials {
  const parsed = applicationSecret.safeParse(jsonOf(text));
  if (!parsed.success) {
    const fields = [...new Set(parsed.error.issues.map((issue) => issue.path.join(".")))].filter((path) => path !== "");
    throw malformed(fields.length === 0 ? "is not a JSON object" : `is malformed: ${fields.join(", ")}`);
  }
  const { baseUrl, appId, secret, serverName, appKeyHeader, codeKey } = parsed.data;
  const url = new URL(baseUrl);
  return {
    versionId,
    baseUrl: url,
    appId,
    secret,
    secureContexts: url.protocol === "https:" ? secureContextsOf(parsed.data) : [],
    serverName: serverName ?? undefined,
    appKeyHeader: appKeyHeader ?? "app_key",
    codeKey: codeKey == null ? undefined : createSecretKey(Buffer.from(codeKey, "base64")),
  };
}

function secureContextsOf(material: z.infer<typeof applicationSecret>): readonly SecureContext[] {
  try {
    return readTlsMaterial(material);
  } catch (error) {
    throw malformed(`is malformed: ${error instanceof TypeError ? error.message : "its certificates cannot be read"}`);
  }
}

function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function malformed(what: string): RekeyError {
  return new RekeyError("ConfigurationError", `The application secret ${what}`);
}
