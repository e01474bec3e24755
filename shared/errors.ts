/**
 * The error family: every way in which a request can end badly, by the name that callers, workflows and alarms match.
 *
 * `retryable` means: the same request may succeed later with nothing changed in it.
 */
const family = {
  InvalidInputError: {
    title: "The request is not valid",
    status: 400,
    retryable: false,
    advice: "Correct the fields that are listed and send the request again.",
  },
  ApplicationNotAuthorizedError: {
    title: "The application may not act on this device",
    status: 403,
    retryable: false,
    advice: "Leave appId out, or have the application that owns the device authorize this one.",
  },
  DeviceNotFoundError: {
    title: "The platform does not know this device",
    status: 404,
    retryable: false,
    advice: "Check the deviceId and which application the device belongs to.",
  },
  NodeIdTakenError: {
    title: "Another device has this nodeId",
    status: 409,
    retryable: false,
    advice: "Check the nodeId that was read from the new hardware, or delete the device that holds it.",
  },
  NodeIdChangedError: {
    title: "The device no longer has the expected nodeId",
    status: 409,
    retryable: false,
    advice: "The device was replaced again in the meantime. Read its state and decide anew.",
  },
  DeviceNotActiveError: {
    title: "The device has never connected",
    status: 409,
    retryable: false,
    advice: "A device must have connected once before its key can be refreshed. Register the new hardware instead.",
  },
  DeviceOnlineError: {
    title: "The device is online",
    status: 409,
    retryable: true,
    passing: "device",
    advice: "Switch the old device off and try again. A narrow-band device can count as online for up to 49 hours.",
  },
  PlatformThrottledError: {
    title: "The platform's call quota is used up",
    status: 429,
    retryable: true,
    passing: "call",
    advice: "Wait for a minute and try again.",
  },
  RunTakenOverError: {
    title: "Another execution works on this fleet run",
    status: 409,
    retryable: false,
    advice: "Follow the execution that was started last: it goes on where this one was.",
  },
  ConfigurationError: {
    title: "The service is not configured rightly",
    status: 500,
    retryable: false,
    advice: "Tell whoever operates this service; the logs name the cause under the request id.",
  },
  SecretsUnavailableError: {
    title: "No access token could be had in time",
    status: 503,
    retryable: true,
    passing: "outage",
    advice: "Try again in a few seconds.",
  },
  StoreUnavailableError: {
    title: "The bucket of fleet runs does not answer",
    status: 503,
    retryable: true,
    passing: "outage",
    advice: "Nothing is lost: what was done before is kept. Try again in a minute.",
  },
  RenewalLimitedError: {
    title: "The access token may not be renewed again yet",
    status: 429,
    retryable: true,
    passing: "outage",
    advice:
      "Find what else logs in with this application and let it take its token from authenticate; then try again later.",
  },
  AccessTokenRejectedError: {
    title: "The platform refuses the access token",
    status: 502,
    retryable: true,
    passing: "outage",
    advice: "Try again. If it stays so, another system is logging in with the same application.",
  },
  PlatformReplyError: {
    title: "The platform answered in a way we do not know",
    status: 502,
    retryable: true,
    advice: "Try again; if it stays so, tell whoever operates this service.",
  },
  PlatformUnavailableError: {
    title: "The platform cannot be reached or does not work",
    status: 503,
    retryable: true,
    passing: "outage",
    advice: "Nothing was changed. Try again in a few seconds.",
  },
  OutcomeUnknownError: {
    title: "The change was sent, but its answer was lost",
    status: 504,
    retryable: true,
    passing: "call",
    advice: "Send the same request again: it asks for the same state and brings the same code.",
  },
  NoteFailedError: {
    title: "The note could not be written to the ticket",
    status: 502,
    retryable: true,
    advice: "The re-key itself stands. The note is tried again; see whether the ticketing system works.",
  },
  RouteNotFoundError: {
    title: "There is no such route",
    status: 404,
    retryable: false,
    advice: "Check the path.",
  },
  MethodNotAllowedError: {
    title: "The route does not take this method",
    status: 405,
    retryable: false,
    advice: "Use the method that the Allow header names.",
  },
  PayloadTooLargeError: {
    title: "The body is too large",
    status: 413,
    retryable: false,
    advice: "Send 64 kB at most, 1 MB for a webhook.",
  },
  UnsupportedMediaTypeError: {
    title: "The body is not JSON",
    status: 415,
    retryable: false,
    advice: "Send the body with Content-Type: application/json.",
  },
  SignatureError: {
    title: "The signature does not verify",
    status: 401,
    retryable: false,
    advice:
      "Compare the secret at the sender with the one configured for this source, and the sender's clock with ours.",
  },
} as const satisfies Record<string, Traits>;

