import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { listen } from "../listener.ts";
import { ServiceError } from "../secrets-endpoint/service-error.ts";
import { type Definition, type Ending, type EngineOptions, type HistoryEvent, runDefinition } from "./engine.ts";

/** Settings of the local Step Functions. */
export interface StepFunctionsOptions extends EngineOptions {
  /** Definitions by the state machine's name, their placeholders replaced. */
  readonly stateMachines: Readonly<Record<string, Definition>>;
  /** Default 0: any free port. */
  readonly port?: number;
  readonly region?: string;
  readonly account?: string;
}

/** An execution, as long as this process lives. */
export interface Execution {
  readonly executionArn: string;
  readonly stateMachineArn: string;
  readonly name: string;
  readonly input: string;
  readonly startDate: number;
  stopDate?: number;
  ending?: Ending;
  readonly events: HistoryEvent[];
  readonly ended: Promise<Ending>;
  stop(): void;
}

/** A running local Step Functions. */
export interface StepFunctions {
  /** For `AWS_ENDPOINT_URL_SFN`. */
  readonly url: string;
  /** The ARN of a state machine by its name. */
  arnOf(stateMachine: string): string;
  readonly executions: ReadonlyMap<string, Execution>;
  close(): Promise<void>;
}

type Input = Readonly<Record<string, unknown>>;
type Operation = (input: Input) => object | Promise<object>;

const longestBody = 1_000_000;
const longestInput = 256 * 1024;

/**
 * Step Functions on loopback, as the SDK's client talks to it (AWS JSON 1.0): standard executions of the same
 * definitions that are deployed, kept in memory.
 */
export async function startStepFunctions(options: StepFunctionsOptions): Promise<StepFunctions> {
  const { region = "eu-central-1", account = "123456789012" } = options;
  const executions = new Map<string, Execution>();
  const arnOf = (name: string) => `arn:aws:states:${region}:${account}:stateMachine:${name}`;
  const machines = new Map(Object.entries(options.stateMachines).map(([name, one]) => [arnOf(name), { name, one }]));

  function startExecution(input: Input): object {
    const stateMachineArn = textOf(input, "stateMachineArn");
    if (!stateMachineArn.startsWith("arn:")) throw new ServiceError("InvalidArn", `Invalid Arn: '${stateMachineArn}'`);
    const machine = machines.get(stateMachineArn);
    if (machine === undefined) {
      throw new ServiceError("StateMachineDoesNotExist", `State Machine Does Not Exist: '${stateMachineArn}'`);
    }
    const name = input["name"] === undefined ? randomUUID() : textOf(input, "name");
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(name)) throw new ServiceError("InvalidName", `Invalid Name: '${name}'`);
    const text = input["input"] === undefined ? "{}" : textOf(input, "input");
    const value = parseInput(text);
    const executionArn = `arn:aws:states:${region}:${account}:execution:${machine.name}:${name}`;
    const before = executions.get(executionArn);
    if (before !== undefined) {
      if (before.ending === undefined && before.input === text) return { executionArn, startDate: before.startDate };
      throw new ServiceError("ExecutionAlreadyExists", `Execution Already Exists: '${executionArn}'`);
    }
    const startDate = Date.now() / 1000;
    const events: HistoryEvent[] = [];
    const context = {
      Execution: { Id: executionArn, Name: name, RoleArn: "arn:aws:iam::123456789012:role/local" },
      StateMachine: { Id: stateMachineArn, Name: machine.name },
    };
    const running = runDefinition(machine.one, value, context, options, (event) => events.push(event));
    const ended = running.ended.then((ending) => {
      execution.stopDate = Date.now() / 1000;
      execution.ending = ending;
      return ending;
    });
    const execution: Execution = {
      ...{ executionArn, stateMachineArn, name, input: text, startDate, events, ended },
      stop: running.stop,
    };
    executions.set(executionArn, execution);
    return { executionArn, startDate };
  }

  function found(input: Input): Execution {
    const executionArn = textOf(input, "executionArn");
    const execution = executions.get(executionArn);
    if (execution === undefined) {
      throw new ServiceError("ExecutionDoesNotExist", `Execution Does Not Exist: '${executionArn}'`);
    }
    return execution;
  }

  const operations = new Map<string, Operation>([
    ["StartExecution", startExecution],
    ["DescribeExecution", (input) => ({ ...described(found(input)), input: found(input).input })],
    ["GetExecutionHistory", (input) => ({ events: found(input).events.map(historyEvent) })],
    [
      "StopExecution",
      async (input) => {
        const execution = found(input);
        execution.stop();
        await execution.ended;
        return { stopDate: execution.stopDate };
      },
    ],
    [
      "ListExecutions",
      ({ stateMachineArn, statusFilter }) => ({
        executions: [...executions.values()]
          .filter((one) => stateMachineArn === undefined || one.stateMachineArn === stateMachineArn)
          .filter((one) => statusFilter === undefined || statusOf(one) === statusFilter)
          .map(({ executionArn, stateMachineArn: arn, name, startDate, stopDate, ...rest }) => ({
            ...{ executionArn, stateMachineArn: arn, name, startDate, stopDate },
            status: statusOf(rest),
          }))
          .reverse(),
      }),
    ],
    [
      "ListStateMachines",
      () => ({
        stateMachines: [...machines].map(([stateMachineArn, { name }]) => ({
          ...{ stateMachineArn, name, type: "STANDARD", creationDate: 0 },
        })),
      }),
    ],
  ]);

  const serve = (request: IncomingMessage, response: ServerResponse) =>
    answer(request, operations).then(
      (body) => send(response, 200, body),
      (error: unknown) => {
        const known = error instanceof ServiceError ? error : new ServiceError("InternalFailure", String(error), 500);
        send(response, known.status, { __type: known.type, message: known.message });
      },
    );
  const server = await listen(serve, options.port);
  return {
    url: server.url,
    arnOf,
    executions,
    close: async () => {
      for (const execution of executions.values()) execution.stop();
      await Promise.all([...executions.values()].map(({ ended }) => ended));
      await server.down();
    },
  };
}

