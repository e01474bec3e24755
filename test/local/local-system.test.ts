import { fileURLToPath } from "node:url";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterEach, expect, test } from "vitest";
import { functionsOf } from "../../local/deployed.ts";
import { type LocalSystem, type LocalSystemOptions, type Part, startLocalSystem } from "../../local/local-system.ts";

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const closed: string[] = [];
let system: LocalSystem | undefined;

const platform = async () => ({
  url: "http://127.0.0.1:9",
  applicationSecret: () => ({ baseUrl: "http://127.0.0.1:9", appId: "app", secret: "s" }),
  close: async () => void closed.push("platform"),
});
const part = (name: string): Part => ({
  name,
  start: async ({ lambda }) => ({
    environment: { [name]: lambda.url },
    close: async () => void closed.push(name),
  }),
});

async function start(options: Partial<LocalSystemOptions> = {}): Promise<LocalSystem> {
  system = await startLocalSystem({
    platform,
    functions: { echo: { bundle: file("./fixtures/echo.mjs") } },
    routes: [{ routeKey: "$default", functionName: "echo", authorized: false }],
    ...options,
  });
  return system;
}

afterEach(async () => {
  await system?.close();
  system = undefined;
  closed.length = 0;
});

test("a function finds its secrets, its endpoint and what the parts add in its environment", async () => {
  const { lambda, secrets, secretIds } = await start({ parts: [part("FIRST")], environment: { MORE: "1" } });
  const outcome = await lambda.invoke("echo", { action: "environment" });
  if (!outcome.ok) throw new Error(outcome.error.errorMessage);
  const environment = outcome.result as Record<string, string>;
  expect(environment).toMatchObject({
    REKEY_SECRET_ID: secretIds.applicationSecret,
    REKEY_SESSION_SECRET_ID: secretIds.sessionSecret,
    REKEY_WEBHOOKS_SECRET_ID: secretIds.webhooksSecret,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.url,
    FIRST: lambda.url,
    MORE: "1",
  });
  const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = environment;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new SecretsManagerClient({ endpoint: secrets.url, region: "eu-central-1", credentials });
  const secret = await client.send(new GetSecretValueCommand({ SecretId: secretIds.applicationSecret }));
  expect(JSON.parse(secret.SecretString ?? "")).toMatchObject({ appId: "app" });
  await expect(client.send(new GetSecretValueCommand({ SecretId: secretIds.sessionSecret }))).rejects.toMatchObject({
    name: "ResourceNotFoundException",
  });
});

test("a request to the gateway reaches the function", async () => {
  const { url } = await start();
  expect(await (await fetch(`${url}/anything`)).json()).toMatchObject({ rawPath: "/anything" });
});

test("parts end in the reverse order, the platform last", async () => {
  const { close } = await start({ parts: [part("A"), part("B")] });
  await close();
  expect(closed).toEqual(["B", "A", "platform"]);
});

test("what was already started ends when a part cannot start", async () => {
  const failing: Part = { name: "failing", start: () => Promise.reject(new Error("Port taken")) };
  await expect(start({ parts: [part("A"), failing] })).rejects.toThrow("Port taken");
  expect(closed).toEqual(["A", "platform"]);
});

test("serverless.yml says which function has which time-out, secrets and variables", async () => {
  const functions = await functionsOf(file("../../serverless.yml"), "/bundles");
  expect(functions["ticketWebhook"]).toMatchObject({ bundle: "/bundles/ticketWebhook.mjs", handler: "handler" });
  expect(functions["ticketWebhook"]?.variables).toContain("REKEY_WEBHOOKS_SECRET_ID");
  expect(functions["ticketWebhook"]?.grants).toContain("webhooksSecret");
  expect(functions["statusCheck"]?.variables).not.toContain("REKEY_WEBHOOKS_SECRET_ID");
  expect(functions["statusCheck"]?.grants).toEqual(["applicationSecret", "sessionSecret"]);
  expect(functions["statusCheck"]?.timeoutSeconds).toBeLessThan(30);
});
