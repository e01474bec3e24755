import { execFile } from "node:child_process";
import { once } from "node:events";
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type SecretsEndpoint, startSecretsEndpoint } from "../../../local/secrets-endpoint/server.ts";

const keys = { accessKeyId: "AKIDLOCAL", secretAccessKey: "local-secret-access-key" };
const token = (character: string) => character.repeat(32);
let endpoint: SecretsEndpoint;
let client: SecretsManagerClient;

const clientFor = (credentials = keys, maxAttempts = 1) =>
  new SecretsManagerClient({ endpoint: endpoint.url, region: "eu-central-1", credentials, maxAttempts });

/** The version's content and labels, or the name of the error. */
async function read(input: { SecretId?: string; VersionStage?: string; VersionId?: string } = {}) {
  try {
    const { SecretString, VersionStages } = await client.send(new GetSecretValueCommand({ SecretId: "s", ...input }));
    return `${SecretString} ${VersionStages?.toSorted().join()}`;
  } catch (error) {
    return error instanceof Error ? error.name : "no error";
  }
}

async function put(text: string, tokenCharacter: string, labels?: string[]): Promise<string> {
  const input = { SecretId: "s", SecretString: text, ClientRequestToken: token(tokenCharacter) };
  try {
    await client.send(new PutSecretValueCommand(labels === undefined ? input : { ...input, VersionStages: labels }));
    return "ok";
  } catch (error) {
    return error instanceof Error ? error.name : "no error";
  }
}

beforeEach(async () => {
  endpoint = await startSecretsEndpoint({
    credentials: { AKIDLOCAL: keys.secretAccessKey, OTHER: "x" },
    secrets: { s: null, app: "{}" },
  });
  client = clientFor();
});

afterEach(async () => {
  client.destroy();
  await endpoint.close();
});

describe("who asks", () => {
  test.each([
    ["an unknown key", { accessKeyId: "NOBODY", secretAccessKey: "x" }, "UnrecognizedClientException"],
    ["a wrong secret key", { accessKeyId: "OTHER", secretAccessKey: "wrong" }, "InvalidSignatureException"],
  ])("%s is refused", async (_, credentials, name) => {
    const sent = clientFor(credentials).send(new GetSecretValueCommand({ SecretId: "app" }));
    await expect(sent).rejects.toMatchObject({ name });
  });

  test.each([
    [{}, "MissingAuthenticationTokenException"],
    [{ authorization: "AWS4-HMAC-SHA256 nonsense" }, "IncompleteSignatureException"],
  ])("an unsigned or malformed request is refused: %j", async (headers, type) => {
    const answer = await fetch(endpoint.url, {
      method: "POST",
      headers: { ...headers, "x-amz-target": "secretsmanager.GetSecretValue" },
      body: "{}",
    });
    expect([answer.status, answer.headers.get("x-amzn-errortype")]).toEqual([400, type]);
    expect(await answer.json()).toMatchObject({ __type: type });
  });

  test("a denial holds for its key, secret and operation only", async () => {
    endpoint.deny.push({ accessKeyId: "AKIDLOCAL", secretId: "app", operation: "GetSecretValue" });
    expect(await read({ SecretId: "app" })).toBe("AccessDeniedException");
    const other = clientFor({ accessKeyId: "OTHER", secretAccessKey: "x" });
    expect((await other.send(new GetSecretValueCommand({ SecretId: "app" }))).SecretString).toBe("{}");
    await client.send(new DescribeSecretCommand({ SecretId: "app" }));
  });
});

