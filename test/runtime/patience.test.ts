import { describe, expect, test } from "vitest";
import { errorNames, traitsOf } from "../../shared/errors.ts";
import { limitSeconds, secondsToWait, transientErrors } from "../../shared/patience.ts";

const passing = [...errorNames.filter((name) => traitsOf(name).retryable), ...transientErrors];
const waits = (error: string, random: number, count: number) =>
  Array.from({ length: count }, (_, before) => secondsToWait(error, before, random));

const lambda = (name: string) => `Lambda.${name}`;

/** How often this error is waited for when nothing else happens, each wait drawn as short as it can be. */
function mostTries(error: string, limit: number): number {
  let left = limit;
  let tries = 1;
  for (let before = 0; left > 0; before += 1) {
    const seconds = secondsToWait(error, before, 0);
    if (seconds === undefined) break;
    left -= seconds;
    tries += 1;
  }
  return tries;
}

test("what Lambda answers for a moment only is what its pages name", () => {
  expect(transientErrors).toEqual([
    // https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
    ...["ClientExecutionTimeoutException", "ServiceException", "AWSLambdaException", "SdkClientException"].map(lambda),
    ...["TooManyRequestsException", "Unknown"].map(lambda),
    // https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
    ...["CodeArtifactUserPendingException", "CodeArtifactUserDeletedException", "ResourceNotReadyException"].map(
      lambda,
    ),
    ...["ResourceConflictException", "EC2ThrottledException", "EC2UnexpectedException"].map(lambda),
    ...["ENILimitReachedException", "ENINotReadyException", "SubnetIPAddressLimitReachedException"].map(lambda),
    // https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    ...["Runtime.ExitError", "Sandbox.Timedout", "States.Timeout"],
  ]);
});

describe("the wait for a device that is online", () => {
  test("begins with a minute and doubles to 72", () => {
    expect(waits("DeviceOnlineError", 0.5, 8)).toEqual([60, 120, 240, 480, 960, 1920, 3840, 4320]);
  });

  test("is drawn a quarter shorter or longer, an hour and a half at most", () => {
    expect([waits("DeviceOnlineError", 0, 8).at(-1), waits("DeviceOnlineError", 1, 8).at(-1)]).toEqual([3240, 5400]);
  });
});

test("a quota that is used up is waited for by seconds at first, for a fleet's run makes room at once", () => {
  expect(waits("PlatformThrottledError", 0.5, 5)).toEqual([5, 10, 20, 40, 80]);
});

test("a lost answer is asked for again within seconds, for its code's time may be running", () => {
  expect(waits("OutcomeUnknownError", 0.5, 4)).toEqual([2, 4, 8, 16]);
});

test("an answer of no documented shape is waited for three times, for it may be an error that stays", () => {
  expect(waits("PlatformReplyError", 0.5, 4)).toEqual([5, 10, 20, undefined]);
});

test.each(passing.map((error) => [error]))(
  "%s is waited for in whole seconds, at least one, at most 90 minutes",
  (error) => {
    for (const random of [0, 0.123, 0.999]) {
      for (const seconds of waits(error, random, 3)) {
        expect(Number.isInteger(seconds)).toBe(true);
        expect(seconds).toBeGreaterThanOrEqual(1);
      }
      for (const seconds of waits(error, random, 60)) expect(seconds ?? 1).toBeLessThanOrEqual(5_400);
    }
  },
);

describe("an execution's history", () => {
  const events = 25_000;
  const longest = 14 * 86_400;
  /** Wait 2, refresh 5, decide 5, branch 2; a repeat by Step Functions 3. */
  const eventsATry = 14;
  const eventsARepeat = 3;
  const repeatsATry = 3;

  test("bears the longest limit, and no limit is longer", () => {
    expect(limitSeconds.safeParse(longest).success).toBe(true);
    expect(limitSeconds.safeParse(longest + 1).success).toBe(false);
  });

  test.each(passing.map((error) => [error]))("has half of its room left after 14 days of %s", (error) => {
    expect(mostTries(error, longest) * eventsATry).toBeLessThan(0.52 * events);
  });

  test.each(transientErrors.map((error) => [error]))("has room for 14 days of %s, with its repeats", (error) => {
    expect(mostTries(error, longest) * (eventsATry + eventsARepeat * repeatsATry)).toBeLessThan(0.85 * events);
  });

  test.each([
    ["DeviceOnlineError", 86_400, 33],
    ["PlatformUnavailableError", 86_400, 73],
  ])("takes the tries of one day of %s: %d seconds, %d tries", (error, limit, tries) => {
    expect(mostTries(error, limit)).toBe(tries);
  });
});
