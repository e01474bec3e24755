import type { Context } from "aws-lambda";
import { describe, expect, test } from "vitest";
import { invocationContext } from "../../shared/http/invocation-context.ts";
import type { Routes } from "../../shared/http/operation.ts";
import { type Clock, systemClock } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { eventOf, requestOf, through } from "./one-request.ts";

const clock: Clock = { ...systemClock, elapsed: () => 1_000 };
const log = createLog("INFO", () => undefined);
const routes: Routes = {
  "PUT /wishes/{name}": {},
  "POST /webhooks/{source}": { open: true, ownRequestId: true },
};
const link = invocationContext({ clock, log, routes });

const given = (event: unknown, context: object = { awsRequestId: "invocation-1" }) =>
  through(link, "before", requestOf({ event, context: context as Context }));

describe("the time that an operation is given", () => {
  test.each<[number | undefined, number]>([
    [20_000, 19_600],
    [300_000, 19_600],
    [5_000, 4_600],
    [401, 1],
    [300, 0],
    // No invocation begins so: the sandbox's clock is ahead.
    [0, 19_600],
    [-3_600_000, 19_600],
    [undefined, 19_600],
  ])("of an invocation that has %s ms left is %d ms", (left, milliseconds) => {
    const { context } = given({}, left === undefined ? {} : { getRemainingTimeInMillis: () => left });
    expect(context.invocation.deadline.remaining()).toBe(milliseconds);
  });
});

describe("the request id", () => {
  const headers = { "X-Request-Id": "theirs" };

  test.each<[string, unknown, string]>([
    ["of a request is the caller's", eventOf({ headers }), "theirs"],
    ["of a request is ours where the caller's is not sane", eventOf({ headers: { "x-request-id": "a b" } }), "ours"],
    ["of a request without one is ours", eventOf(), "ours"],
    ["of a stranger's delivery is ours", eventOf({ headers, routeKey: "POST /webhooks/{source}" }), "ours"],
    ["of a request that no route takes is the caller's", eventOf({ headers, routeKey: "$default" }), "theirs"],
    ["of a direct invocation is ours", { headers }, "ours"],
  ])("%s", (_, event, requestId) => {
    const { internal, context } = given(event, { awsRequestId: "ours" });
    expect([internal.requestId, context.invocation.requestId]).toEqual([requestId, requestId]);
  });

  test("is there also where nobody gave one", () => {
    expect(given({}, {}).internal.requestId).toBe("local");
  });
});

test("an operation is told who calls, and is given the log", () => {
  const authorizer = { iam: { userArn: "arn:x" } };
  const http = eventOf({ requestContext: { http: { method: "PUT" }, authorizer } });
  expect(given(http).context.invocation).toMatchObject({ caller: "arn:x", log });
  expect(given({}).context.invocation.caller).toBe("direct invocation");
});

test("the gateway's event is kept for the answer, and Lambda's context stays as it was", () => {
  const http = eventOf();
  const context = { awsRequestId: "invocation-1", functionName: "f" };
  const request = given(http, context);
  expect(request.internal.http).toBe(http);
  expect(request.context).toMatchObject(context);
  expect(Object.keys(context)).toEqual(["awsRequestId", "functionName"]);
  expect(given({ deviceId: "d" }).internal.http).toBeUndefined();
});
