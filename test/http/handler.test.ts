import type { Context } from "aws-lambda";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { errorNames, RekeyError } from "../../shared/errors.ts";
import { createHandler } from "../../shared/http/handler.ts";
import { defineOperation, type Invocation } from "../../shared/http/operation.ts";
import { inBody } from "../../shared/http/route-input.ts";
import { type Clock, systemClock } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";

const input = z.strictObject({ wish: z.optional(z.string().check(z.maxLength(5))) });
const output = z.object({ told: z.string() });

/** A function over one operation, with what it was given and what it wrote. */
function open(run: (invocation: Invocation) => Promise<unknown>, statusOf?: () => number) {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const hands = { elapsedMs: 1_000 };
  const clock: Clock = { ...systemClock, elapsed: () => hands.elapsedMs };
  const runtime = { clock, log: createLog("INFO", write), metrics: createMetrics({ write, clock, stage: "test" }) };
  const operation = defineOperation({
    ...{ input, output, ...(statusOf === undefined ? {} : { statusOf }) },
    routes: { "PUT /wishes": { takes: [inBody("wish")] } },
    dependencies: () => undefined,
    run: async (_, invocation) => (await run(invocation)) as { told: string },
  });
  const handler = createHandler(operation, { ...runtime, name: "operation", dependencies: undefined });
  return { handler, lines, hands };
}

const contextOf = (milliseconds: number | undefined) =>
  ({
    awsRequestId: "invocation-1",
    ...(milliseconds === undefined ? {} : { getRemainingTimeInMillis: () => milliseconds }),
  }) as unknown as Context;
const http = (changes: object = {}) => ({
  ...{ version: "2.0", routeKey: "PUT /wishes", rawPath: "/wishes", headers: {} },
  ...{ requestContext: { http: { method: "PUT" } }, isBase64Encoded: false },
  ...changes,
});
const tell = async () => ({ told: "it", secret: "inside" });

interface Answer {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
  isBase64Encoded: boolean;
}
const ask = async (handler: ReturnType<typeof open>["handler"], event: object) => {
  const answer = (await handler(event, contextOf(20_000))) as Answer;
  return { ...answer, json: JSON.parse(answer.body) as Record<string, unknown> };
};

describe("an answer", () => {
  test("over HTTP is JSON that names what the output names, is not stored, and carries the request id", async () => {
    const { handler } = open(tell);
    expect(await handler(http({ headers: { "X-Request-Id": "theirs" } }), contextOf(20_000))).toEqual({
      statusCode: 200,
      headers: { "content-type": "application/json", "x-request-id": "theirs", "cache-control": "no-store" },
      body: '{"told":"it"}',
      isBase64Encoded: false,
    });
  });

  test("has the operation's status, and none of a body where that is 204", async () => {
    expect(await open(tell, () => 503).handler(http(), contextOf(20_000))).toMatchObject({ statusCode: 503 });
    expect(await open(tell, () => 204).handler(http(), contextOf(20_000))).toEqual({
      statusCode: 204,
      headers: { "x-request-id": "invocation-1" },
    });
  });

  test("to a direct invocation is the output itself", async () => {
    expect(await open(tell).handler({ wish: null }, contextOf(20_000))).toEqual({ told: "it" });
  });

  test("is followed by one measured line", async () => {
    const { handler, lines, hands } = open(async () => {
      hands.elapsedMs += 12.4;
      return tell();
    });
    await handler({}, contextOf(20_000));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      operation: "operation",
      outcome: "ok",
      DurationMs: 12,
      requestId: "invocation-1",
    });
  });
});

