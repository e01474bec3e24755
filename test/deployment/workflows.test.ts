import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadAwsServiceSpec } from "@aws-cdk/aws-service-spec";
import { beforeAll, describe, expect, test } from "vitest";
import { ofType, type Packaged, packageService, type Statement, statementsOf } from "./packaging.ts";

const workflows = ["rekeyDevice", "rekeyFleet"];
const idOf = (name: string) => `${name.charAt(0).toUpperCase()}${name.slice(1)}Workflow`;
const definitionOf = (name: string) =>
  readFileSync(join(import.meta.dirname, `../../functions/${name}.asl.json`), "utf8");

let packaged: Packaged;
beforeAll(async () => {
  packaged = await packageService();
});

const propertiesOf = (id: string) => packaged.template.Resources[id]?.Properties ?? {};
const getAtt = (id: string) => ({ "Fn::GetAtt": [id, "Arn"] });
const arn = (rest: string) => ({
  "Fn::Sub": `arn:\${AWS::Partition}:states:\${AWS::Region}:\${AWS::AccountId}:${rest}`,
});

/** What both roles may, each with its page. */
const common: readonly Statement[] = [
  // https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
  {
    Sid: "DeliverLogs",
    Effect: "Allow",
    Action: [
      ...[
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
      ],
      ...["logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery"],
    ],
    Resource: "*",
  },
  // https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html
  {
    Sid: "SendTraces",
    Effect: "Allow",
    Action: [
      ...["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"],
    ],
    Resource: "*",
  },
];
// https://docs.aws.amazon.com/step-functions/latest/dg/lambda-iam.html
const invoking = (...functions: string[]): Statement => ({
  Sid: "InvokeSteps",
  Effect: "Allow",
  Action: ["lambda:InvokeFunction"],
  Resource: functions.map((name) => getAtt(`${name}LambdaFunction`)),
});

/**
 * What each role may, and nothing else. The same was compared with what aws-cdk-lib 2.276.0 generates for a
 * DistributedMap labelled `Batches` with an S3JsonItemReader, traced and logged; it allows besides that every version
 * of a function is invoked, and every object of the bucket read.
 */
const roles: Readonly<Record<string, readonly Statement[]>> = {
  rekeyDevice: [...common, invoking("DecideNextStep", "RefreshDeviceKey", "WriteTicketNote")],
  rekeyFleet: [
    ...common,
    invoking("PlanFleet", "RekeyBatch", "ConcludeRound"),
    // These three: https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
    {
      Sid: "StartChildren",
      Effect: "Allow",
      Action: ["states:StartExecution"],
      Resource: arn("stateMachine:rekey-dev-rekeyFleet"),
    },
    {
      Sid: "FollowChildren",
      Effect: "Allow",
      Action: ["states:DescribeExecution", "states:StopExecution"],
      Resource: arn("execution:rekey-dev-rekeyFleet:*"),
    },
    {
      Sid: "RedriveChildren",
      Effect: "Allow",
      Action: ["states:RedriveExecution"],
      Resource: arn("execution:rekey-dev-rekeyFleet/Batches:*"),
    },
    // https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
    {
      Sid: "ReadManifests",
      Effect: "Allow",
      Action: ["s3:GetObject"],
      Resource: { "Fn::Join": ["", [getAtt("FleetBucket"), "/runs/*"]] },
    },
  ],
};

test("uses only types and properties that exist", async () => {
  const specification = await loadAwsServiceSpec();
  for (const { Type, Properties } of Object.values(packaged.template.Resources)) {
    const known = specification.lookup("resource", "cloudFormationType", "equals", Type)[0];
    expect(Object.keys(known?.properties ?? {})).toEqual(expect.arrayContaining(Object.keys(Properties)));
  }
});

