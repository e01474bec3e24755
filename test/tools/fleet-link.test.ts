import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RekeyError } from "../../shared/errors.ts";
import { createLink, LostError } from "../../tools/fleet-link.ts";

const startMs = Date.UTC(2026, 0, 1);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: startMs });
});
afterEach(() => {
  vi.useRealTimers();
});

const sdkError = (name: string, httpStatusCode?: number, code?: string) =>
  Object.assign(new Error("It failed"), { name, code, $metadata: { httpStatusCode, attempts: 3 } });
const refused = sdkError("Error", undefined, "ECONNREFUSED");
const storeError = (name: "ConfigurationError" | "StoreUnavailableError", cause?: unknown) =>
  new RekeyError(name, "The bucket", { cause });

/** A link of ten minutes' patience; each answer takes so many minutes to come. */
function opened() {
  const said: string[] = [];
  const link = createLink(600, 1, (text) => void said.push(text));
  let tries = 0;
  const hold = (answers: readonly unknown[], minutesEach = 0) =>
    link.hold(async () => {
      tries += 1;
      vi.setSystemTime(Date.now() + minutesEach * 60_000);
      const answer = answers[tries - 1] ?? "heard";
      if (answer instanceof Error) throw answer;
      return answer;
    });
  return { hold, said, tries: () => tries };
}

describe("patience", () => {
  test("begins with the first failure: a machine that slept for longer looks again", async () => {
    const { hold, said, tries } = opened();
    await hold([]);
    vi.setSystemTime(startMs + 11 * 60_000);
    expect(await hold(["heard", refused, refused, "again"])).toBe("again");
    expect(tries()).toBe(4);
    expect(said).toEqual([
      expect.stringContaining("The connection is lost (Error: It failed)"),
      "The connection is back",
    ]);
  });

  test("ends after so long a silence, and begins anew after an answer", async () => {
    const { hold, said, tries } = opened();
    const silence = Array.from({ length: 3 }, () => refused);
    expect(await hold([...silence, "heard"], 4)).toBe("heard");
    const lost = await hold([...silence, "heard", ...silence, refused, "too late"], 4).catch((error: unknown) => error);
    expect([lost instanceof LostError, lost]).toEqual([true, expect.objectContaining({ isGone: false })]);
    // Looked at after 0, 4, 8 and 12 minutes.
    expect([tries(), said.length]).toEqual([8, 3]);
  });
});

test.each<[string, Error]>([
  ["an object that somebody changed", storeError("ConfigurationError", new SyntaxError("Unexpected token"))],
  ["a bucket that cannot be used", storeError("ConfigurationError", sdkError("PermanentRedirect", 301))],
  ["a fault of our own", new TypeError("undefined is not a function")],
  ["JSON that is none", new SyntaxError("Unexpected end of JSON input")],
  ["a full disk", Object.assign(new Error("no space left on device"), { code: "ENOSPC" })],
  ["a refusal of the service", sdkError("InvalidArn", 400)],
])("%s is no lost connection, and is thrown as it is", async (_, error) => {
  const { hold, said, tries } = opened();
  await expect(hold([error])).rejects.toBe(error);
  expect([tries(), said]).toEqual([1, []]);
});

test.each<[string, Error]>([
  ["a connection that is refused", refused],
  ["a time-out", sdkError("TimeoutError")],
  ["a bucket that does not answer", storeError("StoreUnavailableError", refused)],
  ["a service that fails", sdkError("InternalFailure", 500)],
  ["a service that throttles", sdkError("ThrottlingException", 400)],
  ["a proxy's page", sdkError("SyntaxError", 404)],
])("%s is waited for", async (_, error) => {
  const { hold, said } = opened();
  expect(await hold([error])).toBe("heard");
  expect(said).toHaveLength(2);
});

test.each<[string, Error, boolean]>([
  ["credentials that end", sdkError("ExpiredTokenException", 400), false],
  ["a denial without a word", storeError("ConfigurationError", sdkError("Unknown", 403)), false],
  ["an execution that is not there", sdkError("ExecutionDoesNotExist", 400), true],
  ["a bucket that is not there", storeError("ConfigurationError", sdkError("NoSuchBucket", 404)), true],
])("%s is not waited for", async (_, error, isGone) => {
  const { hold, tries } = opened();
  await expect(hold([error])).rejects.toMatchObject({ constructor: LostError, isGone });
  expect(tries()).toBe(1);
});
