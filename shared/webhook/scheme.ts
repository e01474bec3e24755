/** How a sender proves itself with an HMAC over the body; a preset is a saved set of these. */
export interface HmacScheme {
  readonly kind: "hmac";
  /** Header that carries the signature, or several. */
  readonly header: string;
  /** `sha1` only where a sender has nothing else: Intercom, Jira before 2024. */
  readonly algorithm: "sha256" | "sha512" | "sha1";
  readonly encoding: "hex" | "base64";
  /** What stands before each signature, such as `sha256=`; one without it is ignored. Blanks behind it do not count. */
  readonly prefix: string;
  /** What stands between several signatures, or between the time and the signature; null when the header is one signature. */
  readonly separator: string | null;
  /** How a secret becomes the key; `whsec` is the base64 decoding of what follows `whsec_` or `v1,whsec_`. */
  readonly key: KeyForm;
  /** What is signed, with the places `{id}`, `{timestamp}` and `{body}`; the rest of it literally. */
  readonly signed: string;
  /** Header of the delivery's id, where `signed` names `{id}`. */
  readonly idHeader: string | null;
  readonly timestamp: StatedTime | null;
  /** How far the stated time may be from ours, either way. */
  readonly windowSeconds: number;
  /**
   * What tells two events apart whose bodies are equal: the signed id, the signed time, or nothing (`body`). Where the
   * sender signs each of its tries anew, its time tells nothing.
   */
  readonly event: "id" | "time" | "body";
}

/** Where the sender states the time, which has to be signed; null when it states none. */
export interface StatedTime {
  /** A header, a part `<name>=` of the signature's own header, or a top-level key of the JSON body. */
  readonly in: "header" | "signature" | "field";
  readonly name: string;
  readonly unit: "s" | "ms" | "iso";
}

/** How a secret is written. */
export type KeyForm = "utf8" | "base64" | "hex" | "whsec";

/** A secret that is sent as it is: in a header, or as the password of HTTP Basic. */
export interface SharedSecretScheme {
  readonly kind: "shared-secret";
  readonly header: string;
  /** What stands before the secret in the header, such as `Bearer `; capitals or small letters. */
  readonly prefix: string;
  /** With a user name the header is `Authorization: Basic`, and the secret is the password. */
  readonly user: string | null;
}

/** How a sender proves that a delivery is its own. */
export type Scheme = HmacScheme | SharedSecretScheme;
