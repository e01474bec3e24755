import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { type Lambda, type LambdaOptions, startLambda } from "../../local/lambda.ts";
import { type Outcome, type Sandbox, type SandboxOptions, startSandbox } from "../../local/sandbox.ts";

const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}.mjs`, import.meta.url));
const echo = { bundle: fixture("echo"), environment: { GIVEN: "1" } };
const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function sandboxOf(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({ ...echo, functionName: "echo", ...options });
  cleanUps.push(sandbox.close);
  return sandbox;
}

async function lambdaOf(options: Partial<LambdaOptions> = {}): Promise<Lambda> {
  const lambda = await startLambda({ functions: { echo }, retryDelaysMilliseconds: [5, 5], ...options });
  cleanUps.push(lambda.close);
  return lambda;
}

const resultOf = (outcome: Outcome) => (outcome.ok ? outcome.result : outcome.error) as Record<string, unknown>;

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("a sandbox", () => {
  test("gives the handler the event and a context with the time that is left", async () => {
    const sandbox = await sandboxOf({ timeoutSeconds: 5 });
    const outcome = await sandbox.invoke({ hello: "world" }, "request-1");
    expect(resultOf(outcome)).toMatchObject({
      event: { hello: "world" },
      context: {
        functionName: "echo",
        functionVersion: "$LATEST",
        awsRequestId: "request-1",
        memoryLimitInMB: "1024",
        invokedFunctionArn: "arn:aws:lambda:eu-central-1:123456789012:function:echo",
      },
    });
    expect(resultOf(outcome)["remaining"]).toBeGreaterThan(4000);
    expect(resultOf(outcome)["remaining"]).toBeLessThanOrEqual(5000);
  });

  test("keeps its state between invocations and its own process", async () => {
    const sandbox = await sandboxOf();
    await sandbox.invoke({});
    expect(resultOf(await sandbox.invoke({}))).toMatchObject({ calls: 2, pid: sandbox.pid });
    expect(sandbox.pid).not.toBe(process.pid);
  });

  test("sees the environment it was given and Lambda's own, nothing of this process's", async () => {
    const environment = resultOf(await (await sandboxOf()).invoke({ action: "environment" }));
    expect(environment).toMatchObject({ GIVEN: "1", AWS_LAMBDA_FUNCTION_NAME: "echo" });
    expect(environment).not.toHaveProperty("PATH");
    expect(environment).not.toHaveProperty("VITEST");
  });

  test("reports what was thrown by its name and message, and lives on", async () => {
    const sandbox = await sandboxOf();
    expect(resultOf(await sandbox.invoke({ action: "throw" }))).toMatchObject({
      errorType: "DeviceNotFoundError",
      errorMessage: "No such device",
    });
    expect((await sandbox.invoke({})).ok).toBe(true);
  });

  test("is killed when the function's time is over", async () => {
    const sandbox = await sandboxOf({ timeoutSeconds: 0.2 });
    const outcome = await sandbox.invoke({ action: "sleep" }, "r");
    expect(resultOf(outcome)).toEqual({
      errorType: "Sandbox.Timedout",
      errorMessage: "RequestId: r Error: Task timed out after 0.20 seconds",
    });
    expect(sandbox.alive).toBe(false);
    await sandbox.close();
    expect(lives(sandbox.pid)).toBe(false);
  });

  test.each([
    ["exit", "Runtime.ExitError", "exit status 3"],
    ["reject", "Runtime.UnhandledPromiseRejection", "Forgotten"],
  ])("that dies during an invocation (%s) reports %s", async (action, errorType, part) => {
    const sandbox = await sandboxOf();
    const error = resultOf(await sandbox.invoke({ action }));
    expect(error["errorType"]).toBe(errorType);
    expect(error["errorMessage"]).toContain(part);
    expect(sandbox.alive).toBe(false);
  });

  test("reports a result that JSON cannot say, and lives on", async () => {
    const sandbox = await sandboxOf();
    expect(resultOf(await sandbox.invoke({ action: "unsayable" }))).toEqual({
      errorType: "Runtime.MarshalError",
      errorMessage: "Unable to stringify response body",
    });
    expect((await sandbox.invoke({})).ok).toBe(true);
  });

  test("with a bundle that cannot be loaded reports why", async () => {
    const sandbox = await sandboxOf({ bundle: fixture("broken") });
    expect(resultOf(await sandbox.invoke({}))).toMatchObject({
      errorType: "RangeError",
      errorMessage: "The bundle is broken",
    });
  });

  test("does nothing while it is frozen and goes on when it is thawed", async () => {
    const sandbox = await sandboxOf();
    sandbox.freeze();
    let done = false;
    const outcome = sandbox.invoke({}).finally(() => {
      done = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(done).toBe(false);
    sandbox.thaw();
    expect((await outcome).ok).toBe(true);
  });

  test("that is killed ends its invocation with Runtime.ExitError", async () => {
    const sandbox = await sandboxOf();
    const outcome = sandbox.invoke({ action: "sleep" });
    sandbox.kill();
    expect(resultOf(await outcome)).toMatchObject({ errorType: "Runtime.ExitError" });
  });
});

describe("the local Lambda", () => {
  test("reuses a warm sandbox, and starts one more for each concurrent invocation up to the limit", async () => {
    const lambda = await lambdaOf({ functions: { echo: { ...echo, maxConcurrency: 2 } } });
    await lambda.invoke("echo", {});
    await lambda.invoke("echo", {});
    expect(lambda.sandboxes("echo")).toHaveLength(1);
    const all = await Promise.all(
      Array.from({ length: 5 }, () => lambda.invoke("echo", { action: "sleep", milliseconds: 30 })),
    );
    expect(all.every((one) => one.ok)).toBe(true);
    expect(lambda.sandboxes("echo")).toHaveLength(2);
  });

  test("replaces a sandbox that died", async () => {
    const lambda = await lambdaOf();
    await lambda.invoke("echo", { action: "exit" });
    expect((await lambda.invoke("echo", {})).ok).toBe(true);
  });

  test("repeats a failed asynchronous invocation twice and keeps it as a dead letter", async () => {
    const lambda = await lambdaOf();
    const requestId = lambda.invokeAsync("echo", { action: "throw" });
    await lambda.settled();
    expect(lambda.deadLetters).toMatchObject([{ functionName: "echo", requestId, event: { action: "throw" } }]);
    expect(lambda.sandboxes("echo")[0]?.invocations).toBe(3);
  });

  test("collects what the functions write", async () => {
    const lambda = await lambdaOf({ freezeIdle: true });
    await lambda.invoke("echo", { action: "log", message: "seen" });
    await lambda.invoke("echo", {});
    await expect
      .poll(() => lambda.lines)
      .toContainEqual({
        functionName: "echo",
        line: '{"level":"INFO","message":"seen"}',
      });
  });

  test("keeps the newest 10,000 lines, and goes on handing out the end of an invocation's log", async () => {
    const lambda = await lambdaOf();
    await lambda.invoke("echo", { action: "logs", count: 10_500 });
    await expect.poll(() => lambda.lines.at(-1)?.line).toBe("10500");
    expect([lambda.lines.length, lambda.lines[0]?.line]).toEqual([10_000, "501"]);
    const log = async () => {
      const { headers } = await fetch(`${lambda.url}/2015-03-31/functions/echo/invocations`, {
        method: "POST",
        headers: { "x-amz-log-type": "Tail" },
        body: '{"action":"log","message":"seen"}',
      });
      return Buffer.from(headers.get("x-amz-log-result") ?? "", "base64").toString();
    };
    await expect.poll(log).toMatch(/^(\{"level":"INFO","message":"seen"\}\n?)+$/);
  });

  test("leaves no process behind when it is closed, frozen ones included", async () => {
    const lambda = await lambdaOf({ freezeIdle: true });
    await lambda.invoke("echo", {});
    const pids = lambda.sandboxes("echo").map((one) => one.pid);
    await lambda.close();
    expect(pids.map(lives)).toEqual([false]);
  });

  test("answers the Invoke API as Lambda does", async () => {
    const lambda = await lambdaOf();
    const post = (name: string, body: string, headers: Record<string, string> = {}) =>
      fetch(`${lambda.url}/2015-03-31/functions/${name}/invocations`, { method: "POST", body, headers });
    const good = await post(encodeURIComponent("arn:aws:lambda:eu-central-1:123456789012:function:echo"), '{"a":1}');
    expect([good.status, good.headers.get("x-amz-function-error")]).toEqual([200, null]);
    expect(await good.json()).toMatchObject({ event: { a: 1 } });
    const bad = await post("echo:$LATEST", '{"action":"throw"}');
    expect([bad.status, bad.headers.get("x-amz-function-error")]).toEqual([200, "Unhandled"]);
    expect(await bad.json()).toMatchObject({ errorType: "DeviceNotFoundError" });
    expect((await post("echo", "{}", { "x-amz-invocation-type": "Event" })).status).toBe(202);
    const unknown = await post("none", "{}");
    expect([unknown.status, unknown.headers.get("x-amzn-errortype")]).toEqual([404, "ResourceNotFoundException"]);
    expect((await post("echo", "{")).status).toBe(400);
    await lambda.settled();
  });
});
