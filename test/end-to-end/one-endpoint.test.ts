import { request as call } from "node:http";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Listener, listen } from "../../local/listener.ts";
import { type LocalSystem, startLocalSystem } from "../../local/local-system.ts";
import { type PlatformSimulator, startPlatformSimulator } from "../../local/platform-simulator/simulator.ts";
import { localFleetBucket } from "../../local/ports.ts";
import { workflowParts } from "../../local/step-functions/part.ts";

// Stand-ins for all of AWS have one address: with AWS_ENDPOINT_URL alone every client of the bundles finds its service.

let system: LocalSystem;
let simulator: PlatformSimulator;
let everything: Listener;
const asked = new Set<string>();

beforeEach(async () => {
  asked.clear();
  const services = new Map<string, () => string | undefined>([
    ["secretsmanager", () => system.secrets.url],
    ["AWSStepFunctions", () => system.parts.get("Step Functions")?.url],
    ["s3", () => system.parts.get("Objects (S3)")?.url],
  ]);
  everything = await listen((request, response) => {
    const [service = ""] = String(request.headers["x-amz-target"] ?? "s3").split(".");
    asked.add(service);
    const { method, url: path, headers } = request;
    const forwarded = call(services.get(service)?.() ?? "", { method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.once("error", () => response.destroy());
    request.pipe(forwarded);
  });
  system = await startLocalSystem({
    platform: async () => (simulator = await startPlatformSimulator({})),
    parts: workflowParts({ timeScale: 0.01 }),
    webhookSources: {
      desk: {
        ...{ preset: "shared-secret", secrets: ["a-secret-of-the-desk"], reply: "ack" },
        fields: { deviceId: "deviceId", nodeId: "nodeId", ticketId: "ticket" },
      },
    },
    environment: {
      AWS_ENDPOINT_URL: everything.url,
      ...{ AWS_ENDPOINT_URL_SECRETS_MANAGER: "", AWS_ENDPOINT_URL_SFN: "", AWS_ENDPOINT_URL_S3: "" },
    },
  });
});
afterEach(async () => {
  await system.close();
  await everything.down();
});

test("a re-key, a ticket's and a fleet's are done by one address for all services", async () => {
  simulator.devices.set("meter-1", { nodeId: "urn:imei:860000000000001" });
  const rekeyed = await fetch(`${system.url}/devices/meter-1/key`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect(rekeyed.status).toBe(200);
  const ticket = await fetch(`${system.url}/webhooks/desk`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-rekey-secret": "a-secret-of-the-desk" },
    body: JSON.stringify({ deviceId: "meter-1", nodeId: "urn:imei:860000000000002", ticket: "1" }),
  });
  expect(ticket.status).toBe(202);
  await expect.poll(() => simulator.devices.get("meter-1")?.nodeId).toBe("urn:imei:860000000000002");

  const settings = {
    region: "eu-central-1",
    credentials: { accessKeyId: "AKIDTEST", secretAccessKey: "test" },
    endpoint: everything.url,
  };
  const objects = new S3Client({ ...settings, forcePathStyle: true });
  await objects.send(new PutObjectCommand({ Bucket: localFleetBucket, Key: "input/one", Body: "deviceId\nmeter-1\n" }));
  await new SFNClient(settings).send(
    new StartExecutionCommand({
      stateMachineArn: "arn:aws:states:eu-central-1:123456789012:stateMachine:rekey-local-rekeyFleet",
      input: JSON.stringify({ run: "one", key: "input/one" }),
    }),
  );
  const result = () =>
    objects.send(new GetObjectCommand({ Bucket: localFleetBucket, Key: "runs/one/result.jsonl" })).then(
      ({ Body: body }) => body?.transformToString(),
      () => "",
    );
  await expect.poll(result).toContain('"status":"done"');
  expect([...asked].sort()).toEqual(["AWSStepFunctions", "s3", "secretsmanager"]);
});
