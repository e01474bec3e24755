import { SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Listener } from "../../local/listener.ts";
import { type LocalSystem, startLocalSystem } from "../../local/local-system.ts";
import { startPlatformSimulator } from "../../local/platform-simulator/simulator.ts";
import { localFleetBucket } from "../../local/ports.ts";
import { workflowParts } from "../../local/step-functions/part.ts";
import type { Line } from "../../tools/verify/line.ts";
import { settingsOf } from "../../tools/verify/settings.ts";
import { verify } from "../../tools/verify/verify.ts";
import { type Account, startAccount } from "./account.ts";

// `npm run verify -- --stage ...`: a deployment with a stack, alarms, a topic and a bus, all of which stand-ins are.

let system: LocalSystem;
let endpoint: Listener;
let account: Account;

const topic = "arn:aws:sns:eu-central-1:123456789012:rekey-local-AlarmTopic";
const alarm = {
  AlarmName: "rekey-local-UnexpectedAlarm",
  AlarmActions: [topic],
  ActionsEnabled: true,
  StateValue: "OK",
} as const;
const machine = (name: string) => `arn:aws:states:eu-central-1:123456789012:stateMachine:rekey-local-${name}`;

beforeEach(async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDLOCALOPERATOR");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "local-secret-access-key");
  system = await startLocalSystem({
    platform: () => startPlatformSimulator({}),
    parts: workflowParts({ timeScale: 0.01 }),
    webhookSources: {},
    requireSignature: true,
  });
  const workflows = new SFNClient({ region: "eu-central-1", endpoint: system.parts.get("Step Functions")?.url ?? "" });
  account = {
    outputs: {
      ...{ ApiUrl: system.url, Authorizer: "iam", FleetBucketName: localFleetBucket, RekeyBusName: "rekey-local" },
      ...{ RekeyDeviceWorkflowArn: machine("rekeyDevice"), RekeyFleetWorkflowArn: machine("rekeyFleet") },
    },
    alarms: [alarm, { ...alarm, AlarmName: "rekey-local-CrashesAlarm" }],
    subscriptions: [`${topic}:0a1b2c3d`],
    onEvent: (input) =>
      void workflows.send(new StartExecutionCommand({ stateMachineArn: machine("rekeyDevice"), input })),
  };
  endpoint = await startAccount(account);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await endpoint.down();
  await system.close();
});

async function verified(): Promise<Line[]> {
  const services = {
    ...{ lambda: system.lambda.url, secretsmanager: system.secrets.url },
    ...{ stepfunctions: system.parts.get("Step Functions")?.url, s3: system.parts.get("Objects (S3)")?.url },
    ...{ cloudformation: endpoint.url, cloudwatch: endpoint.url, sns: endpoint.url, events: endpoint.url },
  };
  const settings = settingsOf([
    ...["--stage=local", "--region=eu-central-1"],
    ...Object.entries(services).map(([service, url]) => `--endpoint=${service}=${url}`),
  ]);
  const lines: Line[] = [];
  if (settings === undefined) return expect.fail("Help was not asked for");
  await verify(settings, (told) => lines.push(...told));
  return lines;
}

const redOf = (lines: readonly Line[]) => lines.filter(({ state }) => state === "red");

test("a deployment with everything is found well, each of its parts having been tried", async () => {
  const lines = await verified();
  expect(redOf(lines)).toEqual([]);
  const untried = lines.filter(({ state }) => state === "not tried").map(({ what }) => what);
  // Nobody has logged in.
  expect(untried).toEqual(["rekeyFleet, through the Distributed Map"]);
  expect(lines).toContainEqual({ state: "ok", what: "alarms", told: "2 have an address; none rings" });
});

test.each<[string, (of: Account) => void, string, RegExp]>([
  [
    "no alarm tells anybody",
    (of) => (of.alarms = of.alarms.map((one) => ({ ...one, AlarmActions: [] }))),
    "alarms",
    /None of 2.*deploy\/local\.yml/,
  ],
  [
    "one alarm is switched off",
    (of) => of.alarms.push({ ...alarm, AlarmName: "rekey-local-Off", ActionsEnabled: false }),
    "alarms",
    /Not: rekey-local-Off/,
  ],
  ["there is no alarm", (of) => (of.alarms = []), "alarms", /has none/],
  [
    "the subscription is not confirmed",
    (of) => (of.subscriptions = ["PendingConfirmation"]),
    "whoever is told by rekey-local-AlarmTopic",
    /follow the link/,
  ],
  [
    "nobody has subscribed",
    (of) => (of.subscriptions = []),
    "whoever is told by rekey-local-AlarmTopic",
    /subscribe somebody/,
  ],
  ["there is no stack", (of) => (of.outputs = undefined), "the stack rekey-local", /does not exist.*Is it deployed/s],
])("is red where %s, and nowhere else", async (_, harm, what, words) => {
  harm(account);
  expect(redOf(await verified())).toEqual([{ state: "red", what, told: expect.stringMatching(words) }]);
});

test("is red where the bus takes an event and starts nothing", async () => {
  account.onEvent = () => undefined;
  expect(redOf(await verified()).map(({ what }) => what)).toEqual(["an event on the bus"]);
});

test("is red where the API lets in who did not sign", async () => {
  const open = await startLocalSystem({ platform: () => startPlatformSimulator({}), webhookSources: {} });
  try {
    account.outputs = { ...account.outputs, ApiUrl: open.url };
    expect(redOf(await verified())).toEqual([
      { state: "red", what: "a call without a signature", told: expect.stringContaining("no authorizer") },
    ]);
  } finally {
    await open.close();
  }
});

test("signs nothing where callers bring tokens", async () => {
  account.outputs = { ...account.outputs, Authorizer: "jwt" };
  const line = (await verified()).find(({ what }) => what === "a signed call");
  expect(line).toMatchObject({ state: "not tried", told: expect.stringContaining("jwt") });
});
