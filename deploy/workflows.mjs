import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Makes a state machine of every functions/<name>.asl.json, with a log, a role and an alarm of its own.
 *
 * A definition names what it uses by placeholders: `${RefreshDeviceKeyFunctionArn}` for a function, and
 * `${FleetBucketName}` for the bucket of inputs and results, which exists only when a definition names it. The role
 * holds exactly what the placeholders name. A placeholder that nothing answers is an error.
 *
 * rekeyDevice can also be started by an event on the bus rekey-<stage>: detail-type `RekeyDevice`, the input as detail.
 */
export default class WorkflowsPlugin {
  constructor(serverless) {
    this.hooks = { initialize: () => addWorkflows(serverless) };
  }
}

function addWorkflows(serverless) {
  const { service, serviceDir } = serverless;
  const provider = serverless.getProvider("aws");
  const { Resources, Outputs } = service.resources;
  const prefix = `${service.service}-${provider.getStage()}`;
  const functions = new Map(
    Object.keys(service.functions).map((name) => [
      `${provider.naming.getNormalizedFunctionName(name)}FunctionArn`,
      { "Fn::GetAtt": [provider.naming.getLambdaLogicalId(name), "Arn"] },
    ]),
  );
  const suffix = ".asl.json";
  const folder = join(serviceDir, "functions");
  for (const file of readdirSync(folder).filter((name) => name.endsWith(suffix))) {
    const name = file.slice(0, -suffix.length);
    const id = `${provider.naming.getNormalizedFunctionName(name)}Workflow`;
    const definition = readFileSync(join(folder, file), "utf8");
    const used = new Map(
      [...definition.matchAll(/\$\{([A-Za-z0-9]+)\}/g)].map(([, key]) => {
        const value = key === "FleetBucketName" ? { Ref: "FleetBucket" } : functions.get(key);
        if (value === undefined) throw new Error(`${file} names \${${key}}, which nothing in serverless.yml answers`);
        return [key, value];
      }),
    );
    const machine = { id, name: `${prefix}-${name}`, definition, used };
    Resources[`${id}Log`] = logGroup(machine, provider.getLogRetentionInDays());
    Resources[`${id}Role`] = role(machine);
    Resources[id] = stateMachine(machine);
    // Whoever the other alarms tell is told of this one too.
    Resources[`${id}FailedAlarm`] = failedAlarm(machine, Resources.LoginStormAlarm.Properties.AlarmActions);
    Outputs[`${id}Arn`] = { Value: { Ref: id } };
    if (used.has("FleetBucketName")) addFleetBucket(Resources, Outputs);
    if (name === "rekeyDevice") addBus(Resources, Outputs, prefix, id);
  }
}

function stateMachine({ id, name, definition, used }) {
  return {
    Type: "AWS::StepFunctions::StateMachine",
    Properties: {
      StateMachineName: name,
      DefinitionString: definition,
      DefinitionSubstitutions: Object.fromEntries(used),
      RoleArn: { "Fn::GetAtt": [`${id}Role`, "Arn"] },
      TracingConfiguration: { Enabled: true },
      // Names of steps and errors only: the data of an execution holds the code that the caller asked for.
      LoggingConfiguration: {
        Level: "ALL",
        IncludeExecutionData: false,
        Destinations: [{ CloudWatchLogsLogGroup: { LogGroupArn: { "Fn::GetAtt": [`${id}Log`, "Arn"] } } }],
      },
    },
  };
}

function logGroup({ name }, retentionDays) {
  return {
    Type: "AWS::Logs::LogGroup",
    Properties: { LogGroupName: `/aws/vendedlogs/states/${name}`, RetentionInDays: retentionDays },
  };
}

function role({ name, definition, used }) {
  const machine = `arn:\${AWS::Partition}:states:\${AWS::Region}:\${AWS::AccountId}`;
  const invoked = [...used].filter(([key]) => key.endsWith("FunctionArn")).map(([, value]) => value);
  const statements = [...deliverLogs, ...sendTraces];
  if (invoked.length > 0) {
    statements.push({ Sid: "InvokeSteps", Effect: "Allow", Action: ["lambda:InvokeFunction"], Resource: invoked });
  }
  if (/"DISTRIBUTED"/.test(definition)) {
    statements.push(
      {
        Sid: "StartChildren",
        Effect: "Allow",
        Action: ["states:StartExecution"],
        Resource: { "Fn::Sub": `${machine}:stateMachine:${name}` },
      },
      {
        Sid: "FollowChildren",
        Effect: "Allow",
        Action: ["states:DescribeExecution", "states:StopExecution"],
        Resource: { "Fn::Sub": `${machine}:execution:${name}/*` },
      },
    );
  }
  if (used.has("FleetBucketName")) {
    const bucket = { "Fn::GetAtt": ["FleetBucket", "Arn"] };
    statements.push(
      { Sid: "ListFleet", Effect: "Allow", Action: ["s3:ListBucket"], Resource: bucket },
      {
        Sid: "ReadAndWriteFleet",
        Effect: "Allow",
        Action: ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
        Resource: { "Fn::Sub": `\${FleetBucket.Arn}/*` },
      },
    );
  }
  return serviceRole("states.amazonaws.com", statements);
}

