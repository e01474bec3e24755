import { DescribeExecutionCommand, ListExecutionsCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { localFleetBucket } from "../local/step-functions/part.ts";
import { createObjectStore, createS3Client, type ObjectStore } from "../shared/runtime/objects.ts";

/** How an execution stands. */
export interface ExecutionState {
  readonly status: string;
  readonly error: string | undefined;
  readonly cause: string | undefined;
}

/** The bucket and the workflow that a command works with. */
export interface Cloud {
  readonly isLocal: boolean;
  readonly objects: ObjectStore;
  /** Starts an execution for a run. @returns its ARN */
  start(run: string, input: object): Promise<string>;
  /** The execution that works on a run. */
  running(run: string): Promise<string | undefined>;
  describe(executionArn: string): Promise<ExecutionState>;
}

const local = {
  region: "eu-central-1",
  credentials: { accessKeyId: "AKIDLOCALFLEET", secretAccessKey: "local-secret-access-key" },
};

/** AWS where both are named, with the credentials and the region that the SDK finds; else what `npm start` runs. */
export function openCloud(bucket: string | undefined, workflow: string | undefined): Cloud {
  const isLocal = bucket === undefined || workflow === undefined;
  const s3 = isLocal
    ? createS3Client(process.env["AWS_ENDPOINT_URL_S3"] ?? "http://127.0.0.1:3005", local)
    : createS3Client(process.env["AWS_ENDPOINT_URL_S3"] ?? process.env["AWS_ENDPOINT_URL"] ?? "");
  const endpoint = process.env["AWS_ENDPOINT_URL_SFN"] ?? "http://127.0.0.1:3004";
  const workflows = new SFNClient(isLocal ? { ...local, endpoint } : {});
  const stateMachineArn = workflow ?? "arn:aws:states:eu-central-1:123456789012:stateMachine:rekey-local-rekeyFleet";
  return {
    isLocal,
    objects: createObjectStore(bucket ?? localFleetBucket, s3),
    async start(run, input) {
      const name = `${run.slice(0, 64)}--${Date.now()}`;
      const command = new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) });
      return (await workflows.send(command)).executionArn ?? "";
    },
    async running(run) {
      const listed = new ListExecutionsCommand({ stateMachineArn, statusFilter: "RUNNING" });
      const { executions = [] } = await workflows.send(listed);
      return executions.find(({ name }) => name?.startsWith(`${run.slice(0, 64)}--`))?.executionArn;
    },
    async describe(executionArn) {
      const { status = "", error, cause } = await workflows.send(new DescribeExecutionCommand({ executionArn }));
      return { status, error, cause };
    },
  };
}