describe("an error", () => {
  test.each(errorNames)("%s over HTTP is the problem of its name, and thrown when invoked directly", async (name) => {
    const { handler } = open(async () => {
      throw new RekeyError(name, "What failed", { platformCode: "100", cause: new TypeError("inside") });
    });
    const { statusCode, headers, json, body } = await ask(handler, http());
    expect(headers["content-type"]).toBe("application/problem+json");
    expect(json).toMatchObject({
      ...{ type: `urn:rekey:error:${name}`, code: name, status: statusCode, detail: "What failed" },
      ...{ platformCode: "100", requestId: "invocation-1", title: expect.any(String), advice: expect.any(String) },
    });
    expect(body).not.toContain("inside");
    expect(headers["retry-after"]).toBe(statusCode === 429 || statusCode === 503 ? "5" : undefined);
    await expect(handler({}, contextOf(20_000))).rejects.toMatchObject({ name, message: "What failed" });
  });

  test("tells when to come back, and which methods are allowed", async () => {
    const context = { retryAfterSeconds: 60, allow: ["GET", "PUT"] };
    const { handler } = open(async () => {
      throw new RekeyError("PlatformThrottledError", "x", context);
    });
    expect((await ask(handler, http())).headers).toMatchObject({ "retry-after": "60", allow: "GET, PUT" });
  });

  test("of no family is a bare 500 over HTTP, with its inside in the log alone", async () => {
    const { handler, lines } = open(async () => {
      throw new TypeError("inside");
    });
    const { statusCode, json, headers } = await ask(handler, http());
    expect(json).toEqual({
      ...{ type: "about:blank", title: "Internal error", status: 500, detail: "Something unexpected happened" },
      ...{ code: "InternalError", retryable: false, requestId: "invocation-1", advice: expect.any(String) },
    });
    expect([statusCode, headers["retry-after"]]).toEqual([500, undefined]);
    const line = lines.find(({ message }) => message === "Invocation failed unexpectedly");
    expect(line).toMatchObject({ level: "ERROR", error: "TypeError: inside", stack: expect.stringContaining("at ") });
    expect(lines.find(({ outcome }) => outcome !== undefined)).toMatchObject({ outcome: "UnexpectedError" });
  });

  test("that is no error at all is a bare 500, too", async () => {
    const { handler, lines } = open(() => Promise.reject("thrown text"));
    expect((await ask(handler, http())).statusCode).toBe(500);
    const line = lines.find(({ message }) => message === "Invocation failed unexpectedly");
    expect(line).toMatchObject({ error: expect.stringContaining("thrown text") });
  });

  test("lists every fault with its path, what was found on the way among them", async () => {
    const { json, statusCode } = await ask(open(tell).handler, http({ body: '{"wish":"too long","colour":"red"}' }));
    expect(statusCode).toBe(400);
    expect(json["errors"]).toEqual([
      { path: "colour", message: "is unknown" },
      { path: "wish", message: "must have at most 5 characters" },
    ]);
    expect(json["detail"]).toBe("The input is not valid: colour is unknown; wish must have at most 5 characters");
  });
});

test("an operation that outlasts what the sandbox's clock says is not cut off: that clock may have been set", async () => {
  const { handler } = open(async () => {
    await systemClock.sleep(60);
    return tell();
  });
  expect(await handler({}, contextOf(20))).toEqual({ told: "it" });
});

test("every line that is written meanwhile carries the request's id, also where nobody gave one", async () => {
  const { handler, lines } = open(async ({ log }) => {
    log.info("from a part that knows nothing of requests");
    return tell();
  });
  await handler({}, contextOf(20_000));
  await handler({}, {} as Context);
  expect(lines.map(({ requestId }) => requestId)).toEqual(["invocation-1", "invocation-1", "local", "local"]);
});

test("whatever is invoked with, the end is the output or an error of the family", async () => {
  const { handler } = open(tell);
  await fc.assert(
    fc.asyncProperty(fc.anything(), async (event) => {
      const end = await handler(event, contextOf(20_000)).catch((error: unknown) => error);
      expect(end instanceof Error ? end.name : end).toEqual(
        end instanceof Error ? "InvalidInputError" : { told: "it" },
      );
    }),
    { numRuns: 500 },
  );
});
