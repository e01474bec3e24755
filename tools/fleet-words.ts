/** Dollars in words. */
export function dollarsOf(dollars: number): string {
  return dollars < 0.01 ? "less than a cent" : `about ${dollars.toFixed(2)} dollars`;
}

/** What failed, without a stack, and what to do where that is known. */
export function wordsOf(error: unknown): string {
  const reason = reasonOf(error);
  const cause = causeOf(error);
  const codes = [cause, ...(cause instanceof AggregateError ? cause.errors : [])].map(codeOf);
  if (codes.includes("ECONNREFUSED")) {
    return `Nothing answers: run npm start in another terminal first, or name --bucket and --workflow (${reason})`;
  }
  if (/CredentialsProviderError|TokenProviderError/.test(reason)) {
    return `There are no credentials for AWS, or they have ended: sign in (aws sso login, or AWS_PROFILE) and try again (${reason})`;
  }
  if (/ExpiredToken|UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId/.test(reason)) {
    return `AWS does not take these credentials, or they have ended: sign in and try again (${reason})`;
  }
  return reason;
}

/** What failed, in its own words and those of its cause. */
export function reasonOf(error: unknown): string {
  const cause = causeOf(error);
  const text = cause instanceof Error ? `${cause.name}: ${cause.message || codeOf(cause)}` : String(cause);
  return error instanceof Error && cause !== error ? `${error.message}: ${text}` : text;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? (error.cause ?? error) : error;
}

/** The code of a system's error, such as ENOENT; empty where it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
