import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import { memberOf } from "../json.ts";

/** What the application secret says about TLS; each member PEM. */
export interface TlsMaterial {
  /** One certificate or several, one after the other; absent: the authorities that Node trusts. */
  readonly ca?: string | null | undefined;
  /** The client's certificate first, then what leads to its authority. */
  readonly clientCertificate?: string | null | undefined;
  readonly clientKey?: string | null | undefined;
}

// Contexts beyond the first; more authorities of one name at a time than an operator who changes one has.
const maxAlternatives = 8;

/**
 * Reads the certificates and the key.
 *
 * OpenSSL finds an authority by its name; of two with one name and no key identifiers, such as the old and the new one
 * while an operator changes the platform's CA, it tries the first alone. So there is more than one context where
 * authorities share a name: all of them, and then each choice of one a name.
 *
 * @returns the contexts in the order in which they are to be tried
 * @throws TypeError what is wrong with which field, never its content: OpenSSL's own message can quote it
 */
export function readTlsMaterial({ ca, clientCertificate, clientKey }: TlsMaterial): readonly SecureContext[] {
  if ((clientCertificate == null) !== (clientKey == null)) {
    throw new TypeError("clientCertificate and clientKey belong together");
  }
  const identity =
    clientCertificate == null || clientKey == null ? {} : readIdentity(tidy(clientCertificate), tidy(clientKey));
  if (ca == null) return [contextOf(identity)];
  const authorities = readCertificates("ca", tidy(ca));
  return [authorities, ...choicesByName(authorities)].map((some) => contextOf({ ...identity, ca: some.map(String) }));
}

/** PEM as it comes out of YAML, or out of JSON in JSON. */
function tidy(pem: string): string {
  return pem.replaceAll("\\n", "\n").replace(/^[ \t]+|[ \t]+$/gm, "");
}

/** Every certificate of a text; OpenSSL would stop at the first that it cannot read, and trust what came before. */
function readCertificates(field: "ca" | "clientCertificate", pem: string): X509Certificate[] {
  const parts = pem.split(/(?=^-----BEGIN )/m).filter((part) => part.startsWith("-----BEGIN "));
  if (parts.length === 0) throw new TypeError(`${field} holds no certificate in PEM`);
  return parts.map((part, index) => {
    try {
      return new X509Certificate(part);
    } catch {
      throw new TypeError(`certificate ${index + 1} of the ${parts.length} in ${field} cannot be read`);
    }
  });
}

function readIdentity(certificate: string, key: string): SecureContextOptions {
  const [own] = readCertificates("clientCertificate", certificate);
  if (/ENCRYPTED/.test(key)) throw new TypeError("clientKey is encrypted; it has to stand here without a passphrase");
  let privateKey: ReturnType<typeof createPrivateKey>;
  try {
    privateKey = createPrivateKey(key);
  } catch {
    throw new TypeError("clientKey is no private key in PEM");
  }
  if (own?.checkPrivateKey(privateKey) !== true) {
    throw new TypeError("clientKey does not belong to the first certificate of clientCertificate");
  }
  return { cert: certificate, key };
}

function contextOf(options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    if (/KEY_TOO_SMALL/.test(String(memberOf(error, "code")))) {
      throw new TypeError("clientKey is too short: RSA needs 2048 bits");
    }
    throw new TypeError("clientCertificate or clientKey cannot be used");
  }
}

/** Each choice of one authority a name, where a name has several. */
function choicesByName(authorities: readonly X509Certificate[]): X509Certificate[][] {
  const distinct = new Map(authorities.map((one) => [one.fingerprint256, one])).values();
  const byName = Object.values(Object.groupBy(distinct, ({ subject }) => subject)).map((same = []) => same);
  if (byName.every((same) => same.length === 1)) return [];
  return byName.reduce<X509Certificate[][]>(
    (choices, same) => choices.flatMap((some) => same.map((one) => [...some, one])).slice(0, maxAlternatives),
    [[]],
  );
}
