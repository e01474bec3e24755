import { setTimeout as delay } from "node:timers/promises";
import { PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { GetSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  ListExecutionsCommand,
  type SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { jsonOf, memberOf } from "../../shared/json.ts";
import { parseSession } from "../../shared/platform/session-document.ts";
import { type Deployment, workflowArn } from "./deployment.ts";
import { type Line, noSuchService, notTried, ok, red, tried } from "./line.ts";

const longestMs = 45_000;
/** A bus delivers within a second or two. */
const longestDeliveryMs = 20_000;
const pollMs = 500;
/** A token that lasts at least so long is not renewed while this runs. */
const restMs = 120_000;

/**
 * Sends a device that does not exist through both workflows and by the bus. Where nobody has logged in yet, or the
 * token is about to end, only what needs no token is tried: it would log in.
 */
export async function verifyWorkflows(deployment: Deployment, platformWorks: boolean): Promise<readonly Line[]> {
  const { workflows } = deployment.clients;
  if (workflows === undefined) return [notTried("workflows", noSuchService)];
  const mayRefresh = platformWorks && (await hasToken(deployment));
  const lines = await Promise.all([
    tried("rekeyDevice", () => device(deployment, workflows, mayRefresh)),
    tried("rekeyFleet, a dry run", () => dryRun(deployment, workflows)),
    tried("rekeyFleet, through the Distributed Map", () => fleet(deployment, workflows, mayRefresh)),
    tried("an event on the bus", () => event(deployment, workflows)),
  ]);
  return lines.flat();
}

const noToken =
  "there is no token that lasts another two minutes, and this logs in nowhere: invoke authenticate, then verify again";

/** Whether the session holds a token; it is looked at here and shown to nobody. */
async function hasToken({ clients, settings, outputs }: Deployment): Promise<boolean> {
  const SecretId = outputs.get("SessionSecretId") ?? `rekey/${settings.stage}/session`;
  try {
    const reply = await clients.secrets?.send(new GetSecretValueCommand({ SecretId }));
    const nowMs = Date.now();
    const { token } = parseSession(reply?.VersionId ?? "", reply?.SecretString ?? "", nowMs);
    return token !== undefined && token.expiresAtMs - nowMs >= restMs;
  } catch {
    // It has no value yet, or is none of this caller's business.
    return false;
  }
}

async function device(deployment: Deployment, workflows: SFNClient, mayRefresh: boolean): Promise<Line[]> {
  const what = "rekeyDevice";
  const deviceId = missingDevice(deployment);
  // Refused by the workflow's own function, before the platform is asked.
  const input = mayRefresh ? { deviceId, limitSeconds: 0 } : { deviceId, limitSeconds: -1 };
  const expected = mayRefresh ? "DeviceNotFoundError" : "InvalidInputError";
  const ended = await run(deployment, workflows, "rekeyDevice", input);
  if (ended.error !== expected) return [red(what, ending(ended, expected))];
  const told = "a device that does not exist was refused by its name";
  return [mayRefresh ? ok(what, told) : ok(what, `a wrong input was refused; a device was not tried: ${noToken}`)];
}

async function dryRun(deployment: Deployment, workflows: SFNClient): Promise<Line[]> {
  const what = "rekeyFleet, a dry run";
  const key = await putInput(deployment);
  if (key === undefined) return [notTried(what, noBucket)];
  const ended = await run(deployment, workflows, "rekeyFleet", { key, dryRun: true });
  const devices = memberOf(jsonOf(ended.output ?? ""), "devices");
  return [devices === 1 ? ok(what, "read its input") : red(what, ending(ended, "a plan of one device"))];
}

async function fleet(deployment: Deployment, workflows: SFNClient, mayRefresh: boolean): Promise<Line[]> {
  const what = "rekeyFleet, through the Distributed Map";
  if (!mayRefresh) return [notTried(what, noToken)];
  const key = await putInput(deployment);
  if (key === undefined) return [notTried(what, noBucket)];
  const name = `verify-${deployment.nonce}`;
  const input = { run: name, key, toleratedFailurePercentage: 100, limitSeconds: 0 };
  const ended = await run(deployment, workflows, "rekeyFleet", input);
  if (ended.status !== "SUCCEEDED") return [red(what, ending(ended, "SUCCEEDED"))];
  const result = await objectText(deployment, `runs/${name}/result.jsonl`);
  const error = memberOf(jsonOf(result.split("\n")[0] ?? ""), "error");
  if (error === "DeviceNotFoundError") return [ok(what, "one device, which does not exist, is in the result")];
  return [
    red(what, `The result says ${String(error)} in place of DeviceNotFoundError; the log of rekeyBatch has more.`),
  ];
}

async function event(deployment: Deployment, workflows: SFNClient): Promise<Line[]> {
  const what = "an event on the bus";
  const { events } = deployment.clients;
  if (events === undefined) return [notTried(what, noSuchService)];
  // Of its own, so that no other execution of this run is taken for it.
  const deviceId = `${missingDevice(deployment)}-event`;
  const sentAtMs = Date.now();
  const { Entries: [entry] = [] } = await events.send(
    new PutEventsCommand({
      Entries: [
        {
          EventBusName: deployment.outputs.get("RekeyBusName") ?? `rekey-${deployment.settings.stage}`,
          Source: "rekey.verify",
          DetailType: "RekeyDevice",
          // Refused before the platform is asked.
          Detail: JSON.stringify({ deviceId, limitSeconds: -1 }),
        },
      ],
    }),
  );
  if (entry?.ErrorCode !== undefined) return [red(what, `${entry.ErrorCode}: ${entry.ErrorMessage ?? ""}`)];
  const stateMachineArn = await workflowArn(deployment, "rekeyDevice");
  for (let waitedMs = 0; waitedMs < longestDeliveryMs; waitedMs += pollMs) {
    if (await startedFor(deviceId, stateMachineArn, workflows, sentAtMs)) {
      return [ok(what, "started the workflow, which refused it for its input")];
    }
    await delay(pollMs);
  }
  return [
    red(
      what,
      "The bus took it, and no execution began: look at the rule's role and its dead letters (docs/OPERATIONS.md).",
    ),
  ];
}

async function startedFor(deviceId: string, stateMachineArn: string, workflows: SFNClient, sinceMs: number) {
  const { executions = [] } = await workflows.send(new ListExecutionsCommand({ stateMachineArn, maxResults: 20 }));
  for (const { executionArn, startDate } of executions) {
    if ((startDate?.getTime() ?? 0) < sinceMs - 60_000) continue;
    const { input = "" } = await workflows.send(new DescribeExecutionCommand({ executionArn }));
    if (memberOf(jsonOf(input), "deviceId") === deviceId) return true;
  }
  return false;
}

const noBucket = "nothing says where the bucket of fleet runs is; name it with --bucket";

/** A list of one device that does not exist. @returns its key, or undefined where there is no bucket */
async function putInput(deployment: Deployment): Promise<string | undefined> {
  const { Bucket, objects } = bucketOf(deployment);
  if (objects === undefined || Bucket === undefined) return undefined;
  const Key = `input/verify-${deployment.nonce}.csv`;
  await objects.send(new PutObjectCommand({ Bucket, Key, Body: `deviceId\n${missingDevice(deployment)}\n` }));
  return Key;
}

async function objectText(deployment: Deployment, Key: string): Promise<string> {
  const { Bucket, objects } = bucketOf(deployment);
  const reply = await objects?.send(new GetObjectCommand({ Bucket, Key }));
  return (await reply?.Body?.transformToString("utf8")) ?? "";
}

function bucketOf({ settings, outputs, clients }: Deployment) {
  return { Bucket: settings.bucket ?? outputs.get("FleetBucketName"), objects: clients.objects };
}

function missingDevice({ nonce }: Deployment): string {
  return `rekey-verify-no-such-device-${nonce}`;
}

async function run(deployment: Deployment, workflows: SFNClient, workflow: string, input: object) {
  const { executionArn } = await workflows.send(
    new StartExecutionCommand({
      stateMachineArn: await workflowArn(deployment, workflow),
      name: `verify-${deployment.nonce}-${Math.random().toString(36).slice(2, 8)}`,
      input: JSON.stringify(input),
    }),
  );
  let execution: DescribeExecutionCommandOutput | undefined;
  for (let waitedMs = 0; waitedMs < longestMs; waitedMs += pollMs) {
    execution = await workflows.send(new DescribeExecutionCommand({ executionArn }));
    if (execution.status !== "RUNNING") return execution;
    await delay(pollMs);
  }
  throw new Error(`${executionArn} does not come to its end: look at it in the Step Functions console`);
}

function ending({ status, error, cause, name }: DescribeExecutionCommandOutput, expected: string): string {
  const seen = error === undefined ? `${status}` : `${status} with ${error}: ${cause ?? ""}`;
  return `ended ${seen}\nExpected was ${expected}. The execution is ${name ?? "unknown"}; its log has the step that failed.`;
}
