import { Readable } from "node:stream";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createObjectStore, signedHeaders } from "../../shared/runtime/objects.ts";
import { access } from "./example-access.ts";

const beginMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const storeOf = (changes: Partial<typeof access>) =>
  createObjectStore({ bucket: "fleet", access: { ...access, ...changes }, clock: systemClock });

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a signature", () => {
  test.each([
    [
      "GET",
      "https://examplebucket.s3.amazonaws.com/test.txt",
      "",
      { range: "bytes=0-9" },
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ],
    [
      "PUT",
      "https://examplebucket.s3.amazonaws.com/test%24file.text",
      "Welcome to Amazon S3.",
      { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ],
  ])("of a %s is that of AWS's own example", (method, url, body, headers, signature) => {
    const request = { method, url: new URL(url), body, headers };
    const { authorization } = signedHeaders(request, access, new Date("2013-05-24T00:00:00Z"));
    expect(authorization?.split("Signature=")[1]).toBe(signature);
  });

  test("does not change with the blanks around a header's value, and the host is not sent by us", () => {
    const url = new URL("https://fleet.s3.us-east-1.amazonaws.com/key");
    const signed = (range: string) =>
      signedHeaders({ method: "GET", url, body: "", headers: { range } }, access, new Date(beginMs));
    expect(signed("  bytes=0-9 ")["authorization"]).toBe(signed("bytes=0-9")["authorization"]);
    expect(signed("bytes=0-9")).not.toHaveProperty("host");
  });
});

describe("beside AWS's own client", () => {
  interface Sent {
    readonly address: string;
    readonly headers: Readonly<Record<string, string>>;
  }
  interface Case {
    readonly key: string;
    readonly region?: string;
    readonly sessionToken?: string;
    /** Written when there is one, else read. */
    readonly text?: string;
  }

  async function sentByUs({ key, text, region = access.region, sessionToken = "" }: Case): Promise<Sent> {
    const sent: Sent[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (address, options) => {
      sent.push({ address: String(address), headers: Object.fromEntries(new Headers(options?.headers)) });
      return new Response("");
    });
    const store = storeOf({ region, sessionToken });
    await (text === undefined ? store.get(key) : store.put(key, text));
    return sent[0] ?? expect.fail();
  }

  async function sentByAws({ key, text, region = access.region, sessionToken = "" }: Case): Promise<Sent> {
    const sent: Sent[] = [];
    const { accessKeyId, secretAccessKey } = access;
    const client = new S3Client({
      ...{ region, maxAttempts: 1, requestChecksumCalculation: "WHEN_REQUIRED" },
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken === "" ? {} : { sessionToken }) },
      requestHandler: {
        handle: async (request: {
          readonly hostname: string;
          readonly path: string;
          readonly headers: Sent["headers"];
        }) => {
          sent.push({ address: `https://${request.hostname}${request.path}`, headers: request.headers });
          return { response: { statusCode: 200, headers: {}, body: Readable.from([]) } };
        },
      },
    });
    // It says in a query which of its commands this is, which S3 does not ask for.
    client.middlewareStack.add(
      (next) => (args) => {
        Object.assign(args.request as object, { query: {} });
        return next(args);
      },
      { step: "build" },
    );
    const place = { Bucket: "fleet", Key: key };
    if (text === undefined) await client.send(new GetObjectCommand(place));
    else await client.send(new PutObjectCommand({ ...place, Body: text }));
    return sent[0] ?? expect.fail();
  }

  const cases: readonly Case[] = [
    { key: "runs/june/progress.json" },
    { key: "runs/june/progress.json", text: '{"done":1}' },
    { key: "a b+c%20d/é/ü.csv", region: "eu-central-1", text: "Zürich\n" },
    { key: "-._~!'()*$&,;:=@?#[]\"<>\\^`{|}", text: " " },
    { key: "a//b/", region: "cn-north-1" },
    { key: "inbox/june.csv", region: "us-gov-west-1", sessionToken: "IQoJ//+token==" },
    { key: "inbox/june.csv", sessionToken: "IQoJ//+token==", text: "deviceId\n" },
  ];

  test.each(cases)("the request for %j has the same address, hash of its content and token", async (one) => {
    const [ours, aws] = [await sentByUs(one), await sentByAws(one)];
    expect(ours.address).toBe(aws.address);
    for (const name of ["x-amz-content-sha256", "x-amz-security-token"]) {
      expect(ours.headers[name]).toBe(aws.headers[name]);
    }
  });

  test.each(cases)("the request for %j has the same signature over the same headers", async (one) => {
    const { address, headers } = await sentByAws(one);
    const signedByAws = /SignedHeaders=([^,]+), Signature=(\w+)/.exec(headers["authorization"] ?? "") ?? [];
    const names = signedByAws[1]?.split(";") ?? [];
    const own = ["host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];
    const further = names.filter((name) => !own.includes(name)).map((name) => [name, headers[name] ?? ""]);
    const [, year, month, day, hour, minute, second] =
      /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headers["x-amz-date"] ?? "") ?? [];
    const ours = signedHeaders(
      {
        ...{ method: one.text === undefined ? "GET" : "PUT", url: new URL(address), body: one.text ?? "" },
        headers: Object.fromEntries(further),
      },
      { ...access, region: one.region ?? access.region, sessionToken: one.sessionToken ?? "" },
      new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.999Z`),
    );
    expect(ours["authorization"]).toContain(`SignedHeaders=${names.join(";")},Signature=${signedByAws[2]}`);
    expect(ours).toMatchObject(
      Object.fromEntries(own.slice(1).flatMap((name) => (names.includes(name) ? [[name, headers[name]]] : []))),
    );
  });
});
