import { createSecretKey, type KeyObject } from "node:crypto";
import type { SecureContext } from "node:tls";
import * as z from "zod/mini";
import { isBaseUrl } from "../base-url.ts";
import { type Fault, RekeyError } from "../errors.ts";
import { jsonOf } from "../json.ts";
import { type Clock, type Deadline, isRecent } from "../runtime/clock.ts";
import type { Secrets, SecretVersion } from "../runtime/secrets.ts";
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
   * @param maxAgeMs reads again what was read longer ago than this; absent: than five minutes, and if that fails what
   *   was read before serves on
   * @throws ConfigurationError missing, unreadable or malformed; SecretsUnavailableError no answer in time
   */
  get(deadline: Deadline, maxAgeMs?: number): Promise<Credentials>;
}

/** A store that may be told what will be read. */
export interface CredentialStoreAhead extends CredentialStore {
  /** The credentials of a version that is about to be read; undefined where its reader will get an error. */
  prepare(version: SecretVersion): Credentials | undefined;
}

const optionalText = z.optional(z.nullable(z.string().check(z.minLength(1))));

const applicationSecret = z.strictObject({
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

// How long a changed secret may go unnoticed where nothing fails because of it.
const usualAgeMs = 300_000;

/** A store over the application secret `secretId`. */
export function createCredentialStore(secrets: Secrets, secretId: string, clock: Clock): CredentialStoreAhead {
  let kept: { readonly credentials: Credentials; readonly readAtMs: number } | undefined;
  let prepared: Credentials | undefined;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<Credentials> | undefined;

  async function read(deadline: Deadline): Promise<Credentials> {
    const readAtMs = clock.now();
    triedAtMs = readAtMs;
    const version = await secrets.read(secretId, deadline);
    if (version === undefined) throw malformed("is missing or has no value");
    const known = [kept?.credentials, prepared].find((one) => one?.versionId === version.versionId);
    const credentials = known ?? parseCredentials(version.text, version.versionId);
    prepared = undefined;
    kept = { credentials, readAtMs };
    return credentials;
  }

  return {
    prepare({ text, versionId }) {
      try {
        prepared = parseCredentials(text, versionId);
      } catch {
        prepared = undefined;
      }
      return prepared;
    },
    get(deadline, maxAgeMs) {
      const current = kept;
      const isRecentEnough =
        maxAgeMs === undefined
          ? isRecent(triedAtMs, usualAgeMs, clock)
          : current !== undefined && isRecent(current.readAtMs, maxAgeMs, clock);
      if (current !== undefined && isRecentEnough) return Promise.resolve(current.credentials);
      reading ??= read(deadline).finally(() => {
        reading = undefined;
      });
      if (current === undefined || maxAgeMs !== undefined) return reading;
      // What worked so far goes on while nobody says that it must be new.
      return reading.catch(() => current.credentials);
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
    const faults = parsed.error.issues.flatMap(faultsOf);
    const told = [...new Set(faults.map(({ path, message }) => `${path}${message}`))].join(", ");
    throw malformed(told === "" ? "is not a JSON object" : `is malformed: ${told}`, faults);
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
    const what = error instanceof TypeError ? error.message : "its certificates cannot be read";
    const fields = what.match(/\b(ca|clientCertificate|clientKey)\b/g) ?? [];
    throw malformed(
      `is malformed: ${what}`,
      [...new Set(fields)].map((path) => ({ path, message: what })),
    );
  }
}

/** A field that is not there to be read is named, for it is mostly one that is misspelt; never what it holds. */
function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: /^[\w.-]{1,40}$/.test(key) ? key : "a field", message: " is unknown" }));
  }
  const path = issue.path.join(".");
  return path === "" ? [] : [{ path, message: "" }];
}

function malformed(what: string, faults: readonly Fault[] = []): RekeyError {
  return new RekeyError("ConfigurationError", `The application secret ${what}`, faults.length === 0 ? {} : { faults });
}