async function answer(request: IncomingMessage, operations: ReadonlyMap<string, Operation>): Promise<object> {
  const [service, name = ""] = String(request.headers["x-amz-target"] ?? "").split(".");
  const operation = operations.get(name);
  if (request.method !== "POST" || service !== "AWSStepFunctions" || operation === undefined) {
    throw new ServiceError("UnknownOperationException", `${service}.${name} is unknown here`);
  }
  if (!/^AWS4-HMAC-SHA256 Credential=/.test(request.headers.authorization ?? "")) {
    throw new ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token");
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > longestBody) throw new ServiceError("ValidationException", "The request is too large", 413);
    chunks.push(chunk);
  }
  let input: unknown;
  try {
    input = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new ServiceError("SerializationException", "The request is not JSON");
  }
  if (typeof input !== "object" || input === null) throw new ServiceError("SerializationException", "No JSON object");
  return operation({ ...input });
}

function textOf(input: Input, name: string): string {
  const value = input[name];
  if (typeof value !== "string" || value === "")
    throw new ServiceError("ValidationException", `${name} must be a text`);
  return value;
}

function parseInput(text: string): unknown {
  if (Buffer.byteLength(text) > longestInput) {
    throw new ServiceError("InvalidExecutionInput", `Input must be at most ${longestInput} bytes`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new ServiceError("InvalidExecutionInput", "Invalid State Machine Execution Input: not JSON");
  }
}

function statusOf({ ending }: Pick<Execution, "ending">): string {
  return ending?.status ?? "RUNNING";
}

function described(execution: Execution): object {
  const { executionArn, stateMachineArn, name, startDate, stopDate, ending } = execution;
  const base = { executionArn, stateMachineArn, name, startDate, stopDate, status: statusOf(execution) };
  if (ending?.status === "SUCCEEDED") return { ...base, output: JSON.stringify(ending.output) };
  if (ending?.status === "FAILED") return { ...base, error: ending.error, cause: ending.cause };
  return base;
}

function historyEvent({ type, timestamp, state, input, output, error, cause }: HistoryEvent, at: number): object {
  return {
    id: at + 1,
    previousEventId: at,
    timestamp: timestamp / 1000,
    type,
    ...(input === undefined ? {} : { stateEnteredEventDetails: { name: state, input: JSON.stringify(input) } }),
    ...(output === undefined ? {} : { stateExitedEventDetails: { name: state, output: JSON.stringify(output) } }),
    ...(error === undefined ? {} : { taskFailedEventDetails: { resource: state, error, cause } }),
  };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/x-amz-json-1.0", "x-amzn-requestid": randomUUID() });
  response.end(JSON.stringify(body));
}