// Step Functions sets up its log through calls that know no resources.
const deliverLogs = [
  {
    Sid: "DeliverLogs",
    Effect: "Allow",
    Action: [
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DescribeLogGroups",
      "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
    ],
    Resource: "*",
  },
];

// X-Ray knows no resources either.
const sendTraces = [
  {
    Sid: "SendTraces",
    Effect: "Allow",
    Action: ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"],
    Resource: "*",
  },
];

function serviceRole(principal, statements) {
  return {
    Type: "AWS::IAM::Role",
    Properties: {
      AssumeRolePolicyDocument: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: principal },
            Action: "sts:AssumeRole",
            Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } },
          },
        ],
      },
      Policies: [{ PolicyName: "own", PolicyDocument: { Version: "2012-10-17", Statement: statements } }],
    },
  };
}

/** Executions end badly when a person has to do something; one is worth a look. */
function failedAlarm({ id, name }, actions) {
  return {
    Type: "AWS::CloudWatch::Alarm",
    Properties: {
      AlarmDescription: `An execution of ${name} failed`,
      Namespace: "AWS/States",
      MetricName: "ExecutionsFailed",
      Dimensions: [{ Name: "StateMachineArn", Value: { Ref: id } }],
      Statistic: "Sum",
      Period: 300,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: "GreaterThanOrEqualToThreshold",
      TreatMissingData: "notBreaching",
      AlarmActions: actions,
      OKActions: actions,
    },
  };
}

function addFleetBucket(Resources, Outputs) {
  Resources.FleetBucket = {
    Type: "AWS::S3::Bucket",
    DeletionPolicy: "Retain",
    UpdateReplacePolicy: "Retain",
    Properties: {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" } }],
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] },
      VersioningConfiguration: { Status: "Enabled" },
      LifecycleConfiguration: {
        Rules: [
          {
            Id: "Forget",
            Status: "Enabled",
            ExpirationInDays: 90,
            NoncurrentVersionExpiration: { NoncurrentDays: 30 },
          },
        ],
      },
    },
  };
  Resources.FleetBucketPolicy = {
    Type: "AWS::S3::BucketPolicy",
    Properties: {
      Bucket: { Ref: "FleetBucket" },
      PolicyDocument: {
        Version: "2012-10-17",
        Statement: [
          {
            Sid: "EncryptedTransportOnly",
            Effect: "Deny",
            Principal: "*",
            Action: "s3:*",
            Resource: [{ "Fn::GetAtt": ["FleetBucket", "Arn"] }, { "Fn::Sub": `\${FleetBucket.Arn}/*` }],
            Condition: { Bool: { "aws:SecureTransport": "false" } },
          },
        ],
      },
    },
  };
  Outputs.FleetBucketName = { Value: { Ref: "FleetBucket" } };
}

/** A bus of its own, so that only who was given it can start a re-key by an event. */
function addBus(Resources, Outputs, prefix, workflow) {
  Resources.RekeyBus = { Type: "AWS::Events::EventBus", Properties: { Name: prefix } };
  Resources.RekeyRule = {
    Type: "AWS::Events::Rule",
    Properties: {
      EventBusName: { Ref: "RekeyBus" },
      EventPattern: { "detail-type": ["RekeyDevice"] },
      Targets: [
        {
          Id: "rekeyDevice",
          Arn: { Ref: workflow },
          RoleArn: { "Fn::GetAtt": ["RekeyRuleRole", "Arn"] },
          InputPath: "$.detail",
          DeadLetterConfig: { Arn: { "Fn::GetAtt": ["DeadLetters", "Arn"] } },
          RetryPolicy: { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 10 },
        },
      ],
    },
  };
  Resources.RekeyRuleRole = serviceRole("events.amazonaws.com", [
    { Sid: "StartWorkflow", Effect: "Allow", Action: ["states:StartExecution"], Resource: { Ref: workflow } },
  ]);
  // A queue has one policy: a second resource for it would overwrite the first.
  Resources.DeadLettersPolicy.Properties.PolicyDocument.Statement.push({
    Sid: "UndeliveredEvents",
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: { "Fn::GetAtt": ["DeadLetters", "Arn"] },
    Condition: { ArnEquals: { "aws:SourceArn": { "Fn::GetAtt": ["RekeyRule", "Arn"] } } },
  });
  Outputs.RekeyBusName = { Value: { Ref: "RekeyBus" } };
}