describe("faults on demand", () => {
  test("the nth call of an operation fails, the ones around it do not", async () => {
    endpoint.faults.add({ kind: "throttle", operation: "GetSecretValue", secretId: "app", nth: 2 });
    const results = [await read({ SecretId: "app" }), await read({ SecretId: "app" }), await read({ SecretId: "app" })];
    expect(results).toEqual(["{} AWSCURRENT", "ThrottlingException", "{} AWSCURRENT"]);
  });

  test.each([
    // The SDK calls a connection that was cut a TimeoutError.
    ["error", "InternalServiceError", "ResourceNotFoundException"],
    ["error-after", "InternalServiceError", "one AWSCURRENT"],
    ["cut", "TimeoutError", "ResourceNotFoundException"],
    ["cut-after", "TimeoutError", "one AWSCURRENT"],
  ] as const)("%s: the caller sees %s, a reader then %s", async (kind, seen, after) => {
    endpoint.faults.add({ kind, operation: "PutSecretValue" });
    expect(await put("one", "1")).toBe(seen);
    expect(await read()).toBe(after);
  });

  test("a refusal carries the type it was given", async () => {
    endpoint.faults.add({ kind: "refuse", type: "DecryptionFailure", message: "KMS" });
    expect(await read({ SecretId: "app" })).toBe("DecryptionFailure");
  });

  test("a hanging call never answers, a slow one answers late", async () => {
    endpoint.faults.add({ kind: "hang", secretId: "app" }, { kind: "latency", secretId: "s", milliseconds: 60 });
    const hanging = client.send(new GetSecretValueCommand({ SecretId: "app" }), {
      abortSignal: AbortSignal.timeout(100),
    });
    await expect(hanging).rejects.toMatchObject({ name: "AbortError" });
    const before = performance.now();
    await put("one", "1");
    expect(performance.now() - before).toBeGreaterThan(55);
  });

  test("while it is down connections are refused; afterwards everything is as before", async () => {
    await endpoint.down();
    await expect(client.send(new GetSecretValueCommand({ SecretId: "app" }))).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
    await endpoint.up();
    expect(await read({ SecretId: "app" })).toBe("{} AWSCURRENT");
  });
});

describe("from another process", () => {
  test("the control face reads counters and adds faults", async () => {
    const fault = { kind: "throttle", operation: "GetSecretValue" };
    await fetch(`${endpoint.controlUrl}/faults`, { method: "POST", body: JSON.stringify(fault) });
    expect(await read({ SecretId: "app" })).toBe("ThrottlingException");
    await put("one", "1");
    const counters = await (await fetch(`${endpoint.controlUrl}/counters`)).json();
    expect(counters).toEqual({
      total: 2,
      byOperation: { GetSecretValue: 1, PutSecretValue: 1 },
      bySecret: { app: { GetSecretValue: 1 }, s: { PutSecretValue: 1 } },
      versionsWritten: { s: 1 },
    });
  });

  test.each([
    ["/faults", '{"kind":"none"}'],
    ["/faults", '{"kind":"throttle","nth":"all"}'],
    ["/deny", "null"],
    ["/deny", '{"secret":"app"}'],
    ["/advance", '{"milliseconds":"many"}'],
    ["/secrets", "{}"],
    ["/mood", "{"],
  ])("the control face refuses at %s %s, and the store goes on", async (path, body) => {
    const refused = await fetch(`${endpoint.controlUrl}${path}`, { method: "POST", body });
    expect(refused.status).toBe(400);
    expect(await read({ SecretId: "app" })).toBe("{} AWSCURRENT");
    expect(endpoint.store.now()).not.toBeNaN();
  });

  test("the endpoint runs alone, answers the SDK and ends on SIGTERM", async () => {
    const child = execFile(process.execPath, ["local/secrets-endpoint/main.ts", "--secret", "alone=1"]);
    const line = String((await once(child.stdout ?? child, "data"))[0]);
    const { url } = JSON.parse(line) as { url: string };
    const alone = new SecretsManagerClient({ endpoint: url, region: "eu-central-1", credentials: keys });
    expect((await alone.send(new GetSecretValueCommand({ SecretId: "alone" }))).SecretString).toBe("1");
    child.kill("SIGTERM");
    expect((await once(child, "exit"))[0]).toBe(0);
  });
});
