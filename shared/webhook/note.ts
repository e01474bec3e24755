import { isErrorName, traitsOf } from "../errors.ts";

/** What a note tells of. */
export interface Told {
  /** Absent where the ticket named none. */
  readonly deviceId?: string | undefined;
  readonly nodeId?: string | undefined;
  readonly requester?: string | undefined;
  /** Stands in every note, so that a repeat finds it there. */
  readonly operationId: string;
  /** The sender's own name for the delivery, made unreadable: a repeat that was signed anew finds it there. */
  readonly tryOf?: string | undefined;
  readonly requestId?: string | undefined;
  readonly outcome: Success | Failure;
}

/** A re-key that succeeded. */
export interface Success {
  readonly ok: true;
  /** Undefined where the note may be seen by others than those who work on the ticket. */
  readonly verifyCode: string | undefined;
  /** Seconds; 0: never ends; null: the new hardware has already connected. */
  readonly timeout: number | null;
  /** When the code ends; null when it never does. */
  readonly expiresAtMs: number | null;
}

/** A re-key that came to nothing. */
export interface Failure {
  readonly ok: false;
  /** Name of the error: one of the family, or what Lambda or Step Functions call it. */
  readonly error: string;
  readonly detail: string | undefined;
}

/**
 * The text of an internal note: the code, until when, what next; or why not, and what helps.
 *
 * Whatever came from the ticket is shown with nothing but letters, digits and a few marks, so that no ticketing system
 * reads markup, a mention, a link or a formula in it.
 */
export function noteText(told: Told, nowMs: number): string {
  const { requester, operationId, tryOf, requestId, outcome } = told;
  return [
    ...(outcome.ok ? success(told, outcome, nowMs) : failure(told, outcome)),
    ...(requester === undefined ? [] : [`Asked for by: ${shown(requester)}`]),
    `Reference: ${operationId}${tryOf === undefined ? "" : ` (${tryOf})`}`,
    ...(requestId === undefined ? [] : [`Request: ${shown(requestId)}`]),
  ].join("\n");
}

function success(told: Told, { verifyCode, timeout, expiresAtMs }: Success, nowMs: number): string[] {
  const lines = [
    `Device ${shown(told.deviceId)} is re-keyed${told.nodeId === undefined ? "" : ` for ${shown(told.nodeId)}`}.`,
  ];
  if (timeout === null)
    return [...lines, "The new hardware has already connected with its code; nothing is left to do."];
  const ended = expiresAtMs !== null && expiresAtMs <= nowMs;
  const until = expiresAtMs === null ? "until it is used" : `until ${utc(expiresAtMs)} UTC`;
  if (ended) {
    return [...lines, `Its code was valid ${until}. Change this ticket so that it is sent again, for a new code.`];
  }
  const where =
    verifyCode === undefined
      ? "The code is not written here, where others can read it. Ask refreshDeviceKey for the same device and hardware, with the reference below as Idempotency-Key."
      : `Verification code: ${verifyCode}`;
  return [
    ...lines,
    where,
    `Valid ${until}.`,
    "Next: give the code to the new hardware, switch it on and see that it connects while the code is valid.",
  ];
}

function failure(told: Told, { error, detail }: Failure): string[] {
  const known = isErrorName(error) ? traitsOf(error) : undefined;
  const device = told.deviceId === undefined ? "The device" : `Device ${shown(told.deviceId)}`;
  const reason = known?.title ?? "Something unexpected happened";
  return [
    `${device} is not re-keyed: ${reason}.`,
    ...(detail === undefined || detail === reason ? [] : [`In detail: ${shown(detail, 500)}`]),
    `What helps: ${known?.advice ?? "Tell whoever operates Rekey, with the reference below."}`,
  ];
}

function shown(text = "", length = 100): string {
  const harmless = text.replace(/[^\p{L}\p{N} :;,._-]/gu, "·").trim();
  return harmless.length > length ? `${harmless.slice(0, length)}…` : harmless;
}

/** `2026-11-25 21:30:00`. */
function utc(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19).replace("T", " ");
}
