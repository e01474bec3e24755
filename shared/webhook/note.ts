import type { CodeOrigin } from "../device.ts";
import { isErrorName, traitsOf } from "../errors.ts";
import { isForOperator, plainWordsOf } from "./plain-words.ts";
import { isShownWhole, type Markup, shownName, shownText, shownValue } from "./shown.ts";

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
  /** What the code was derived of, where that is not the reference itself. */
  readonly idempotencyKey?: string | undefined;
  readonly requestId?: string | undefined;
  /** What whoever works on the ticket should look at, in words of our own. */
  readonly warnings?: readonly string[] | undefined;
  readonly outcome: Success | Failure;
}

/** A re-key that succeeded. */
export interface Success {
  readonly ok: true;
  /** Undefined where the note may be seen by others than those who work on the ticket, or the nodeId says it. */
  readonly verifyCode: string | undefined;
  /** How the code was made; absent: derived. */
  readonly code?: CodeOrigin | null | undefined;
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
  /** What helps this time, in our words; absent: what helps against its name. */
  readonly advice?: string | undefined;
}

/** How a note's ticketing system shows it, and what it says besides. */
export interface NoteManner {
  /** `plain` when absent. */
  readonly markup?: Markup | undefined;
  /** The ticket was told of an earlier event that asked for the same: its code is armed again. */
  readonly isAgain?: boolean;
}

/**
 * The text of an internal note: the code, until when, what next; or why not, and what helps.
 *
 * Whatever came from the ticket is shown so that no ticketing system reads markup, a mention, a link or a formula in it,
 * and no reader a sentence of ours.
 */
export function noteText(told: Told, nowMs: number, { markup = "plain", isAgain = false }: NoteManner = {}): string {
  const { requester, operationId, tryOf, requestId, outcome } = told;
  return [
    ...(outcome.ok ? success(told, outcome, { nowMs, markup, isAgain }) : failure(told, outcome, markup)),
    ...(requester === undefined ? [] : [`Asked for by: ${shownName(requester, { markup })}`]),
    `Reference: ${shownText(operationId, { markup })}${tryOf === undefined ? "" : ` (${shownText(tryOf, { markup })})`}`,
    ...(requestId === undefined ? [] : [`Request: ${shownText(requestId, { markup })}`]),
  ].join("\n");
}

interface Circumstances extends Required<NoteManner> {
  readonly markup: Markup;
  readonly nowMs: number;
}

function success(told: Told, outcome: Success, circumstances: Circumstances): string[] {
  const { timeout, expiresAtMs } = outcome;
  const { nowMs, markup, isAgain } = circumstances;
  const hardware = told.nodeId === undefined ? "" : ` for ${shownValue(told.nodeId, { markup })}`;
  const lines = [
    `Device ${shownValue(told.deviceId ?? "", { markup })} is re-keyed${hardware}.`,
    ...(told.warnings ?? []),
  ];
  if (timeout === null)
    return [...lines, "The new hardware has already connected with its code; nothing is left to do."];
  const ended = expiresAtMs !== null && expiresAtMs <= nowMs;
  const until = expiresAtMs === null ? "until it is used" : `until ${utc(expiresAtMs)} UTC`;
  if (ended) {
    return [...lines, `Its code was valid ${until}. Change this ticket so that it is sent again, for a new code.`];
  }
  return [
    ...lines,
    ...(isAgain
      ? ["The same was asked for before. A code that a note told then is this one, and it is valid again."]
      : []),
    ...codeLines(told, outcome, markup),
    `Valid ${until}.`,
    "Next: give the code to the new hardware, switch it on and see that it connects while the code is valid.",
  ];
}

function codeLines(told: Told, { code, verifyCode }: Success, markup: Markup): string[] {
  if (code !== "nodeId") return [codeLine(verifyCode, told)];
  // What stands on the hardware is no secret, and so in every note; but a code with a letter changed is none.
  const nodeId = told.nodeId ?? "";
  const shown = shownValue(nodeId, { markup, maxLength: 256 });
  if (shown !== nodeId && shown !== `\`${nodeId}\``) {
    return [
      "The code is the number of the hardware itself, which holds marks that a note must not show: read it there.",
    ];
  }
  return [`Verification code: ${shown}`, "This code is the number of the hardware itself."];
}

function codeLine(verifyCode: string | undefined, { operationId, idempotencyKey = operationId }: Told): string {
  if (verifyCode === undefined) {
    const key =
      idempotencyKey === operationId ? "the reference below" : shownValue(idempotencyKey, { markup: "markdown" });
    return `The code is not written here, where others can read it. Whoever operates Rekey gets it of refreshDeviceKey, for the same device and hardware, with ${key} as Idempotency-Key.`;
  }
  // A code with a letter changed is none.
  if (isShownWhole(verifyCode)) return `Verification code: ${verifyCode}`;
  return "The code holds marks that a note must not show. Ask whoever operates Rekey for one of letters and digits.";
}

function failure(told: Told, { error, detail, advice }: Failure, markup: Markup): string[] {
  const device = told.deviceId === undefined ? "The device" : `Device ${shownValue(told.deviceId, { markup })}`;
  const plain = plainWordsOf(error);
  const [why, helps] = plain;
  // Detail and advice came by way of an execution's input, which others can write.
  const shown = (text: string) => shownText(text.replace(/\.$/, ""), { markup, maxLength: 500 });
  const usual = isErrorName(error) ? traitsOf(error) : undefined;
  const known = [why, helps, usual?.title, ...(isForOperator(plain) ? [] : [usual?.advice])];
  const forOperator = [why === undefined ? undefined : detail, advice ?? usual?.advice]
    .filter((text) => text !== undefined && !known.includes(text))
    .map((text) => shown(text ?? ""));
  return [
    `${device} is not re-keyed: ${why ?? shown(detail ?? "What the ticket says cannot be used")}.`,
    `What helps: ${helps}`,
    ...(forOperator.length === 0 ? [] : [`For whoever operates Rekey: ${forOperator.join(". ")}.`]),
  ];
}

/** `2026-11-25 21:30:00`. */
function utc(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19).replace("T", " ");
}
