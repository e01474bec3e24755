import { setTimeout as delay } from "node:timers/promises";
import { ExecutionAbortedError, StateMachine, type StateMachineDefinition } from "aws-local-stepfunctions";
import type { Lambda } from "../lambda.ts";

/** A definition as a file holds it, after its placeholders were replaced. */
export type Definition = Record<string, unknown>;

/** What the interpreter needs to run a definition on this machine. */
export interface EngineOptions {
  readonly lambda: Pick<Lambda, "invoke">;
  /** Reads an object for a Map state with an ItemReader. */
  readObject(bucket: string, key: string): Promise<string | undefined>;
  /** What a second of waiting lasts, in seconds; 1 is real time. */
  readonly timeScale: number;
}

/** What happened in an execution, in the words of Step Functions' history. */
export interface HistoryEvent {
  readonly type: string;
  readonly timestamp: number;
  readonly state?: string;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly error?: string;
  readonly cause?: string;
}

/** How an execution ended. */
export type Ending =
  | { readonly status: "SUCCEEDED"; readonly output: unknown }
  | { readonly status: "FAILED"; readonly error: string; readonly cause: string }
  | { readonly status: "ABORTED" };

/** A running execution. */
export interface Running {
  readonly ended: Promise<Ending>;
  stop(): void;
}

type Json = Parameters<StateMachine["run"]>[0];
type Handler = (input: unknown) => Promise<Json>;
type State = Record<string, unknown>;

// A timer cannot run for longer; the interpreter gives every task 60 s by itself.
const longestTaskSeconds = 2_000_000;

/**
 * Makes a definition runnable here; the definition itself stays as it is deployed, but for what the interpreter cannot
 * do:
 * - a Wait becomes a task that sleeps, and a Retry's seconds are multiplied, so that time can be scaled;
 * - the stand-in for a Distributed Map: a task that reads the ItemReader's JSON array, then an inline Map over it. Its
 *   children are no executions of their own, and only a tolerated share of failures of 0 is known.
 */
export function prepare(definition: Definition, options: EngineOptions, stopped: AbortSignal) {
  const handlers: Record<string, Handler> = {};
  const prepared = structuredClone(definition);
  prepareStates(prepared, handlers, options, stopped);
  return { definition: prepared, handlers };
}

function prepareStates(
  machine: State,
  handlers: Record<string, Handler>,
  options: EngineOptions,
  stopped: AbortSignal,
) {
  const states = asState(machine["States"]);
  for (const [name, value] of Object.entries(states)) {
    const state = asState(value);
    scaleRetries(state, options.timeScale);
    if (state["Type"] === "Task") handlers[name] = invoking(String(state["Resource"]), options.lambda, stopped);
    if (state["Type"] === "Wait") {
      states[name] = sleepingTask(state);
      handlers[name] = (input) => {
        const milliseconds = Number(asState(input)["seconds"]) * 1000 * options.timeScale;
        return delay(milliseconds, null, { signal: stopped }).catch(() => null);
      };
    }
    if (state["Type"] !== "Map") continue;
    const processor = asState(state["ItemProcessor"]);
    prepareStates(processor, handlers, options, stopped);
    if (state["ItemReader"] !== undefined) {
      const children = endTogether(processor, handlers);
      states[name] = readingTask(name, state);
      handlers[name] = (input) => {
        children.haveFailed = false;
        return readItems(input, options);
      };
      states[mapOf(name)] = inlineMap(state, processor);
    }
  }
}

/**
 * The interpreter goes on with a Map's other items behind a failed Map's back; a Distributed Map begins no further child.
 * So once a child has failed, no task of another one does anything.
 */
function endTogether(processor: State, handlers: Record<string, Handler>): { haveFailed: boolean } {
  const children = { haveFailed: false };
  const states = asState(processor["States"]);
  for (const [name, value] of Object.entries(states)) {
    const state = asState(value);
    const handle = handlers[name];
    if (state["Type"] === "Fail") {
      states[name] = failingTask(state);
      handlers[name] = async (input) => {
        children.haveFailed = true;
        throw named(String(asState(input)["error"]), String(asState(input)["cause"]));
      };
    } else if (handle !== undefined) {
      handlers[name] = async (input) => {
        if (children.haveFailed) throw named("States.Aborted", "Another child has failed");
        return handle(input);
      };
    }
  }
  return children;
}

function failingTask({ Error: error, ErrorPath: errorPath, Cause: cause, CausePath: causePath }: State): State {
  return {
    Type: "Task",
    Resource: "arn:aws:lambda:::function:fails",
    Parameters: {
      ...(errorPath === undefined ? { error } : { "error.$": errorPath }),
      ...(causePath === undefined ? { cause } : { "cause.$": causePath }),
    },
    End: true,
  };
}

const mapOf = (name: string) => `${name} (items)`;

function readingTask(name: string, state: State): State {
  const reader = asState(state["ItemReader"]);
  return {
    Type: "Task",
    Resource: "arn:aws:lambda:::function:reads-items",
    Parameters: reader["Parameters"],
    ResultPath: "$.localItems",
    Next: mapOf(name),
    ...(state["Catch"] === undefined ? {} : { Catch: state["Catch"] }),
  };
}

