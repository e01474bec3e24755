import { RekeyError } from "../errors.ts";
import { memberOf } from "../json.ts";

/**
 * How far a request is on its way. What a failure leaves open depends on this alone: `connecting`, nothing of the
 * request can have left; `asked`, the platform may have read it; `answering`, the first byte of an answer is here;
 * `reading`, its head is.
 */
export type Phase = "connecting" | "asked" | "answering" | "reading";

// What OpenSSL and Node say, in the operator's words; the first row that fits. Codes and messages are searched alike.
const words: readonly (readonly [RegExp, string])[] = [
  [/CERT_HAS_EXPIRED/, "a certificate of the platform has expired"],
  [/CERT_NOT_YET_VALID/, "a certificate of the platform is not valid yet"],
  [/ALTNAME/, "the platform's certificate is for another name; serverName says which name to expect"],
  [/DEPTH_ZERO_SELF_SIGNED_CERT/, "the platform's certificate vouches for itself and is not in ca"],
  [/IN_CHAIN|UNABLE_TO_/, "the platform's authority is not in ca, or the platform sends no intermediate certificate"],
  [/CERT_SIGNATURE_FAILURE/, "ca holds another authority of the same name"],
  [/INVALID_PURPOSE|INVALID_CA/, "a certificate of the platform serves another purpose"],
  [/PATH_LENGTH|CHAIN_TOO_LONG/, "the platform's chain of certificates is longer than its authority allows"],
  [/key too (weak|small)/, "a key in the platform's certificates is too short"],
  [/digest algorithm too weak|md too weak/, "a certificate of the platform is signed with an outdated digest"],
  [/subtree violation/, "the platform's authority may not vouch for this name"],
  [/critical extension/, "a certificate of the platform has a critical extension that OpenSSL does not know"],
  [/alert number 116/, "the platform demands a client certificate"],
  [/alert number (4[1-9]|51)\b/, "the platform refuses the client certificate"],
  [/alert number 40\b/, "the platform broke off the handshake; it may demand a client certificate or another cipher"],
  [/alert number 70\b|unsupported protocol/, "the platform speaks neither TLS 1.2 nor 1.3"],
  [/alert number 112\b/, "the platform does not know the name that serverName or baseUrl gives"],
  [/renegotiation/, "the platform demands a renegotiation that is refused"],
  [/wrong version number|packet length|http request|record overflow/, "what answers at baseUrl speaks no TLS"],
];

// By these a platform refuses our certificate after the handshake: always under TLS 1.3, after a renegotiation under 1.2.
// Of other alerts, an internal error for one, nobody knows what was done before.
const refusedAfterwards = /alert number (4\d|51|71|100|116)\b|renegotiation/;

/**
 * The error for a request that the platform cannot have acted on, or undefined where it may have.
 *
 * What fails before the connection stands is the network's fault or, within the handshake, one that only an operator
 * can mend: a certificate, a name, a protocol; OpenSSL's words go into the log as the cause.
 */
export function connectionFault(cause: unknown, phase: Phase): RekeyError | undefined {
  const said = `${codeOf(cause)} ${cause instanceof Error ? cause.message : ""}`;
  const misconfigured = phase === "connecting" ? !isNetworkFault(cause) : refusedAfterwards.test(said);
  if (misconfigured && (phase === "connecting" || phase === "asked")) {
    const why = words.find(([pattern]) => pattern.test(said))?.[1] ?? "the TLS handshake failed";
    return new RekeyError("ConfigurationError", `The connection to the platform is not trusted: ${why}`, { cause });
  }
  return phase === "connecting" ? unreachable(cause) : undefined;
}

/** The error for a connection that does not come about, and would without anybody's doing. */
export function unreachable(cause: unknown): RekeyError {
  return new RekeyError("PlatformUnavailableError", "The platform cannot be reached", { retryAfterSeconds: 10, cause });
}

/** The operating system's and the resolver's codes, and no code at all: a time-out of ours. */
function isNetworkFault(cause: unknown): boolean {
  return /^(?!EPROTO$|ERR_)(E[A-Z0-9_]+)?$/.test(codeOf(cause));
}

/** Whether another authority, of the same name, could have verified the certificate. */
export function isNamesake(error: RekeyError): boolean {
  return /^(CERT_SIGNATURE_FAILURE|UNABLE_TO_)/.test(codeOf(error.cause));
}

function codeOf(cause: unknown): string {
  return String(memberOf(cause, "code") ?? "");
}
