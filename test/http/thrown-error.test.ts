import { describe, expect, test } from "vitest";
import { errorNames, RekeyError } from "../../shared/errors.ts";
import { thrownError } from "../../shared/http/thrown-error.ts";
import { eventOf, requestOf, through } from "./one-request.ts";

const online = () =>
  new RekeyError("DeviceOnlineError", "The device is online", { platformCode: "100611", advice: "Wait" });
const stackAfter = (error: Error, internal = {}) =>
  through(thrownError(), "onError", requestOf({ error, internal })).error?.stack;

describe("an error of a direct invocation", () => {
  test("has what a problem tells in place of its stack, which is what Lambda passes on", () => {
    expect(stackAfter(online())?.split("\n")).toEqual([
      "DeviceOnlineError: The device is online",
      "advice: Wait",
      "retryable: true",
      "platformCode: 100611",
    ]);
  });

  test.each(errorNames)("%s keeps its name, message and advice, and shows nothing of our files", (name) => {
    const error = new RekeyError(name, "What failed");
    expect(stackAfter(error)).not.toMatch(/\.ts|\.mjs|node_modules/);
    expect(error).toMatchObject({ name, message: "What failed" });
    expect(stackAfter(error)).toContain(`advice: ${error.advice}`);
  });

  test("that is not of the family keeps its stack", () => {
    expect(stackAfter(new TypeError("broken"))).toContain("thrown-error.test.ts");
  });

  test("over HTTP keeps its stack", () => {
    expect(stackAfter(online(), { http: eventOf() })).toContain("thrown-error.test.ts");
  });
});