interface Traits {
  /** What happened, for a person; the same for every occurrence (RFC 9457 `title`). */
  readonly title: string;
  /** The HTTP status it is answered with. */
  readonly status: number;
  readonly retryable: boolean;
  /**
   * What it is that passes by itself, so that a workflow and a fleet wait for it: the `device` (it is online), this one
   * `call` (others may go through), or an `outage` (nothing can be done for any device meanwhile). Absent: nobody waits.
   */
  readonly passing?: "device" | "call" | "outage";
  /** What the caller can do about it. */
  readonly advice: string;
}

/** The name of an error of the family; it is what a workflow's `Retry` and `Catch` match. */
export type ErrorName = keyof typeof family;

/** One fault of an input: where it is and what is wrong with it. */
export interface Fault {
  /** Dotted path into the input; empty for the input as a whole. */
  readonly path: string;
  readonly message: string;
}

/** What one occurrence adds to, or changes in, its name's defaults. */
export interface ErrorContext {
  /** The platform's `error_code`, where the platform said one. */
  readonly platformCode?: string;
  readonly status?: number;
  readonly retryable?: boolean;
  readonly advice?: string;
  /** Seconds after which a repeat makes sense; answered as `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** Every fault of the input, for `InvalidInputError`. */
  readonly faults?: readonly Fault[];
  /** Methods the route takes, for `MethodNotAllowedError`. */
  readonly allow?: readonly string[];
  /** What caused it; logged, never answered. */
  readonly cause?: unknown;
}

/**
 * The one error class: `name` says which member of the family it is.
 *
 * One class and a literal name, not a class each: a minifier renames classes, and Lambda reports `name`.
 */
export class RekeyError extends Error {
  override readonly name: ErrorName;
  readonly title: string;
  readonly status: number;
  readonly retryable: boolean;
  /** {@link Traits.passing}; undefined also where this occurrence is not retryable. */
  readonly passing: Traits["passing"];
  readonly advice: string;
  readonly platformCode: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly faults: readonly Fault[] | undefined;
  readonly allow: readonly string[] | undefined;

  /**
   * @param name which member of the family
   * @param message what failed in this occurrence; it is answered, so it holds no secret and no inside
   */
  constructor(name: ErrorName, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    const traits: Traits = family[name];
    this.name = name;
    this.title = traits.title;
    this.status = context.status ?? traits.status;
    this.retryable = context.retryable ?? traits.retryable;
    this.passing = this.retryable ? traits.passing : undefined;
    this.advice = context.advice ?? traits.advice;
    this.platformCode = context.platformCode;
    this.retryAfterSeconds = context.retryAfterSeconds;
    this.faults = context.faults;
    this.allow = context.allow;
  }

  /** The same occurrence with some of its traits changed; for whoever knows more of the situation than its thrower. */
  with(changes: ErrorContext, message = this.message): RekeyError {
    const { status, retryable, advice, platformCode, retryAfterSeconds, faults, allow, cause } = this;
    const context = { status, retryable, advice, platformCode, retryAfterSeconds, faults, allow, cause };
    const known = Object.entries({ ...context, ...changes }).filter(([, value]) => value !== undefined);
    return new RekeyError(this.name, message, Object.fromEntries(known));
  }
}

/** The name of whatever was thrown, for a comparison or a log line. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}

/** Every name of the family, for documentation and for checks that a name exists. */
export const errorNames = Object.keys(family).filter(isErrorName);

/** Whether a text is a name of the family. */
export function isErrorName(text: string): text is ErrorName {
  return Object.hasOwn(family, text);
}

/** The defaults of a name. */
export function traitsOf(name: ErrorName): Traits {
  return family[name];
}
