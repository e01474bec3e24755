import { memberOf, valueAt } from "../json.ts";

/** The HTTP status with which a call of AWS's SDK failed; 0 where nobody answered. */
export function statusOf(error: unknown): number {
  return Number(valueAt(error, ["$metadata", "httpStatusCode"]) ?? 0);
}

/** Whether a call of AWS's SDK was never made: no credentials, no region, or an address that is none. */
export function isUnasked(error: unknown): boolean {
  return (
    memberOf(error, "code") === "ERR_INVALID_URL" || /^CredentialsProviderError|^Error: Region /.test(String(error))
  );
}

/** Whether a call of AWS's SDK failed of a bug, ours or the SDK's, not of an answer that could not be read. */
export function isBug(error: unknown): error is Error {
  if (!(error instanceof Error) || isUnasked(error)) return false;
  return /^(Type|Range|Reference)Error$/.test(error.name) && statusOf(error) === 0;
}
