import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(globalThis.crypto);

/** A certificate and its key, both as PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

/** What the simulator shows and asks for: a private CA, its server's identity, and one for the client. */
export interface Certificates {
  readonly ca: string;
  readonly server: Identity;
  readonly client: Identity;
}

/** Ways in which certificates can be wrong. */
export interface CertificateOptions {
  /** Name in the server's certificate. Default `iot.example.com`. */
  readonly serverName?: string;
  /** The server's certificate has ended. */
  readonly expired?: boolean;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const dayMs = 86_400_000;

/** A new private CA with a server and a client. */
export async function createCertificates(options: CertificateOptions = {}): Promise<Certificates> {
  const { serverName = "iot.example.com", expired = false } = options;
  const authority = await createAuthority();
  const [server, client] = await Promise.all([
    issue(
      authority,
      serverName,
      [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: serverName }])],
      expired,
    ),
    issue(authority, "rekey", []),
  ]);
  return { ca: authority.certificate.toString("pem"), server, client };
}

interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

async function createAuthority(): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: "CN=Platform simulator CA",
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + 30 * dayMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  return { certificate, keys };
}

async function issue(
  authority: Authority,
  name: string,
  extensions: x509.Extension[],
  expired = false,
): Promise<Identity> {
  const keys = await newKeys();
  const end = expired ? Date.now() - 60_000 : Date.now() + 29 * dayMs;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${name}`,
    issuer: authority.certificate.subject,
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(end),
    signingKey: authority.keys.privateKey,
    publicKey: keys.publicKey,
    signingAlgorithm: algorithm,
    extensions,
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { certificate: certificate.toString("pem"), key };
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

function serial(): string {
  return `00${Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString("hex")}`;
}
