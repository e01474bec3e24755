import { RekeyError } from "../errors.ts";

/** What a request wants a device to come to. */
export interface Wish {
  /** Absent: unchanged. */
  readonly nodeId: string | undefined;
  /** Known beforehand, the same request asks for the same state for ever; absent: the platform makes one. */
  readonly code: string | undefined;
  /** What the device must still have, unless it has the wanted one. */
  readonly expectedNodeId: string | undefined;
}

/** What a request knows on its way. */
export interface Known {
  /** Changes begun so far. */
  readonly changes: number;
  /** How a change ended whose outcome nobody knows. */
  readonly lost: RekeyError | undefined;
  /** Whether the device has the wanted nodeId, which then need not be sent: some platforms refuse a device its own. */
  readonly hasNodeId: boolean | undefined;
  /** How the last change ended, while the device is read back for that. */
  readonly ending: RekeyError | undefined;
}

/** A device as it was read. */
export interface DeviceState {
  readonly nodeId?: string | null | undefined;
  readonly status?: string | null | undefined;
}

/** What the platform said to a change that was made. */
export interface IssuedCode {
  readonly verifyCode: string;
  /** Seconds; null when the device has already connected. */
  readonly timeoutSeconds: number | null;
  /** When the code ends; null when it never does, or when the device has already connected. */
  readonly expiresAtMs: number | null;
}

/** The state a device was brought to. */
export interface Rekeyed extends IssuedCode {
  /** The wanted state was found by reading the device back. */
  readonly replayed: boolean;
}

/** What has just happened. */
export type Happening =
  | { readonly kind: "begun" }
  | { readonly kind: "changed"; readonly issued: IssuedCode }
  | { readonly kind: "notChanged"; readonly error: RekeyError }
  | { readonly kind: "read"; readonly device: DeviceState }
  | { readonly kind: "notRead"; readonly error: RekeyError }
  /** Too late to begin a change. */
  | { readonly kind: "late" };

/** What comes next. */
export type Step =
  | { readonly kind: "change"; readonly nodeId: string | undefined; readonly pauseMs: number }
  | { readonly kind: "read" }
  | { readonly kind: "done"; readonly state: Rekeyed }
  | { readonly kind: "fail"; readonly error: RekeyError };

/** Nothing is known. */
export const nothingYet: Known = { changes: 0, lost: undefined, hasNodeId: undefined, ending: undefined };

const maxChanges = 5;

/**
 * The next step of a request, and what is known by then. Without I/O and time.
 *
 * | happening                        | and                                   | next                                    |
 * |----------------------------------|---------------------------------------|-----------------------------------------|
 * | begun                            | no nodeId is expected                 | change                                  |
 * |                                  | one is                                | read                                    |
 * | read, before any change          | wanted nodeId, online, may be ours    | done                                    |
 * |                                  | wanted or expected nodeId             | change                                  |
 * |                                  | another one                           | fail: NodeIdChangedError                |
 * | changed                          |                                       | done                                    |
 * | not changed: OutcomeUnknownError | no code is known                      | fail: not repeatable                    |
 * |                                  | no nodeId is wanted                   | change again                            |
 * |                                  | one is                                | read back                               |
 * | not changed: NodeIdTakenError    | a nodeId was sent                     | read back                               |
 * | not changed: DeviceOnlineError   | it may be ours                        | read back                               |
 * | not changed: any other name      | a change was lost, this may pass      | fail: as the lost change                |
 * |                                  | else                                  | fail: this error                        |
 * | read back                        | wanted nodeId, online, may be ours    | done                                    |
 * |                                  | after NodeIdTakenError, another one   | fail: this error                        |
 * |                                  | after DeviceOnlineError               | fail: this, or as the lost change       |
 * |                                  | else                                  | change again, without a nodeId it has   |
 * | not read                         | a change was lost, this may pass      | as read back, the nodeId being unknown  |
 * |                                  | else                                  | fail: this error                        |
 * | late, or five changes            | a change was lost                     | fail: as the lost change                |
 * |                                  | else                                  | fail: PlatformUnavailableError          |
 */
