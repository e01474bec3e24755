import { createHash } from "node:crypto";
import {
  DescribeExecutionCommand,
  paginateListExecutions,
  SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { addressOn, localFleetBucket, localPorts } from "../local/ports.ts";
import { createObjectStore, createS3Client, type ObjectStore } from "../shared/runtime/objects.ts";
import { regionOf, UsageError } from "./fleet-command.ts";

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

// A line that was cut says nothing: without limits a call would wait for ever.
const patience = { connectionTimeout: 5_000, requestTimeout: 10_000, throwOnRequestTimeout: true };

/**
 * AWS where both are named, in the region of the workflow, with the credentials that the SDK finds; else what
 * `npm start` runs.
 *
 * @throws UsageError an address in the environment is none
 */
export function openCloud(bucket: string | undefined, workflow: string | undefined): Cloud {
  const isLocal = bucket === undefined || workflow === undefined;
  const region = workflow === undefined ? undefined : regionOf(workflow);
  const account = isLocal ? local : region === undefined ? {} : { region };
  const s3 = createS3Client(addressOf("S3", isLocal) ?? (isLocal ? addressOn(localPorts.objects) : ""), account);
  const endpoint = addressOf("SFN", isLocal) ?? (isLocal ? addressOn(localPorts.workflows) : undefined);
  const workflows = new SFNClient({ ...account, requestHandler: patience, ...(endpoint && { endpoint }) });
  const stateMachineArn = workflow ?? "arn:aws:states:eu-central-1:123456789012:stateMachine:rekey-local-rekeyFleet";
  return {
    isLocal,
    objects: createObjectStore(bucket ?? localFleetBucket, s3),
    async start(run, input) {
      const name = `${prefixOf(run)}${Date.now()}`;
      const command = new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) });
      return (await workflows.send(command)).executionArn ?? "";
    },
    async running(run) {
      const prefix = prefixOf(run);
      const isRuns = ({ name = "" }) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length));
      const asked = { stateMachineArn, statusFilter: "RUNNING" } as const;
      for await (const { executions = [] } of paginateListExecutions({ client: workflows }, asked)) {
        const found = executions.find(isRuns);
        if (found !== undefined) return found.executionArn;
      }
      return undefined;
    },
    async describe(executionArn) {
      const { status = "", error, cause } = await workflows.send(new DescribeExecutionCommand({ executionArn }));
      return { status, error, cause };
    },
  };
}

/** What the names of a run's executions begin with; they have 80 letters at most, of which a time takes 13. */
function prefixOf(run: string): string {
  if (run.length <= 64) return `${run}--`;
  return `${run.slice(0, 51)}-${createHash("sha256").update(run).digest("hex").slice(0, 12)}--`;
}

/** What the environment names as a service's address, as the SDK reads it; an empty one counts as absent.
 * What stands in for all of AWS is not what npm start runs. */
function addressOf(service: "S3" | "SFN", isLocal: boolean): string | undefined {
  const ofAll = isLocal ? undefined : process.env["AWS_ENDPOINT_URL"];
  const address = process.env[`AWS_ENDPOINT_URL_${service}`] || ofAll || undefined;
  if (address === undefined || URL.canParse(address)) return address;
  throw new UsageError(`AWS_ENDPOINT_URL_${service} or AWS_ENDPOINT_URL is not an address`);
}
