import { loadAwsServiceSpec } from "@aws-cdk/aws-service-spec";
import { beforeAll, describe, expect, test } from "vitest";
import { ofType, type Packaged, packageService, statementsOf } from "./packaging.ts";

/** The smallest definitions that use all that a definition may use; the real ones are checked by the other tests. */
const definitions = {
  "functions/rekeyDevice.asl.json": JSON.stringify({
    StartAt: "Refresh",
    States: { Refresh: { Type: "Task", Resource: "${RefreshDeviceKeyFunctionArn}", End: true } },
  }),
  "functions/rekeyFleet.asl.json": JSON.stringify({
    StartAt: "Devices",
    States: {
      Devices: {
        Type: "Map",
        ItemReader: { Parameters: { "Bucket.$": "$.bucket", Allowed: "${FleetBucketName}" } },
        ItemProcessor: { ProcessorConfig: { Mode: "DISTRIBUTED" } },
        End: true,
      },
    },
  }),
};

let packaged: Packaged;

beforeAll(async () => {
  packaged = await packageService([], definitions);
});

const sidsOf = (role: string) => statementsOf(packaged.template.Resources[role]).map(({ Sid }) => Sid);

describe("a state machine made of a definition", () => {
  test("uses only types and properties that exist", async () => {
    const specification = await loadAwsServiceSpec();
    for (const { Type, Properties } of Object.values(packaged.template.Resources)) {
      const known = specification.lookup("resource", "cloudFormationType", "equals", Type)[0];
      expect(Object.keys(known?.properties ?? {})).toEqual(expect.arrayContaining(Object.keys(Properties)));
    }
  });

  test("is logged without data and traced", () => {
    const machines = ofType(packaged, "AWS::StepFunctions::StateMachine");
    expect(machines.map(([, { Properties }]) => Properties["StateMachineName"])).toEqual(
      expect.arrayContaining(["rekey-dev-rekeyDevice", "rekey-dev-rekeyFleet"]),
    );
    for (const [, { Properties }] of machines) {
      expect(Properties["TracingConfiguration"]).toEqual({ Enabled: true });
      expect(Properties["LoggingConfiguration"]).toMatchObject({ Level: "ALL", IncludeExecutionData: false });
    }
  });

  test("may do what its definition names and no more", () => {
    expect(sidsOf("RekeyDeviceWorkflowRole")).toEqual(["DeliverLogs", "SendTraces", "InvokeSteps"]);
    expect(sidsOf("RekeyFleetWorkflowRole")).toEqual([
      "DeliverLogs",
      "SendTraces",
      "StartChildren",
      "FollowChildren",
      "ListFleet",
      "ReadAndWriteFleet",
    ]);
    const invoked = statementsOf(packaged.template.Resources["RekeyDeviceWorkflowRole"]).at(-1);
    expect(invoked?.Resource).toEqual([{ "Fn::GetAtt": ["RefreshDeviceKeyLambdaFunction", "Arn"] }]);
  });

  test("has an alarm that tells whom the others tell", () => {
    const { LoginStormAlarm, RekeyDeviceWorkflowFailedAlarm } = packaged.template.Resources;
    expect(RekeyDeviceWorkflowFailedAlarm?.Properties["AlarmActions"]).toEqual(
      LoginStormAlarm?.Properties["AlarmActions"],
    );
  });

  test("is started by an event, and an event that cannot be delivered leaves a letter", () => {
    expect(packaged.template.Resources["RekeyRule"]?.Properties["Targets"]).toMatchObject([
      {
        Arn: { Ref: "RekeyDeviceWorkflow" },
        DeadLetterConfig: { Arn: { "Fn::GetAtt": ["DeadLetters", "Arn"] } },
      },
    ]);
    expect(ofType(packaged, "AWS::SQS::QueuePolicy")).toHaveLength(1);
    expect(JSON.stringify(packaged.template.Resources["DeadLettersPolicy"])).toContain("events.amazonaws.com");
  });

  test("is refused when it names a function that there is not", async () => {
    const misspelt = { "functions/rekeyDevice.asl.json": '{ "Resource": "${RefreshDeviceKeysFunctionArn}" }' };
    await expect(packageService([], misspelt)).rejects.toThrow(/RefreshDeviceKeysFunctionArn/);
  });
});
