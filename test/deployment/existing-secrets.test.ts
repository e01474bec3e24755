import { randomUUID } from "node:crypto";
import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Resources, takeUpExistingSecrets } from "../../deploy/existing-secrets.ts";
import { type Listener, listen } from "../../local/listener.ts";
import { type SecretsEndpoint, startSecretsEndpoint } from "../../local/secrets-endpoint/server.ts";
import { deployService } from "./packaging.ts";

let store: SecretsEndpoint;
let stacks: Listener;
/** What the stack has, by logical id; undefined where there is no stack. */
let stack: Record<string, string> | undefined;

beforeEach(async () => {
  stack = undefined;
  store = await startSecretsEndpoint();
  // CloudFormation's Query API, as far as a deployment comes before it changes anything.
  stacks = await listen((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body = body.concat(String(chunk))));
    request.once("end", () => {
      const asked = new URLSearchParams(body);
      const isOurs = asked.get("Action") === "ListStackResources" && stack !== undefined;
      const page = Number(asked.get("NextToken") ?? 0);
      const answer = isOurs ? resourcesOf(stack, page) : noStack;
      response.writeHead(isOurs ? 200 : 400, { "content-type": "text/xml" }).end(answer);
    });
  });
});
afterEach(async () => {
  await store.close();
  await stacks.down();
});

const noStack =
  '<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>' +
  "<Code>ValidationError</Code><Message>Stack with id rekey-dev does not exist</Message></Error></ErrorResponse>";

/** One resource a page. */
function resourcesOf(resources: Record<string, string> = {}, page: number): string {
  const [id = "", status = ""] = Object.entries(resources)[page] ?? [];
  const next = page + 1 < Object.keys(resources).length ? `<NextToken>${page + 1}</NextToken>` : "";
  const member = `<member><LogicalResourceId>${id}</LogicalResourceId><ResourceStatus>${status}</ResourceStatus></member>`;
  return (
    '<ListStackResourcesResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><ListStackResourcesResult>' +
    `<StackResourceSummaries>${member}</StackResourceSummaries>${next}` +
    "</ListStackResourcesResult></ListStackResourcesResponse>"
  );
}

const secret = (name: string) => ({ Type: "AWS::SecretsManager::Secret", Properties: { Name: `rekey/dev/${name}` } });
const template = (): Resources => ({
  Resources: {
    ...{
      ApplicationSecret: secret("application"),
      SessionSecret: secret("session"),
      WebhooksSecret: secret("webhooks"),
    },
    DeadLetters: { Type: "AWS::SQS::Queue" },
  },
  Outputs: {
    ApplicationSecretArn: { Value: { Ref: "ApplicationSecret" } },
    DeadLettersUrl: { Value: { Ref: "DeadLetters" } },
  },
});

async function takenUp() {
  const after = template();
  const common = {
    region: "eu-central-1",
    credentials: { accessKeyId: "AKIDTEST", secretAccessKey: "test" },
    maxAttempts: 1,
  };
  const taken = await takeUpExistingSecrets(after, {
    secrets: new SecretsManagerClient({ ...common, endpoint: store.url }),
    stacks: new CloudFormationClient({ ...common, endpoint: stacks.url }),
    stackName: "rekey-dev",
  });
  return { taken, resources: Object.keys(after.Resources), outputs: Object.keys(after.Outputs) };
}

const all = ["ApplicationSecret", "SessionSecret", "WebhooksSecret", "DeadLetters"];

test("a first deployment creates its secrets", async () => {
  expect(await takenUp()).toEqual({ taken: [], resources: all, outputs: ["ApplicationSecretArn", "DeadLettersUrl"] });
});

test("a stack that is made again takes up the secrets that the removed one left behind, and creates the rest", async () => {
  store.store.create("rekey/dev/application", { text: "{}" });
  store.store.create("rekey/dev/session", undefined);
  expect(await takenUp()).toEqual({
    taken: ["rekey/dev/application", "rekey/dev/session"],
    resources: ["WebhooksSecret", "DeadLetters"],
    outputs: ["DeadLettersUrl"],
  });
});

test("a stack keeps the secrets that are its own", async () => {
  for (const name of ["application", "session", "webhooks"]) store.store.create(`rekey/dev/${name}`, undefined);
  stack = { ApplicationSecret: "CREATE_COMPLETE", SessionSecret: "UPDATE_COMPLETE", WebhooksSecret: "CREATE_COMPLETE" };
  expect(await takenUp()).toMatchObject({ taken: [], resources: all });
});

test("what a deployment failed to create, because it existed, is taken up by the next one", async () => {
  store.store.create("rekey/dev/session", undefined);
  stack = { ServerlessDeploymentBucket: "CREATE_COMPLETE", SessionSecret: "CREATE_FAILED" };
  expect((await takenUp()).taken).toEqual(["rekey/dev/session"]);
});

test("a secret that is marked for deletion is told with both ways out", async () => {
  store.store.create("rekey/dev/webhooks", undefined);
  store.store.delete("rekey/dev/webhooks", 30);
  await expect(takenUp()).rejects.toThrow(/rekey\/dev\/webhooks is marked for deletion.*restore-secret.*force-delete/);
});

test("a deployer who may not look is told so by AWS's own words", async () => {
  store.deny.push({ operation: "DescribeSecret" });
  await expect(takenUp()).rejects.toThrow(/not authorized to perform: secretsmanager:DescribeSecret/);
});

test("npx serverless deploy leaves out of its template what exists, and says so", async () => {
  store.store.create("rekey/dev/application", { text: JSON.stringify({ secret: randomUUID() }) });
  const { template: emitted, said } = await deployService({
    ...{ AWS_ACCESS_KEY_ID: "AKIDTEST", AWS_SECRET_ACCESS_KEY: "test", AWS_REGION: "eu-central-1" },
    ...{ AWS_ENDPOINT_URL: stacks.url, AWS_ENDPOINT_URL_SECRETS_MANAGER: store.url },
  });
  expect(said).toContain("The secret rekey/dev/application exists and is used as it is");
  const secrets = Object.entries(emitted.Resources).filter(([, { Type }]) => Type === "AWS::SecretsManager::Secret");
  expect(secrets.map(([id]) => id)).toEqual(["SessionSecret", "WebhooksSecret"]);
  expect(emitted.Outputs).not.toHaveProperty("ApplicationSecretArn");
});