describe.each(workflows)("the state machine %s", (name) => {
  const id = idOf(name);

  test("is its definition, logged without data and traced, under the name that others start it by", () => {
    expect(propertiesOf(id)).toMatchObject({
      StateMachineName: `rekey-dev-${name}`,
      DefinitionString: definitionOf(name),
      TracingConfiguration: { Enabled: true },
      LoggingConfiguration: { Level: "ALL", IncludeExecutionData: false },
    });
  });

  test("has a role that may what its pages say, and no more", () => {
    expect(statementsOf(packaged.template.Resources[`${id}Role`])).toEqual(roles[name]);
    expect(propertiesOf(id)["RoleArn"]).toEqual(getAtt(`${id}Role`));
  });

  test("may invoke the functions that its definition names, each of which there is", () => {
    const substitutions = Object.values(propertiesOf(id)["DefinitionSubstitutions"] as object) as object[];
    const named = substitutions.filter((value) => JSON.stringify(value).includes("LambdaFunction"));
    const invoked = statementsOf(packaged.template.Resources[`${id}Role`]).find(({ Sid }) => Sid === "InvokeSteps");
    expect(named).toEqual(invoked?.Resource);
    const functions = ofType(packaged, "AWS::Lambda::Function").map(([logicalId]) => getAtt(logicalId));
    expect(functions).toEqual(expect.arrayContaining(named));
  });

  test("has an alarm that tells whom the others tell", () => {
    expect(propertiesOf(`${id}FailedAlarm`)).toMatchObject({
      Dimensions: [{ Name: "StateMachineArn", Value: { Ref: id } }],
      AlarmActions: propertiesOf("LoginStormAlarm")["AlarmActions"],
      OKActions: propertiesOf("LoginStormAlarm")["OKActions"],
    });
  });
});

test("the children that the role may redrive have the Map's label", () => {
  const { States } = JSON.parse(definitionOf("rekeyFleet")) as { States: Record<string, { Label?: string }> };
  expect(Object.values(States).flatMap(({ Label = [] }) => Label)).toEqual(["Batches"]);
});

test("there are no more machines than are looked at here", () => {
  expect(ofType(packaged, "AWS::StepFunctions::StateMachine").map(([id]) => id)).toEqual(workflows.map(idOf));
});

test("a workflow is started by an event, and an event that cannot be delivered leaves a letter", () => {
  expect(propertiesOf("RekeyRule")["Targets"]).toMatchObject([
    { Arn: { Ref: "RekeyDeviceWorkflow" }, DeadLetterConfig: { Arn: getAtt("DeadLetters") } },
  ]);
  expect(ofType(packaged, "AWS::SQS::QueuePolicy")).toHaveLength(1);
  expect(JSON.stringify(packaged.template.Resources["DeadLettersPolicy"])).toContain("events.amazonaws.com");
});

test("the topic that is made for the alarms takes what EventBridge tells of a run's end, which bears no condition", () => {
  expect(ofType(packaged, "AWS::SNS::TopicPolicy")).toHaveLength(1);
  const { PolicyDocument } = propertiesOf("AlarmTopicPolicy") as { PolicyDocument: { Statement: object[] } };
  const statement = PolicyDocument.Statement.find((one) => JSON.stringify(one).includes("events.amazonaws.com"));
  expect(statement).toEqual({
    ...{ Sid: "EventsOfThisAccount", Effect: "Allow", Principal: { Service: "events.amazonaws.com" } },
    ...{ Action: "sns:Publish", Resource: { Ref: "AlarmTopic" } },
  });
  const topic = { "Fn::If": ["HasTopic", expect.any(String), { Ref: "AlarmTopic" }] };
  expect(propertiesOf("FleetEndedRule")["Targets"]).toMatchObject([{ Arn: topic }]);
});

test.each([
  [
    "names what there is not",
    "RefreshDeviceKeyFunctionArn",
    "RefreshDeviceKeysFunctionArn",
    /RefreshDeviceKeysFunctionArn/,
  ],
  [
    "does not name what it is given",
    "${WriteTicketNoteFunctionArn}",
    "arn:aws:lambda:::x",
    /WriteTicketNoteFunctionArn/,
  ],
])("a definition that %s is refused with its name", async (_, from, to, words) => {
  const changed = { "functions/rekeyDevice.asl.json": definitionOf("rekeyDevice").replaceAll(from, to) };
  await expect(packageService([], changed)).rejects.toThrow(words);
});
