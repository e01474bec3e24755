import {
  BatchGetSecretValueCommand,
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
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

async function move(label: string, from?: string, to?: string): Promise<string> {
  try {
    const input = { SecretId: "s", VersionStage: label };
    const ids = {
      ...(from === undefined ? {} : { RemoveFromVersionId: token(from) }),
      ...(to === undefined ? {} : { MoveToVersionId: token(to) }),
    };
    await client.send(new UpdateSecretVersionStageCommand({ ...input, ...ids }));
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

describe("versions and labels", () => {
  test("a secret that is empty, or missing, is a ResourceNotFoundException with the service's own words", async () => {
    const empty = client.send(new GetSecretValueCommand({ SecretId: "s" }));
    await expect(empty).rejects.toThrow(
      "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    );
    const missing = client.send(new GetSecretValueCommand({ SecretId: "none" }));
    await expect(missing).rejects.toMatchObject({
      name: "ResourceNotFoundException",
      message: "Secrets Manager can't find the specified secret.",
      $metadata: { httpStatusCode: 400, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
  });

  test("the first version gets AWSCURRENT besides the label that was asked for, later ones only what was asked", async () => {
    await put("one", "1", ["lease"]);
    expect(await read()).toBe("one AWSCURRENT,lease");
    await put("two", "2", ["lease"]);
    expect(await read()).toBe("one AWSCURRENT");
    expect(await read({ VersionStage: "lease" })).toBe("two lease");
  });

  test("without labels AWSCURRENT moves and AWSPREVIOUS follows", async () => {
    for (const one of ["1", "2", "3"]) await put(one, one);
    expect(await read()).toBe("3 AWSCURRENT");
    expect(await read({ VersionStage: "AWSPREVIOUS" })).toBe("2 AWSPREVIOUS");
    const described = await client.send(new DescribeSecretCommand({ SecretId: "s" }));
    expect(described.VersionIdsToStages).toEqual({ [token("3")]: ["AWSCURRENT"], [token("2")]: ["AWSPREVIOUS"] });
    const labelled = await client.send(new ListSecretVersionIdsCommand({ SecretId: "s" }));
    const all = await client.send(new ListSecretVersionIdsCommand({ SecretId: "s", IncludeDeprecated: true }));
    expect([labelled.Versions?.length, all.Versions?.length]).toEqual([2, 3]);
  });

  test("the same token with the same content changes nothing, with other content it is refused", async () => {
    await put("one", "1");
    await put("two", "2");
    expect(await put("one", "1")).toBe("ok");
    expect(await read()).toBe("two AWSCURRENT");
    expect(await put("other", "1")).toBe("ResourceExistsException");
    expect(endpoint.counters.versionsWritten("s")).toBe(2);
  });

  test("of twenty puts at once with one token and different content exactly one succeeds", async () => {
    const results = await Promise.all(Array.from({ length: 20 }, (_, index) => put(`content ${index}`, "1")));
    expect(results.filter((one) => one === "ok")).toHaveLength(1);
    expect(results.filter((one) => one === "ResourceExistsException")).toHaveLength(19);
  });

  test.each([31, 65])("a ClientRequestToken of %i characters is refused", async (length) => {
    const sent = client.send(
      new PutSecretValueCommand({ SecretId: "s", SecretString: "x", ClientRequestToken: "t".repeat(length) }),
    );
    await expect(sent).rejects.toMatchObject({ name: "InvalidParameterException" });
  });

  test("a label moves only when its holder is named", async () => {
    await put("one", "1");
    await put("two", "2", ["lease"]);
    await put("three", "3", ["spare"]);
    expect(await move("lease", undefined, "3")).toBe("InvalidParameterException");
    expect(await move("lease", "1", "3")).toBe("InvalidParameterException");
    expect(await move("lease", "9", "3")).toBe("ResourceNotFoundException");
    expect(await move("lease", "2", "9")).toBe("ResourceNotFoundException");
    expect(await read({ VersionStage: "lease" })).toBe("two lease");
    expect(await move("lease", "2", "3")).toBe("ok");
    expect(await read({ VersionStage: "lease" })).toBe("three lease,spare");
    expect(await move("lease", "2", "1")).toBe("InvalidParameterException");
    expect(await move("fresh", undefined, "1")).toBe("ok");
    expect(await move("fresh", "1")).toBe("ok");
    expect(await move("fresh", "1", "3")).toBe("InvalidParameterException");
    expect(await move("AWSCURRENT", "1")).toBe("InvalidParameterException");
  });

  test("of twenty moves at once from one holder exactly one succeeds", async () => {
    await put("one", "1", ["lease"]);
    await put("two", "2", ["spare"]);
    const results = await Promise.all(Array.from({ length: 20 }, () => move("lease", "1", "2")));
    expect(results.filter((one) => one === "ok")).toHaveLength(1);
  });

  test("moving AWSCURRENT back moves AWSPREVIOUS to where it came from", async () => {
    await put("one", "1");
    await put("two", "2");
    expect(await move("AWSCURRENT", "2", "1")).toBe("ok");
    expect([await read(), await read({ VersionId: token("2") })]).toEqual(["one AWSCURRENT", "two AWSPREVIOUS"]);
  });

  test("a version and a label that do not belong together are refused", async () => {
    await put("one", "1");
    expect(await read({ VersionId: token("1"), VersionStage: "lease" })).toBe("InvalidRequestException");
    expect(await read({ VersionId: token("1"), VersionStage: "AWSCURRENT" })).toBe("one AWSCURRENT");
    expect(await read({ VersionId: token("7") })).toBe("ResourceNotFoundException");
  });

  test("versions younger than a day are limited, and old unlabelled ones make room", async () => {
    for (let index = 0; index < 100; index += 1) {
      endpoint.store.put("s", { text: "x" }, `token-${index}`.padEnd(32, "-"));
    }
    expect(await put("one too many", "1")).toBe("LimitExceededException");
    expect(await read()).toBe("x AWSCURRENT");
    endpoint.store.advance(24 * 60 * 60 * 1000);
    expect(await put("a day later", "1")).toBe("ok");
    expect(await put("and once more", "2")).toBe("ok");
    expect(endpoint.store.find("s").versions.size).toBe(101);
  });

  test("a secret is found by name, ARN and partial ARN", async () => {
    const { ARN = "" } = await client.send(new DescribeSecretCommand({ SecretId: "app" }));
    expect(ARN).toMatch(/^arn:aws:secretsmanager:eu-central-1:\d{12}:secret:app-[A-Za-z0-9]{6}$/);
    expect(await read({ SecretId: ARN })).toBe("{} AWSCURRENT");
    expect(await read({ SecretId: ARN.slice(0, -7) })).toBe("{} AWSCURRENT");
    expect(endpoint.counters.calls("GetSecretValue", "app")).toBe(2);
  });

  test("secrets are made, listed, marked for deletion, restored and removed", async () => {
    const made = { Name: "new", SecretBinary: new Uint8Array([1, 2]), ClientRequestToken: token("n") };
    await client.send(new CreateSecretCommand(made));
    await client.send(new CreateSecretCommand(made));
    await expect(client.send(new CreateSecretCommand({ Name: "new" }))).rejects.toThrow("already exists");
    const { SecretBinary } = await client.send(new GetSecretValueCommand({ SecretId: "new" }));
    expect(SecretBinary).toEqual(new Uint8Array([1, 2]));
    await client.send(new DeleteSecretCommand({ SecretId: "new" }));
    expect(await read({ SecretId: "new" })).toBe("InvalidRequestException");
    await client.send(new RestoreSecretCommand({ SecretId: "new" }));
    await client.send(new DeleteSecretCommand({ SecretId: "new", ForceDeleteWithoutRecovery: true }));
    const { SecretList } = await client.send(new ListSecretsCommand({}));
    expect(SecretList?.map((one) => one.Name)).toEqual(["s", "app"]);
  });

  test("a batch answers what it can and names the errors", async () => {
    const batch = await client.send(new BatchGetSecretValueCommand({ SecretIdList: ["app", "s", "none"] }));
    expect(batch.SecretValues?.map((one) => one.SecretString)).toEqual(["{}"]);
    expect(batch.Errors?.map((one) => [one.SecretId, one.ErrorCode])).toEqual([
      ["s", "ResourceNotFoundException"],
      ["none", "ResourceNotFoundException"],
    ]);
  });
});
