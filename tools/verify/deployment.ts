import { CloudFormationClient, DescribeStacksCommand, ListStackResourcesCommand } from "@aws-sdk/client-cloudformation";
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { paginateListStateMachines, SFNClient } from "@aws-sdk/client-sfn";
import { SNSClient } from "@aws-sdk/client-sns";
import type { ServiceName, Settings } from "./settings.ts";

/** Clients by service; undefined where there is no such service. */
export interface Clients {
  readonly secrets: SecretsManagerClient | undefined;
  readonly functions: LambdaClient | undefined;
  readonly workflows: SFNClient | undefined;
  readonly objects: S3Client | undefined;
  readonly stacks: CloudFormationClient | undefined;
  readonly alarms: CloudWatchClient | undefined;
  readonly topics: SNSClient | undefined;
  readonly events: EventBridgeClient | undefined;
}

/** The deployment that is verified. */
export interface Deployment {
  readonly settings: Settings;
  readonly clients: Clients;
  /** Outputs of the stack by name; empty where there is no CloudFormation. */
  readonly outputs: ReadonlyMap<string, string>;
  /** Of this run; no other thing has it in its name. */
  readonly nonce: string;
}

// What the local system knows its operator by; it is no secret.
const localCredentials = { accessKeyId: "AKIDLOCALOPERATOR", secretAccessKey: "local-secret-access-key" };

/** The SDK's clients for these settings: of AWS, or of what stands in for it. */
export function clientsOf({ endpoints, region, onThisMachine }: Settings): Clients {
  const common = {
    // Every call ends, so that the whole does.
    requestHandler: { requestTimeout: 20_000, connectionTimeout: 5_000 },
    maxAttempts: 2,
    ...(region === undefined ? {} : { region }),
    ...(onThisMachine ? { credentials: localCredentials } : {}),
  };
  const client = <Client>(service: ServiceName, create: (settings: typeof common) => Client): Client | undefined => {
    if (endpoints === undefined) return create(common);
    const endpoint = endpoints[service];
    return endpoint === undefined ? undefined : create({ ...common, ...{ endpoint } });
  };
  return {
    secrets: client("secretsmanager", (settings) => new SecretsManagerClient(settings)),
    functions: client("lambda", (settings) => new LambdaClient(settings)),
    workflows: client("stepfunctions", (settings) => new SFNClient(settings)),
    objects: client("s3", (settings) => new S3Client({ ...settings, forcePathStyle: endpoints !== undefined })),
    stacks: client("cloudformation", (settings) => new CloudFormationClient(settings)),
    alarms: client("cloudwatch", (settings) => new CloudWatchClient(settings)),
    topics: client("sns", (settings) => new SNSClient(settings)),
    events: client("events", (settings) => new EventBridgeClient(settings)),
  };
}

/** What the stack of this stage says of itself. @throws what the SDK throws, also when there is no such stack */
export async function outputsOf(
  stacks: CloudFormationClient | undefined,
  stage: string,
): Promise<ReadonlyMap<string, string>> {
  if (stacks === undefined) return new Map();
  const { Stacks: [stack] = [] } = await stacks.send(new DescribeStacksCommand({ StackName: `rekey-${stage}` }));
  return new Map(
    (stack?.Outputs ?? []).map(({ OutputKey = "", OutputValue = "" }) => [OutputKey, OutputValue] as const),
  );
}

/** Physical names of the stack's resources of one type. */
export async function resourcesOf(stacks: CloudFormationClient, stage: string, type: string): Promise<string[]> {
  const names: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await stacks.send(
      new ListStackResourcesCommand({ StackName: `rekey-${stage}`, ...(NextToken === undefined ? {} : { NextToken }) }),
    );
    for (const { ResourceType, PhysicalResourceId = "" } of page.StackResourceSummaries ?? []) {
      if (ResourceType === type) names.push(PhysicalResourceId);
    }
    ({ NextToken } = page);
  } while (NextToken !== undefined);
  return names;
}

/** ARN of a workflow by its name without service and stage. @throws Error when there is none */
export async function workflowArn({ settings, clients, outputs }: Deployment, workflow: string): Promise<string> {
  const output = outputs.get(`${workflow.charAt(0).toUpperCase()}${workflow.slice(1)}WorkflowArn`);
  if (output !== undefined) return output;
  const name = `rekey-${settings.stage}-${workflow}`;
  const pages = clients.workflows === undefined ? [] : paginateListStateMachines({ client: clients.workflows }, {});
  for await (const { stateMachines = [] } of pages) {
    const arn = stateMachines.find((machine) => machine.name === name)?.stateMachineArn;
    if (arn !== undefined) return arn;
  }
  throw new Error(`There is no state machine ${name}`);
}
