/** What came of one thing that was tried. */
export interface Line {
  readonly state: "ok" | "red" | "not tried";
  /** What was tried, in a few words. */
  readonly what: string;
  /** What was seen; where it is red, what to do. */
  readonly told: string;
}

/** It is as it should be. */
export function ok(what: string, told = ""): Line {
  return { state: "ok", what, told };
}

/** It is not, or cannot be seen. @param told what was seen, and what to do */
export function red(what: string, told: string): Line {
  return { state: "red", what, told };
}

/** It could not be tried here, which says nothing against it. @param told why */
export function notTried(what: string, told: string): Line {
  return { state: "not tried", what, told };
}

/** Lines as they are shown: aligned, what is told beneath where it has lines of its own. */
export function shown({ state, what, told }: Line): string {
  const head = `${state.padEnd(10)} ${what}`;
  return told === "" ? head : `${head}: ${told.replaceAll("\n", `\n${" ".repeat(11)}`)}`;
}

/**
 * Does something; what it throws becomes a red line with what helps against it.
 *
 * @param what for that line
 */
export async function tried(what: string, work: () => Promise<readonly Line[]>): Promise<readonly Line[]> {
  try {
    return await work();
  } catch (error) {
    return [isUnknownService(error) ? notTried(what, noSuchService) : red(what, reasonOf(error))];
  }
}

/** Why a part of AWS that a stand-in does not have is not tried. */
export const noSuchService = "no such service at this endpoint";

/** What an error says, and what helps where that is known. */
export function reasonOf(error: unknown): string {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const [, help] = helps.find(([pattern]) => pattern.test(`${name} ${message} ${codeOf(error)}`)) ?? [];
  const said = [name === "Error" ? "" : name, message === "" ? codeOf(error) : message].filter((text) => text !== "");
  return help === undefined ? said.join(": ") : `${said.join(": ")}\n${help}`;
}

const helps: readonly (readonly [RegExp, string])[] = [
  [/CredentialsProviderError|Could not load credentials/, "Sign in as for any AWS tool; nothing was sent."],
  [
    /ExpiredToken|UnrecognizedClient|InvalidClientTokenId|InvalidSignature/,
    "Sign in again; check this machine's clock.",
  ],
  [
    /AccessDenied|not authorized|Forbidden/,
    "Your own rights do not reach: docs/OPERATIONS.md has them as a policy to copy.",
  ],
  [/ECONNREFUSED/, "Nothing listens there. Against this machine, run npm start in another terminal first."],
  [/ENOTFOUND|EAI_AGAIN/, "The name is not known: check the region, the address and this machine's network."],
  [/TimeoutError|AbortError|ETIMEDOUT/, "No answer in time: check the way there, and whether it is slow or hangs."],
  [/Region is missing/, "Name the region: --region, or AWS_REGION in the environment."],
];

function codeOf(error: unknown): string {
  const { code, cause }: { code?: unknown; cause?: unknown } = typeof error === "object" && error !== null ? error : {};
  if (typeof code === "string") return code;
  return cause === undefined || cause === error ? "" : codeOf(cause);
}

/** Whether a stand-in says that it does not have this part of AWS. */
export function isUnknownService(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    /^(UnknownOperation(Exception)?|NotImplemented(Error)?|UnknownEndpoint)$/.test(error.name) ||
    /not (yet )?(been )?implemented|not included in your current license/i.test(error.message)
  );
}
