import { describe, expect, test } from "vitest";
import { errorNames, RekeyError } from "../../shared/errors.ts";
import { httpAnswer } from "../../shared/http/http-answer.ts";
import { eventOf, requestOf, through } from "./one-request.ts";

interface Answer {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const overHttp = { http: eventOf() };
const json = { "x-request-id": "request-1", "cache-control": "no-store" };

describe("an output", () => {
  const answered = (statusOf?: (output: unknown) => number) => {
    const link = httpAnswer(statusOf === undefined ? {} : { statusOf });
    return through(link, "after", requestOf({ response: { told: "it" }, internal: overHttp })).response;
  };

  test("is JSON that is not stored and carries the request id", () => {
    expect(answered()).toEqual({
      statusCode: 200,
      headers: { "content-type": "application/json", ...json },
      body: '{"told":"it"}',
      isBase64Encoded: false,
    });
  });

  test("has the status that its operation says", () => {
    expect(answered((output) => Object.keys(output as object).length + 201)).toMatchObject({ statusCode: 202 });
  });

  test("of 204 has no body, and none of its headers", () => {
    expect(answered(() => 204)).toEqual({ statusCode: 204, headers: { "x-request-id": "request-1" } });
  });

  test("of a direct invocation stays what it is", () => {
    const response = { told: "it" };
    expect(through(httpAnswer({}), "after", requestOf({ response })).response).toBe(response);
  });
});

describe("an error", () => {
  const answerTo = (error: unknown) => {
    const request = requestOf({ error: error as Error, internal: overHttp });
    const answer = through(httpAnswer({}), "onError", request).response as Answer;
    return { ...answer, problem: JSON.parse(answer.body) as Record<string, unknown> };
  };

  test.each(errorNames)("%s is the problem of its name", (name) => {
    const { statusCode, headers, problem, body } = answerTo(
      new RekeyError(name, "What failed", { platformCode: "100", cause: new TypeError("inside") }),
    );
    const again = statusCode === 429 || statusCode === 503 ? { "retry-after": "5" } : {};
    expect(headers).toEqual({ "content-type": "application/problem+json", ...json, ...again });
    expect(problem).toMatchObject({
      ...{ type: `urn:rekey:error:${name}`, code: name, status: statusCode, detail: "What failed" },
      ...{ platformCode: "100", requestId: "request-1", title: expect.any(String), advice: expect.any(String) },
    });
    expect(body).not.toContain("inside");
  });

  test("tells when to come back, and which methods are allowed", () => {
    const error = new RekeyError("PlatformThrottledError", "x", { retryAfterSeconds: 60, allow: ["GET", "PUT"] });
    expect(answerTo(error).headers).toMatchObject({ "retry-after": "60", allow: "GET, PUT" });
  });

  test.each([new TypeError("inside"), "thrown text", undefined])("of no family (%s) is a bare 500", (error) => {
    const { statusCode, headers, problem } = answerTo(error);
    expect([statusCode, headers["retry-after"], headers["allow"]]).toEqual([500, undefined, undefined]);
    expect(problem).toEqual({
      ...{ type: "about:blank", title: "Internal error", status: 500, detail: "Something unexpected happened" },
      ...{ code: "InternalError", retryable: false, requestId: "request-1", advice: expect.any(String) },
    });
  });

  test("of a direct invocation is left to be thrown", () => {
    expect(through(httpAnswer({}), "onError", requestOf({ error: new Error("x") })).response).toBeUndefined();
  });
});