export function next(wish: Wish, known: Known, happening: Happening): readonly [Known, Step] {
  switch (happening.kind) {
    case "begun":
      return wish.expectedNodeId === undefined ? change(wish, known) : [known, { kind: "read" }];
    case "changed":
      return [known, { kind: "done", state: { ...happening.issued, replayed: known.hasNodeId === true } }];
    case "notChanged":
      return afterChange(wish, known, happening.error);
    case "read":
      return afterRead(wish, known, happening.device);
    case "notRead":
      // After a lost change, asking again needs no reading; it only spares a refusal.
      if (known.lost === undefined || !happening.error.retryable) return fail(known, happening.error);
      return withoutSuccess(wish, { ...known, hasNodeId: known.hasNodeId === true ? true : undefined });
    case "late":
      return fail(known, known.lost ?? noTime());
  }
}

function afterChange(wish: Wish, known: Known, error: RekeyError): readonly [Known, Step] {
  switch (error.name) {
    case "OutcomeUnknownError": {
      if (wish.code === undefined) return fail(known, notRepeatable(error));
      const lost = { ...known, lost: error };
      return wish.nodeId === undefined ? change(wish, lost) : readBack(lost, error);
    }
    case "NodeIdTakenError":
      // Given its own nodeId, a device is refused on some platforms and not on others.
      return wish.nodeId === undefined || known.hasNodeId === true ? fail(known, error) : readBack(known, error);
    case "DeviceOnlineError":
      return mayBeOurs(wish, known) ? readBack(known, error) : fail(known, onlineError(known, error));
    default:
      // "Nothing was changed" would not be true any more.
      return fail(known, known.lost !== undefined && error.retryable ? known.lost : error);
  }
}

function afterRead(wish: Wish, known: Known, device: DeviceState): readonly [Known, Step] {
  const hasNodeId = wish.nodeId !== undefined && device.nodeId === wish.nodeId;
  if (hasNodeId && device.status === "ONLINE" && mayBeOurs(wish, known)) {
    const code = { verifyCode: wish.code ?? "", timeoutSeconds: null, expiresAtMs: null };
    return [known, { kind: "done", state: { ...code, replayed: true } }];
  }
  if (known.ending !== undefined) return withoutSuccess(wish, { ...known, hasNodeId });
  // Where the expected nodeId is the wanted one, it is asked for in so many words.
  if (hasNodeId) return change(wish, { ...known, hasNodeId: wish.nodeId !== wish.expectedNodeId });
  if (device.nodeId === wish.expectedNodeId) return change(wish, known);
  const words = "The device has neither the expected nodeId nor the wanted one";
  return fail(known, new RekeyError("NodeIdChangedError", words));
}

/** What follows a change that ended so and that reading back has not shown to be done. */
function withoutSuccess(wish: Wish, known: Known): readonly [Known, Step] {
  const { ending, hasNodeId } = known;
  if (ending?.name === "DeviceOnlineError") return fail(known, onlineError(known, ending));
  if (ending?.name === "NodeIdTakenError" && hasNodeId === false) return fail(known, ending);
  return change(wish, known);
}

function change({ nodeId }: Wish, known: Known): readonly [Known, Step] {
  const { changes, hasNodeId } = known;
  if (changes >= maxChanges) return fail(known, known.lost ?? noTime());
  const pauseMs = changes === 0 ? 0 : Math.min(1_000, 50 * 2 ** changes);
  return [
    { ...known, changes: changes + 1, ending: undefined },
    { kind: "change", nodeId: hasNodeId === true ? undefined : nodeId, pauseMs },
  ];
}

function readBack(known: Known, ending: RekeyError): readonly [Known, Step] {
  return [{ ...known, ending }, { kind: "read" }];
}

function fail(known: Known, error: RekeyError): readonly [Known, Step] {
  return [known, { kind: "fail", error }];
}

/** Whether an online device with the wanted nodeId can only be the work of this request. */
function mayBeOurs({ nodeId, code, expectedNodeId }: Wish, { lost }: Known): boolean {
  if (nodeId === undefined || code === undefined) return false;
  return lost !== undefined || (expectedNodeId !== undefined && expectedNodeId !== nodeId);
}

/** The device may have come online with what the lost change brought. */
function onlineError({ lost, hasNodeId }: Known, error: RekeyError): RekeyError {
  return lost !== undefined && hasNodeId !== false ? lost : error;
}

/** A change that was not begun, since its answer could not be waited for. */
export function noTime(): RekeyError {
  return new RekeyError("PlatformUnavailableError", "No time was left to begin the change", { retryAfterSeconds: 5 });
}

function notRepeatable(error: RekeyError): RekeyError {
  return error.with({
    retryable: false,
    advice:
      "The code may have been changed. Send the request again with an Idempotency-Key: then a lost answer can be recovered.",
  });
}
