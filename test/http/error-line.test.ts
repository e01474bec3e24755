import { expect, test } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { errorLine } from "../../shared/http/error-line.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { requestOf, through } from "./one-request.ts";

/** The line that an error leaves. */
function lineOf(error: unknown): Record<string, unknown> {
  const lines: Record<string, unknown>[] = [];
  const log = createLog("DEBUG", (line) => void lines.push(JSON.parse(line)));
  through(errorLine({ operation: "operation", log }), "onError", requestOf({ error: error as Error }));
  expect(lines).toHaveLength(1);
  return lines[0] ?? {};
}

test.each([
  ["DeviceOnlineError", "INFO", "Request refused"],
  ["InvalidInputError", "INFO", "Request refused"],
  ["PlatformUnavailableError", "WARN", "Request failed"],
  ["ConfigurationError", "ERROR", "Request failed"],
] as const)("%s is a line of level %s with its cause", (name, level, message) => {
  const cause = Object.assign(new Error("because"), { code: "E_CODE" });
  expect(lineOf(new RekeyError(name, "What failed", { cause, platformCode: "100" }))).toEqual({
    ...{ level, message, error: name, detail: "What failed", cause: "Error E_CODE: because", platformCode: "100" },
    ...{ requestId: "request-1", operation: "operation" },
  });
});

test.each<[unknown, string | undefined]>([
  ["HTTP 503", "HTTP 503"],
  ["x".repeat(300), "x".repeat(200)],
  [new Error("x".repeat(400)), `Error: ${"x".repeat(293)}`],
  [undefined, undefined],
])("a cause of any kind is told, cut to a length (row %#)", (cause, told) => {
  expect(lineOf(new RekeyError("DeviceOnlineError", "What failed", { cause }))["cause"]).toBe(told);
});

test("an error of no family is told with where it was thrown, in five lines, and without its message again", () => {
  const line = lineOf(new TypeError("inside"));
  expect(line).toMatchObject({ level: "ERROR", message: "Invocation failed unexpectedly", error: "TypeError: inside" });
  expect(line).toMatchObject({ requestId: "request-1", operation: "operation" });
  const stack = String(line["stack"]).split(" | ");
  expect(stack).toHaveLength(5);
  expect(stack.every((one) => one.trim().startsWith("at "))).toBe(true);
});

test("what is no error at all is told too", () => {
  const line = lineOf("thrown text");
  expect(line).toMatchObject({ level: "ERROR", error: "thrown text" });
  expect(line).not.toHaveProperty("stack");
});
