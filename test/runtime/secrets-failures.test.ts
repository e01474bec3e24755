import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { describe, expect, test } from "vitest";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";

const access = { region: "eu-central-1", credentials: { accessKeyId: "local", secretAccessKey: "local" } };
const read = (client: SecretsManagerClient) => createSecrets(client).read("session", deadlineIn(10_000, systemClock));

describe("a failure that is no answer of the store", () => {
  const failing = (error: Error) => {
    const requestHandler = { handle: () => Promise.reject(error) };
    return new SecretsManagerClient({ ...access, maxAttempts: 2, requestHandler });
  };

  test.each([TypeError, RangeError, ReferenceError])("is our bug, where it is a %o, and no outage", async (Bug) => {
    const bug = new Bug("A bug");
    await expect(read(failing(bug))).rejects.toBe(bug);
  });

  test("is an outage where it is the network's", async () => {
    const error = Object.assign(new Error("No such host"), { code: "ENOTFOUND" });
    await expect(read(failing(error))).rejects.toMatchObject({ name: "SecretsUnavailableError" });
  });

  test("is a ConfigurationError where there is no region to ask in", async () => {
    const client = new SecretsManagerClient({ region: () => Promise.reject<never>(new Error("Region is missing")) });
    await expect(read(client)).rejects.toMatchObject({
      ...{ name: "ConfigurationError", cause: { message: "Region is missing" } },
    });
  });

  test.each(["nonsense", "http://", "http://127.0.0.1:99999"])(
    "is a ConfigurationError where the address %j is none",
    async (endpoint) => {
      const client = new SecretsManagerClient({ ...access, endpoint });
      await expect(read(client)).rejects.toMatchObject({ name: "ConfigurationError" });
    },
  );

  test.each([
    [200, "<html>Proxy</html>"],
    [403, "<html>Proxy</html>"],
    [400, ""],
    [404, "{}"],
    [404, '{"code":404,"message":"No such page"}'],
    [400, '{"__type":""}'],
    [502, "<html>Busy</html>"],
  ])("is an outage where somebody else answers %d %j", async (statusCode, body) => {
    const headers = { "content-type": "application/x-amz-json-1.1" };
    const handle = async () => ({ response: { statusCode, headers, body: new TextEncoder().encode(body) } });
    const client = new SecretsManagerClient({ ...access, maxAttempts: 1, requestHandler: { handle } });
    await expect(read(client)).rejects.toMatchObject({ name: "SecretsUnavailableError" });
  });
});

test("without credentials that can be had it is a ConfigurationError", async () => {
  const credentials = () => Promise.reject(Object.assign(new Error("None"), { name: "CredentialsProviderError" }));
  const client = new SecretsManagerClient({ region: "eu-central-1", credentials, maxAttempts: 1 });
  await expect(read(client)).rejects.toMatchObject({
    ...{ name: "ConfigurationError", cause: { name: "CredentialsProviderError" } },
  });
});
