import { describe, expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { causeOf, readCause } from "../../shared/runtime/lambda-error.ts";

const online = () => new RekeyError("DeviceOnlineError", "The device is online", { advice: "Wait" });

describe("a workflow's cause", () => {
  test("is read as it was written", () => {
    expect(readCause(causeOf(online()))).toEqual({ detail: "The device is online", advice: "Wait" });
    expect(JSON.parse(causeOf(online()))).toMatchObject({ errorType: "DeviceOnlineError" });
  });

  test.each([
    ...[undefined, null, "", "Task timed out", "42", "{}", '{"errorMessage":"","trace":"advice: x"}'],
    '{"errorMessage":7,"trace":[7,"Error: x","    at advice: x"]}',
  ])("%j tells nothing", (cause) => {
    expect(readCause(cause)).toEqual({ detail: undefined, advice: undefined });
  });
});
