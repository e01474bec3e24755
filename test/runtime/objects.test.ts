import { text as textOf } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type LocalObjectStore, startObjectStore } from "../../local/object-store.ts";
import { type Listener, listen } from "../../local/secrets-endpoint/listener.ts";
import { RekeyError } from "../../shared/errors.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { createObjectStore } from "../../shared/runtime/objects.ts";
import { access } from "./example-access.ts";

const beginMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
let nowMs: number;
let waits: number[];
/** Sleeping takes no time here, but moves the hands. */
const clock: Clock = {
  now: () => nowMs,
  elapsed: () => nowMs,
  sleep: async (milliseconds) => {
    waits.push(milliseconds);
    nowMs += milliseconds;
  },
};
const storeOf = (changes: Partial<typeof access>) =>
  createObjectStore({ bucket: "fleet", access: { ...access, ...changes }, clock });
const failure = async (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
  );

beforeEach(() => {
  nowMs = beginMs;
  waits = [];
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("a bucket", () => {
  let bucket: LocalObjectStore;
  beforeEach(async () => {
    bucket = await startObjectStore();
  });
  afterEach(() => bucket.close());

  test.each(["runs/june/1.jsonl", "a b/(c)*'!~é+%.csv", "question?/hash#/100%25"])(
    "gives back under %j what was put there",
    async (key) => {
      const store = storeOf({ s3Endpoint: bucket.url });
      await store.put(key, "Zürich\n");
      expect([...bucket.objects.keys()]).toEqual([`fleet/${key}`]);
      expect(await store.get(key)).toBe("Zürich\n");
      expect(await store.get(`${key}.other`)).toBeUndefined();
    },
  );

  test.each(["..", "../other/key", "a/../b", "./a", "a/.", "a\ud800"])(
    "is not asked for %j, whose address would be that of another object",
    async (key) => {
      const store = storeOf({ s3Endpoint: bucket.url });
      await expect(store.get(key)).rejects.toMatchObject({
        ...{ name: "InvalidInputError", message: 'A key must be text without "." or ".." between its slashes' },
      });
      await expect(store.put(key, "text")).rejects.toMatchObject({ name: "InvalidInputError" });
      expect(bucket.objects.size).toBe(0);
    },
  );

  test.each(["", "/", "//"])("stands behind its endpoint, written with %j at the end", async (end) => {
    await storeOf({ s3Endpoint: `${bucket.url}${end}` }).put("key", "text");
    expect([...bucket.objects.keys()]).toEqual(["fleet/key"]);
  });
});

describe("a service", () => {
  interface Request {
    readonly line: string;
    readonly time: string;
    readonly body: string;
  }
  /** A status and what is said with it; or the connection is cut, or nothing happens at all. */
  type Answer = readonly [status: number, body?: string] | "cut" | "half" | "silence";

  let service: Listener;
  let requests: Request[];
  /** The next answers; the last one goes on. */
  let answers: Answer[];
  beforeEach(async () => {
    requests = [];
    service = await listen(async (request, response) => {
      const body = await textOf(request);
      const { method, url, headers, socket } = request;
      requests.push({ line: `${method} ${url}`, time: String(headers["x-amz-date"]), body });
      const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? expect.fail();
      if (answer === "cut") socket.destroy();
      else if (answer === "half") socket.end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwh");
      else if (answer !== "silence") response.writeHead(answer[0]).end(answer[1]);
    });
  });
  afterEach(() => service.down());
  const get = () => storeOf({ s3Endpoint: service.url }).get("key");
  const put = () => storeOf({ s3Endpoint: service.url }).put("key", "text");

  test("that fails is asked again, each time after twice as long, with a signature of that moment", async () => {
    answers = [[503], [429], "cut", [500], [200]];
    await put();
    expect(waits).toEqual([400, 800, 1_600, 3_200]);
    expect(requests.map(({ time }) => time)).toEqual([
      "20260102T030405Z",
      "20260102T030406Z",
      "20260102T030406Z",
      "20260102T030408Z",
      "20260102T030411Z",
    ]);
    expect(new Set(requests.map(({ line, body }) => `${line} ${body}`))).toEqual(new Set(["PUT /fleet/key text"]));
  });

  test.each<[Answer, string]>([
    [[500], "status 500"],
    [[503, "<Code>SlowDown</Code>"], "status 503"],
    [[429], "status 429"],
    ["cut", "TypeError"],
  ])("whose every answer is %j is asked five times, and no more", async (answer, fault) => {
    answers = [answer];
    const said = `Error: The object store did not answer 5 times: ${fault}`;
    expect([await failure(get()), await failure(put())]).toEqual([said, said]);
    expect(requests).toHaveLength(10);
  });

  test("that cuts its answer in the middle is asked again", async () => {
    answers = ["half", [200, "whole"]];
    expect(await get()).toBe("whole");
    expect(requests).toHaveLength(2);
  });

  test("of which an object is missing whose name is that of an error has no such object", async () => {
    answers = [[404, "<Error><Code>NoSuchKey</Code><Key>NoSuchBucket.csv</Key></Error>"]];
    expect(await get()).toBeUndefined();
  });

  test("that is silent is waited for half a minute each time", async () => {
    const timeouts: number[] = [];
    const { timeout } = AbortSignal;
    vi.spyOn(AbortSignal, "timeout").mockImplementation((milliseconds) => {
      timeouts.push(milliseconds);
      return timeout.call(AbortSignal, 20);
    });
    answers = ["silence"];
    expect(await failure(get())).toBe("Error: The object store did not answer 5 times: TimeoutError");
    expect(timeouts).toEqual(Array(5).fill(30_000));
  });

  test.each<[string, string, () => Promise<unknown>, Answer]>([
    ["get", "403 AccessDenied", get, [403, "<Error><Code>AccessDenied</Code></Error>"]],
    ["put", "403 AccessDenied", put, [403, "<Error><Code>AccessDenied</Code></Error>"]],
    ["get", "404 NoSuchBucket", get, [404, "<Error><Code>NoSuchBucket</Code></Error>"]],
    ["put", "404 NoSuchBucket", put, [404, "<Error><Code>NoSuchBucket</Code></Error>"]],
    ["get", "301 PermanentRedirect", get, [301, "<Error><Code>PermanentRedirect</Code></Error>"]],
    ["get", "400 ", get, [400, "no XML"]],
    ["put", "499 ", put, [499]],
  ])("that refuses a %s with %s is not asked again: it is a ConfigurationError", async (_, said, work, answer) => {
    answers = [answer];
    const error: unknown = await work().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RekeyError);
    expect(error).toMatchObject({
      ...{ name: "ConfigurationError", message: "The bucket of fleet runs cannot be used" },
      cause: { message: `S3 answered ${said}` },
    });
    expect([requests.length, waits]).toEqual([1, []]);
  });
});
