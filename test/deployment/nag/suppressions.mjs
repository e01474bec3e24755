/** Findings we accept, each with its reason; `resources` matches logical ids. */
export const suppressions = [
  {
    rule: "AwsSolutions-S1",
    resources: /^ServerlessDeploymentBucket$/,
    reason: "Holds our own zips and templates only; who reads them is in CloudTrail, where the account has it.",
  },
  {
    rule: "AwsSolutions-SQS3",
    resources: /^DeadLetters$/,
    reason: "It is the dead-letter queue; CloudFormation shows that at the functions' invoke configurations.",
  },
  {
    rule: "Serverless-SQSRedrivePolicy",
    resources: /^DeadLetters$/,
    reason: "It is the dead-letter queue itself.",
  },
  {
    rule: "Serverless-LambdaDLQ",
    resources: /LambdaFunction$/,
    reason: "Failed asynchronous invocations go to the queue by OnFailure, which says more than a DeadLetterConfig.",
  },
  {
    rule: "Serverless-LambdaTracing",
    resources: /LambdaFunction$/,
    reason: "The platform is no AWS service; our log lines tell the calls, and X-Ray would cost time and a right on *.",
  },
  {
    rule: "AwsSolutions-APIG4",
    resources: /^HttpApiRoute(GetHealth|Default|PostWebhooksSourceVar)$/,
    reason: "Open on purpose: health and 404 call nothing, a webhook is guarded by its sender's signature.",
  },
  {
    rule: "AwsSolutions-SMG4",
    resources: /Secret$/,
    reason:
      "What they hold is issued by the platform and the ticketing systems; docs/OPERATIONS.md says how to change it.",
  },
  {
    rule: "AwsSolutions-S1",
    resources: /^FleetBucket$/,
    reason: "Who reads a fleet's result is told by CloudTrail's data events, where the account has them.",
  },
  {
    rule: "AwsSolutions-IAM5",
    resources: /^(PlanFleet|RekeyBatch|ConcludeRound)Role$/,
    appliesTo: ["Resource::<FleetBucket.Arn>/*", "Resource::<FleetBucket.Arn>/runs/*"],
    reason: "The objects of one bucket; a run's keys are made as it goes, and written below runs/ only.",
  },
  {
    rule: "AwsSolutions-IAM5",
    resources: /^TicketWebhookRole$/,
    appliesTo: [
      "Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:rekey-dev-rekeyDevice:*",
    ],
    reason: "The executions of one workflow, one a ticket's operation: it looks whether a delivery is a repeat.",
  },
  {
    rule: "AwsSolutions-IAM5",
    resources: /^Rekey(Device|Fleet)WorkflowRole$/,
    appliesTo: ["Resource::*"],
    reason: "Log delivery and X-Ray know no resources; Step Functions sets its log up by these calls.",
  },
  {
    rule: "AwsSolutions-IAM5",
    resources: /^RekeyFleetWorkflowRole$/,
    appliesTo: [
      "Resource::<FleetBucket.Arn>/runs/*",
      "Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:rekey-dev-rekeyFleet:*",
      "Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:rekey-dev-rekeyFleet/Batches:*",
    ],
    reason: "The manifests of one bucket, and the child executions of its own map, whose names Step Functions makes.",
  },
];