function inlineMap(state: State, processor: State): State {
  const { ItemReader: _reader, Label: _label, ...rest } = state;
  processor["ProcessorConfig"] = { Mode: "INLINE" };
  return { ...rest, ItemsPath: "$.localItems" };
}

async function readItems(input: unknown, { readObject }: EngineOptions): Promise<Json> {
  const { Bucket: bucket, Key: key } = asState(input);
  const text = await readObject(String(bucket), String(key));
  if (text === undefined) throw named("S3.NoSuchKey", "The specified key does not exist.");
  return JSON.parse(text);
}

function sleepingTask({ Seconds: seconds, SecondsPath: path, Next: next, End: end, ...rest }: State): State {
  if (seconds === undefined && path === undefined) throw new TypeError("Only waits by seconds are known here");
  return {
    ...rest,
    Type: "Task",
    Resource: "arn:aws:lambda:::function:sleeps",
    Parameters: path === undefined ? { seconds } : { "seconds.$": path },
    ResultPath: null,
    TimeoutSeconds: longestTaskSeconds,
    ...(next === undefined ? { End: end } : { Next: next }),
  };
}

function scaleRetries(state: State, timeScale: number): void {
  const retriers: unknown = state["Retry"];
  if (!Array.isArray(retriers)) return;
  for (const retrier of retriers.map(asState)) {
    retrier["IntervalSeconds"] = Number(retrier["IntervalSeconds"] ?? 1) * timeScale;
    if (retrier["MaxDelaySeconds"] !== undefined) {
      retrier["MaxDelaySeconds"] = Number(retrier["MaxDelaySeconds"]) * timeScale;
    }
  }
}

/** A task that invokes a function; what it throws has the name and the cause that Step Functions gives it. */
function invoking(resource: string, lambda: EngineOptions["lambda"], stopped: AbortSignal): Handler {
  const functionName = resource.split(":").at(-1) ?? resource;
  return async (input) => {
    // Stopped, the interpreter still begins what waits in a Map.
    if (stopped.aborted) throw named("States.Aborted", "The execution was stopped");
    const outcome = await lambda.invoke(functionName, input).catch((error: unknown) => {
      throw named("Lambda.ResourceNotFoundException", String(error));
    });
    if (outcome.ok) return asJson(outcome.result);
    throw named(outcome.error.errorType, JSON.stringify(outcome.error));
  };
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

/** Runs a definition; every step is told to `onEvent` as it happens. */
export function runDefinition(
  definition: Definition,
  input: unknown,
  context: Readonly<Record<string, unknown>>,
  options: EngineOptions,
  onEvent: (event: HistoryEvent) => void,
): Running {
  const stopping = new AbortController();
  const { definition: prepared, handlers } = prepare(definition, options, stopping.signal);
  if (!isRunnable(prepared)) throw new TypeError("A definition says where it starts and which states it has");
  const machine = new StateMachine(prepared, {
    // What is emitted is validated by the tests; what this file made of it is not what is deployed.
    validationOptions: { noValidate: true },
  });
  const execution = machine.run(asJson(input), {
    context,
    overrides: { taskResourceLocalHandlers: handlers },
  });
  void follow(execution.eventLogs, onEvent);
  const ended = execution.result.then(
    (output): Ending => ({ status: "SUCCEEDED", output }),
    (error: unknown): Ending => {
      if (stopping.signal.aborted || error instanceof ExecutionAbortedError) return { status: "ABORTED" };
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      return cause instanceof Error
        ? { status: "FAILED", error: cause.name, cause: cause.message }
        : { status: "FAILED", error: "States.Runtime", cause: String(cause) };
    },
  );
  return {
    ended,
    stop: () => {
      stopping.abort();
      execution.abort();
    },
  };
}

async function follow(events: AsyncIterable<unknown>, onEvent: (event: HistoryEvent) => void): Promise<void> {
  for await (const event of events) {
    const { type, timestamp, state, Error: error, Cause: cause } = asState(event);
    const { name, type: stateType, input, output } = asState(state);
    onEvent({
      type: `${String(stateType ?? "")}${String(type)}`,
      timestamp: Number(timestamp),
      ...(name === undefined ? {} : { state: String(name) }),
      ...(type === "StateEntered" ? { input } : {}),
      ...(type === "StateExited" ? { output } : {}),
      ...(error === undefined ? {} : { error: String(error), cause: String(cause) }),
    });
  }
}

/** As a state hands a value to the next one. */
function asJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value ?? null));
}

function asState(value: unknown): State {
  return isState(value) ? value : {};
}

function isState(value: unknown): value is State {
  return typeof value === "object" && value !== null;
}

/** What of a definition matters to the interpreter is its states' own affair: see `noValidate`. */
function isRunnable(definition: object): definition is StateMachineDefinition {
  return "StartAt" in definition && "States" in definition;
}
