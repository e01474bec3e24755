import { text as textOf } from "node:stream/consumers";
import type { S3ClientConfig } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Listener, listen } from "../../local/listener.ts";
import { type LocalObjectStore, startObjectStore } from "../../local/object-store.ts";
import { createObjectStore, createS3Client } from "../../shared/runtime/objects.ts";

const access = { region: "eu-central-1", credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" } };
const storeAt = (endpoint: string, config: S3ClientConfig = {}) =>
  createObjectStore("fleet", createS3Client(endpoint, { ...access, ...config }));
const megabyte = 1024 * 1024;

async function bytesOf(chunks: AsyncIterable<Uint8Array> | undefined) {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks ?? []) all.push(chunk);
  return all;
}

describe("a bucket", () => {
  let bucket: LocalObjectStore;
  beforeEach(async () => {
    bucket = await startObjectStore();
  });
  afterEach(() => bucket.close());

  test.each(["runs/june/1.jsonl", "a b/(c)*'!~é+%.csv", "question?/hash#/100%25"])(
    "gives back under %j what was put there",
    async (key) => {
      const store = storeAt(bucket.url);
      await store.put(key, "Zürich\n");
      expect([...bucket.objects.keys()]).toEqual([`fleet/${key}`]);
      expect(await store.get(key)).toBe("Zürich\n");
      expect(await store.get(`${key}.other`)).toBeUndefined();
      expect(await store.read(`${key}.other`)).toBeUndefined();
    },
  );

  test.each(["..", "../other/key", "a/../b", "./a", "a/.", "a\ud800"])(
    "is not asked for %j, whose address would be that of another object",
    async (key) => {
      const store = storeAt(bucket.url);
      const said = { name: "InvalidInputError", message: 'A key must be text without "." or ".." between its slashes' };
      await expect(store.get(key)).rejects.toMatchObject(said);
      await expect(store.put(key, "text")).rejects.toMatchObject(said);
      await expect(store.read(key)).rejects.toMatchObject(said);
      expect(() => store.writer(key)).toThrow(said.message);
      expect(bucket.objects.size).toBe(0);
    },
  );

  test.each(["", "/"])("stands behind its endpoint, written with %j at the end", async (end) => {
    await storeAt(`${bucket.url}${end}`).put("key", "text");
    expect([...bucket.objects.keys()]).toEqual(["fleet/key"]);
  });

  test("replaces an object only while it is what was read, and makes one only where there is none", async () => {
    const store = storeAt(bucket.url);
    expect(await store.getTagged("lease")).toBeUndefined();
    expect(await store.replace("lease", "gone", '"0"')).toBe(false);
    expect(await store.replace("lease", "first", null)).toBe(true);
    expect(await store.replace("lease", "second", null)).toBe(false);
    const read = await store.getTagged("lease");
    expect(read?.text).toBe("first");
    expect(await store.replace("lease", "third", read?.etag ?? "")).toBe(true);
    expect(await store.replace("lease", "fourth", read?.etag ?? "")).toBe(false);
    expect(await store.get("lease")).toBe("third");
  });

  test.each([0, 1, megabyte - 1, megabyte, 2 * megabyte + 7])("reads %d bytes a megabyte at a time", async (length) => {
    const content = Buffer.alloc(length, "0123456789");
    bucket.objects.set("fleet/key", content);
    const chunks = await bytesOf(await storeAt(bucket.url).read("key"));
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    expect(Math.max(0, ...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(megabyte);
  });

  test("tells when an object is replaced while it is read, in place of mixing two", async () => {
    bucket.objects.set("fleet/key", Buffer.alloc(3 * megabyte, "a"));
    const chunks = (await storeAt(bucket.url).read("key")) ?? expect.fail();
    const reading = (async () => {
      for await (const _ of chunks) bucket.objects.set("fleet/key", Buffer.alloc(3 * megabyte, "b"));
    })();
    await expect(reading).rejects.toMatchObject({ name: "StoreUnavailableError" });
  });

  test.each([0, 1, 20])(
    "writes %d megabytes piece by piece, and nothing stands there before the end",
    async (megabytes) => {
      const writer = storeAt(bucket.url).writer("key");
      for (let piece = 0; piece < megabytes; piece += 1) await writer.write(`${piece % 10}`.repeat(megabyte));
      expect(bucket.objects.size).toBe(0);
      await writer.end();
      const written = bucket.objects.get("fleet/key")?.toString("utf8") ?? "";
      expect([written.length, written.at(-1)]).toEqual([
        megabytes * megabyte,
        megabytes === 0 ? undefined : `${(megabytes - 1) % 10}`,
      ]);
    },
  );

  test("names its folders, page after page", async () => {
    for (let run = 0; run < 1_200; run += 1) bucket.objects.set(`fleet/runs/r-${run}/plan.json`, Buffer.from("{}"));
    bucket.objects.set("fleet/runs/pace.json", Buffer.from("{}"));
    const folders = await storeAt(bucket.url).folders("runs/");
    expect([folders.length, new Set(folders).size, folders[0]]).toEqual([1_200, 1_200, "r-0"]);
  });
});

describe("a service", () => {
  /** A status and what is said with it; or the connection is cut, or nothing happens at all. */
  type Answer = readonly [status: number, body?: string] | "cut" | "half" | "silence";

  let service: Listener;
  let requests: string[];
  /** The next answers; the last one goes on. */
  let answers: Answer[];
  beforeEach(async () => {
    requests = [];
    service = await listen(async (request, response) => {
      const body = await textOf(request);
      requests.push(`${request.method} ${request.url?.split("?")[0]} ${body}`);
      const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? expect.fail();
      if (answer === "cut") request.socket.destroy();
      else if (answer === "half") request.socket.end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwh");
      else if (answer !== "silence") response.writeHead(answer[0]).end(answer[1]);
    });
  });
  afterEach(() => service.down());
  const store = () => storeAt(service.url);

  test.each<Answer>([[503, "<Error><Code>SlowDown</Code></Error>"], [500], "cut"])(
    "that answers %j is asked again, four times in all, and then it is down",
    async (answer) => {
      answers = [answer];
      await expect(store().put("key", "text")).rejects.toMatchObject({
        ...{ name: "StoreUnavailableError", message: "The bucket of fleet runs does not answer", retryable: true },
      });
      expect(requests).toEqual(Array(4).fill("PUT /fleet/key text"));
      answers = [answer, [200, "text"]];
      expect(await store().get("key")).toBe("text");
    },
  );

  test("that cuts its answer in the middle is down", async () => {
    answers = ["half"];
    await expect(store().get("key")).rejects.toMatchObject({ name: "StoreUnavailableError" });
  });

  test("that is silent is waited for within a limit", async () => {
    answers = ["silence"];
    const impatient = storeAt(service.url, {
      maxAttempts: 2,
      requestHandler: { requestTimeout: 50, throwOnRequestTimeout: true },
    });
    await expect(impatient.get("key")).rejects.toMatchObject({ name: "StoreUnavailableError" });
    expect(requests).toHaveLength(2);
  });

  test.each<[string, Answer]>([
    ["AccessDenied", [403, "<Error><Code>AccessDenied</Code></Error>"]],
    ["NoSuchBucket", [404, "<Error><Code>NoSuchBucket</Code></Error>"]],
    ["PermanentRedirect", [301, "<Error><Code>PermanentRedirect</Code></Error>"]],
    ["InvalidRequest", [400, "<Error><Code>InvalidRequest</Code></Error>"]],
  ])("that refuses with %s is not asked again: it is a ConfigurationError", async (name, answer) => {
    const works = [
      (one: ReturnType<typeof store>) => one.get("key"),
      (one: ReturnType<typeof store>) => one.put("key", "text"),
      (one: ReturnType<typeof store>) => one.replace("key", "text", null),
      (one: ReturnType<typeof store>) => one.read("key"),
    ];
    answers = [answer];
    for (const work of works) {
      await expect(work(store())).rejects.toMatchObject({
        ...{ name: "ConfigurationError", message: "The bucket of fleet runs cannot be used" },
        cause: { name },
      });
    }
    expect(requests).toHaveLength(works.length);
  });

  test("is not down where the failure is ours: a bug is thrown as it is, no region is a ConfigurationError", async () => {
    const bug = new TypeError("A bug");
    const broken = storeAt(service.url, { requestHandler: { handle: () => Promise.reject(bug) } });
    await expect(broken.get("key")).rejects.toBe(bug);
    const nowhere = storeAt(service.url, { region: () => Promise.reject<never>(new Error("Region is missing")) });
    await expect(nowhere.get("key")).rejects.toMatchObject({ name: "ConfigurationError" });
  });

  test("that fails in the middle of a long object is told to forget its parts", async () => {
    answers = [
      [200, "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>"],
      [403, "<Error><Code>AccessDenied</Code></Error>"],
      [204],
    ];
    const writer = store().writer("key");
    await writer.write("a".repeat(9 * megabyte));
    await expect(writer.end()).rejects.toMatchObject({ name: "ConfigurationError" });
    expect(requests.at(-1)).toBe("DELETE /fleet/key ");
  });
});
