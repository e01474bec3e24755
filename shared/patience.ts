import * as z from "zod/mini";
import { isErrorName, traitsOf } from "./errors.ts";

/** How long the workflow rekeyDevice tries when nothing else is said: a day. */
export const defaultLimitSeconds = 86_400;

/**
 * How long the workflow rekeyDevice tries, in whole seconds: 0 to 14 days.
 *
 * An execution's history holds 25,000 events. A try takes 14 of them: 2 to wait, 5 to refresh, 5 to decide, 2 to branch.
 * The waits grow to half an hour (an online device's to 72 minutes) and are drawn a quarter shorter or longer, so a
 * platform that is down takes 64 tries a day at most, 896 events, and an online device 27 tries, 378 events. In 14 days
 * that is 12,544 and some 150 for the first, shorter waits: half of the history stays for what Step Functions repeats
 * by itself, 3 events each. Even Lambda itself failing all the while (23 events a try) stays below 21,000.
 * test/runtime/patience.test.ts counts them.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
export const limitSeconds = z.int().check(z.minimum(0), z.maximum(14 * 86_400));

/**
 * What Lambda and its sandboxes answer for a moment only. A refresh with an idempotency key converges, and the other
 * steps change nothing, so that each may be repeated whether it was carried out or not. The definitions' Retry name the
 * same; a test compares them.
 *
 * The first six: https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html, which also says
 * that Lambda's errors are told as `Lambda.<name>`. Those behind them are the Invoke API's, for a function that was idle
 * for weeks, is being updated or has to join a network:
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors. The last three: a sandbox that ended
 * or outlived its time, and Step Functions' own time-out,
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html.
 */
export const transientErrors: readonly string[] = [
  "Lambda.ClientExecutionTimeoutException",
  "Lambda.ServiceException",
  "Lambda.AWSLambdaException",
  "Lambda.SdkClientException",
  "Lambda.TooManyRequestsException",
  "Lambda.Unknown",
  "Lambda.CodeArtifactUserPendingException",
  "Lambda.CodeArtifactUserDeletedException",
  "Lambda.ResourceNotReadyException",
  "Lambda.ResourceConflictException",
  "Lambda.EC2ThrottledException",
  "Lambda.EC2UnexpectedException",
  "Lambda.ENILimitReachedException",
  "Lambda.ENINotReadyException",
  "Lambda.SubnetIPAddressLimitReachedException",
  "Runtime.ExitError",
  "Sandbox.Timedout",
  "States.Timeout",
];

interface Patience {
  readonly firstSeconds: number;
  /** Waits double up to it. */
  readonly longestSeconds: number;
}

const patienceByName = new Map<string, Patience>([
  // Someone has to switch the old device off, or the network to notice that it is gone.
  ["DeviceOnlineError", { firstSeconds: 60, longestSeconds: 72 * 60 }],
  ["RenewalLimitedError", { firstSeconds: 60, longestSeconds: 1_800 }],
  // The code may be armed already, and its time be running.
  ["OutcomeUnknownError", { firstSeconds: 2, longestSeconds: 1_800 }],
]);
// The platform counts its calls by the minute, but a place may be free in a second, and a fleet's run makes room.
const otherPatience: Patience = { firstSeconds: 5, longestSeconds: 1_800 };
/** What may be repeated, but may as well stay as it is. */
const mostWaitsForDoubtful = 3;

/**
 * How long to wait before the next try, in whole seconds: a quarter shorter or longer than planned, so that devices that
 * failed together do not come back together. Undefined for what does not pass by itself.
 *
 * @param error name of what a try ended with
 * @param before how often it was waited for already
 * @param random 0 to 1
 */
export function secondsToWait(error: string, before: number, random: number): number | undefined {
  if (before >= mostWaits(error)) return undefined;
  const { firstSeconds, longestSeconds } = patienceByName.get(error) ?? otherPatience;
  return Math.ceil(Math.min(longestSeconds, firstSeconds * 2 ** before) * (0.75 + random / 2));
}

function mostWaits(error: string): number {
  if (!isErrorName(error)) return transientErrors.includes(error) ? Number.POSITIVE_INFINITY : 0;
  const { retryable, passing } = traitsOf(error);
  if (passing !== undefined) return Number.POSITIVE_INFINITY;
  return retryable ? mostWaitsForDoubtful : 0;
}
