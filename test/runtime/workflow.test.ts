import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type Listener, listen } from "../../local/listener.ts";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { createWorkflow } from "../../shared/runtime/workflow.ts";

interface Answer {
  readonly status: number;
  /** The service's name for an error. */
  readonly type?: string;
  /** What it says beside an execution's ARN. */
  readonly said?: object;
}

const arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:rekeyDevice";
const within = (milliseconds = 10_000) => deadlineIn(milliseconds, systemClock);
let service: Listener;
let requests: { target: string; input: unknown }[];
/** The next answers; silence after the last one. */
let answers: Answer[];

beforeAll(async () => {
  service = await listen(async (request, response) => {
    requests.push({ target: String(request.headers["x-amz-target"]), input: JSON.parse(await text(request)) });
    const answer = answers.shift();
    if (answer === undefined) return;
    const said =
      answer.type === undefined
        ? { executionArn: `${arn}:run`, startDate: 0, ...answer.said }
        : { __type: answer.type, message: "No" };
    response.writeHead(answer.status, { "content-type": "application/x-amz-json-1.0" }).end(JSON.stringify(said));
  });
});
afterAll(() => service.down());
beforeEach(() => {
  requests = [];
  answers = [];
  vi.stubEnv("AWS_ENDPOINT_URL_SFN", service.url);
  vi.stubEnv("AWS_REGION", "eu-central-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "local");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "local");
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test("an execution is started under its name, with its input as JSON", async () => {
  answers = [{ status: 200 }];
  await createWorkflow(arn).start("delivery-1", { deviceId: "d-1", note: 'a "quoted" word' }, within());
  expect(requests).toEqual([
    {
      target: "AWSStepFunctions.StartExecution",
      input: {
        ...{ stateMachineArn: arn, name: "delivery-1" },
        input: '{"deviceId":"d-1","note":"a \\"quoted\\" word"}',
      },
    },
  ]);
});

test("one begins now, unless its name was used before", async () => {
  answers = [{ status: 200 }, { status: 400, type: "ExecutionAlreadyExists" }];
  const { start } = createWorkflow(arn);
  expect(await start("delivery-0", {}, within())).toBe(true);
  requests = [];
  expect(await start("delivery-1", {}, within())).toBe(false);
  expect(requests).toHaveLength(1);
});

describe("an execution that has a name", () => {
  const find = () => createWorkflow(arn).find("delivery-1", within());

  test("is found by it, with its input and how it ended", async () => {
    answers = [{ status: 200, said: { input: '{"deviceId":"d-1"}', stopDate: 1_790_000_000.5, status: "SUCCEEDED" } }];
    expect(await find()).toEqual({ input: { deviceId: "d-1" }, endedAtMs: 1_790_000_000_500, hasSucceeded: true });
    expect(requests).toEqual([
      {
        target: "AWSStepFunctions.DescribeExecution",
        input: { executionArn: "arn:aws:states:eu-central-1:123456789012:execution:rekeyDevice:delivery-1" },
      },
    ]);
  });

  test("has no end while it runs, and has not succeeded where it failed", async () => {
    answers = [
      { status: 200, said: { input: "{}", status: "RUNNING" } },
      { status: 200, said: { input: "{}", stopDate: 1, status: "FAILED" } },
    ];
    expect(await find()).toEqual({ input: {}, endedAtMs: undefined, hasSucceeded: false });
    expect(await find()).toEqual({ input: {}, endedAtMs: 1_000, hasSucceeded: false });
  });

  test("has no input where the service tells none, or something else than JSON", async () => {
    answers = [{ status: 200 }, { status: 200, said: { input: "{" } }];
    expect([(await find()).input, (await find()).input]).toEqual([undefined, undefined]);
  });

  test.each(["ExecutionDoesNotExist", "AccessDeniedException"])(
    "is not found where the service says %s",
    async (type) => {
      answers = [{ status: 400, type }];
      await expect(find()).rejects.toMatchObject({ name: type });
    },
  );
});

test.each(["StateMachineDoesNotExist", "AccessDeniedException", "InvalidName", "KmsAccessDeniedException"])(
  "one that is refused with %s fails with just that, and is asked for once",
  async (type) => {
    answers = [{ status: 400, type }, { status: 200 }];
    await expect(createWorkflow(arn).start("delivery-1", {}, within())).rejects.toMatchObject({ name: type });
    expect(requests).toHaveLength(1);
  },
);

test("one that a fault of the service hits is asked for a second time, under the same name", async () => {
  answers = [{ status: 500, type: "InternalServerError" }, { status: 200 }];
  await createWorkflow(arn).start("delivery-1", { deviceId: "d-1" }, within());
  expect(requests).toHaveLength(2);
  expect(requests[1]).toEqual(requests[0]);
});

test("one that two faults hit fails, for what it was started for must be done without it in time", async () => {
  answers = [
    { status: 500, type: "InternalServerError" },
    { status: 500, type: "InternalServerError" },
    { status: 200 },
  ];
  await expect(createWorkflow(arn).start("delivery-1", {}, within())).rejects.toMatchObject({
    name: "InternalServerError",
  });
  expect(requests).toHaveLength(2);
});

test("a service that is down fails the start", async () => {
  await service.down();
  await expect(createWorkflow(arn).start("delivery-1", {}, within())).rejects.toThrow("ECONNREFUSED");
  await service.up();
});

test("a service that is silent is waited for until half of what is left is gone", async () => {
  const startedAtMs = systemClock.elapsed();
  await expect(createWorkflow(arn).start("delivery-1", {}, within(900))).rejects.toThrow();
  // How much later a busy machine comes to it is not ours; the next test says what is asked for.
  expect(systemClock.elapsed() - startedAtMs).toBeGreaterThanOrEqual(440);
});

test.each([
  [15_000, 7_500],
  [4_499, 2_249],
  [100, 50],
  [0, 1],
])("of %d ms that are left a start takes %d at most", async (leftMs, longestMs) => {
  const timeouts: number[] = [];
  vi.spyOn(AbortSignal, "timeout").mockImplementation((milliseconds) => {
    timeouts.push(milliseconds);
    return AbortSignal.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  });
  await expect(createWorkflow(arn).start("delivery-1", {}, { remaining: () => leftMs })).rejects.toThrow();
  expect(timeouts).toEqual([longestMs]);
});
