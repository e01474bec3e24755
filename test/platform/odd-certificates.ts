import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(globalThis.crypto);

const { subtle } = globalThis.crypto;
const dayMs = 86_400_000;
const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** RSA keys of so many bits, and signatures with this digest. */
export const rsa = (bits: number, hash = "SHA-256") => ({
  ...{ name: "RSASSA-PKCS1-v1_5", modulusLength: bits, publicExponent: new Uint8Array([1, 0, 1]), hash },
});

/** A certificate, and what it takes to sign others with it. */
export interface Signed {
  readonly certificate: string;
  readonly key: string;
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly algorithm: typeof ecdsa | ReturnType<typeof rsa>;
}

/** What is odd about a certificate; absent: nothing. */
export interface Oddity {
  readonly name?: string;
  /** Absent: it signs itself. */
  readonly issuer?: Signed;
  readonly algorithm?: Signed["algorithm"];
  readonly extensions?: readonly x509.Extension[];
  /** Days from now. */
  readonly from?: number;
  readonly to?: number;
}

/** Makes a certificate; without extensions it is neither an authority nor for any name. */
export async function sign(oddity: Oddity = {}): Promise<Signed> {
  const { name = "iot.example.com", issuer, algorithm = ecdsa, extensions = [], from = -1, to = 29 } = oddity;
  const keys = (await subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const signer = issuer ?? { name, keys, algorithm };
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `00${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`,
    subject: `CN=${name}`,
    issuer: `CN=${signer.name}`,
    notBefore: new Date(Date.now() + from * dayMs),
    notAfter: new Date(Date.now() + to * dayMs),
    signingKey: signer.keys.privateKey,
    publicKey: keys.publicKey,
    signingAlgorithm: signer.algorithm,
    extensions: [...extensions],
  });
  const key = x509.PemConverter.encode(await subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { certificate: `${certificate.toString("pem")}\n`, key, name, keys, algorithm };
}

/** The extension of an authority, which may have so many others below it. */
export const authority = (pathLength?: number) => new x509.BasicConstraintsExtension(true, pathLength, true);

/** A name of a server, or an IP address. */
export const named = (value: string, type: "dns" | "ip" = "dns") =>
  new x509.SubjectAlternativeNameExtension([{ type, value }]);

/** id-kp-clientAuth: for clients alone. */
export const forClients = new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.2"]);

/** Permits nothing but names below example.org (RFC 5280, 4.2.1.10). */
export const onlyExampleOrg = new x509.Extension(
  "2.5.29.30",
  true,
  new Uint8Array([0x30, 0x11, 0xa0, 0x0f, 0x30, 0x0d, 0x82, 0x0b, ...Buffer.from("example.org")]),
);

/** Critical, and of a kind that nobody knows. */
export const unknownExtension = new x509.Extension("1.2.3.4.5", true, new Uint8Array([5, 0]));
