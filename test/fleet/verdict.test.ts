import { describe, expect, test } from "vitest";
import { tooManyFailed } from "../../shared/fleet/verdict.ts";

describe("a run of which too many failed says which limit that is, and how to go on", () => {
  const whatThen =
    "Correct their lines in the input and start the run again, with a higher limit if the others are to be tried all the same: what is done stays done.";

  test.each([
    [1, 3, {}, "1 of 3 devices failed, more than the tolerated 20 % (toleratedFailurePercentage, --tolerated)"],
    [1, 1, {}, "1 of 1 device failed, more than the tolerated 20 % (toleratedFailurePercentage, --tolerated)"],
    [2, 60, { maxFailures: 2 }, "2 of 60 devices failed, and the run stops at 2 (maxFailures, --max-failures)"],
    [
      1,
      3,
      { maxFailures: 2 },
      "1 of 3 devices failed, more than the tolerated 20 % (toleratedFailurePercentage, --tolerated)",
    ],
  ])("%d of %d with %j", (failed, total, more, words) => {
    const tolerance = { toleratedFailurePercentage: 20, ...more };
    expect(tooManyFailed(failed, total, tolerance)).toEqual({
      error: "TooManyDevicesFailed",
      cause: `${words}. ${whatThen}`,
    });
  });

  test.each([
    [0, 3, 20, undefined],
    [1, 5, 20, undefined],
    [3, 3, 100, undefined],
    [1, 5, 20, 2],
  ])("and %d of %d at %d % and %j is not too many", (failed, total, toleratedFailurePercentage, maxFailures) => {
    expect(tooManyFailed(failed, total, { toleratedFailurePercentage, maxFailures })).toBeUndefined();
  });
});
