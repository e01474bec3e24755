import * as z from "zod/mini";
import { appId, codeOrigin, deviceId, nodeId, timeoutSeconds } from "../shared/device.ts";
import { isErrorName, traitsOf } from "../shared/errors.ts";
import { idempotencyKey } from "../shared/http/fields.ts";
import { defineOperation } from "../shared/http/operation.ts";
import { invalidInput } from "../shared/http/parse-input.ts";
import { faultsOf } from "../shared/input-faults.ts";
import { defaultLimitSeconds, limitSeconds, secondsToWait } from "../shared/patience.ts";
import { readCause } from "../shared/runtime/lambda-error.ts";

/** Which ticket is told; made by ticketWebhook, taken apart by writeTicketNote. */
const ticket = z.looseObject({ source: z.string(), ticketId: z.string(), operationId: z.string() });

/** Which webhook's event asked where no ticket is told; made by ticketWebhook, which knows its repeats by it. */
const delivery = z.looseObject({ source: z.string(), operationId: z.string() });

/** A failed step as Step Functions tells it; the cause of a failed function is Lambda's JSON. */
const failure = z.object({ Error: z.string(), Cause: z.optional(z.nullable(z.string())) });

/** What an execution of rekeyDevice is started with. */
export const rekeyDeviceInput = z
  .strictObject({
    deviceId,
    nodeId: z.nullish(nodeId),
    expectedNodeId: z.nullish(nodeId),
    /** Seconds until the code ends; the platform's 180 when absent. */
    timeout: z.nullish(timeoutSeconds),
    appId: z.nullish(appId),
    code: z.nullish(codeOrigin),
    /** Default: the execution's name. */
    idempotencyKey: z.nullish(idempotencyKey),
    /** Whether the code is in the output, and so in the execution's history. */
    includeCode: z._default(z.nullable(z.boolean()), false),
    limitSeconds: z._default(z.nullable(limitSeconds), defaultLimitSeconds),
    ticket: z.nullish(ticket),
    delivery: z.nullish(delivery),
    /** Nothing is tried, the ticket is only told why: made by ticketWebhook of a ticket that lacks something. */
    failure: z.nullish(failure),
  })
  .check(
    z.refine((input) => input.code !== "nodeId" || input.nodeId != null, {
      path: ["nodeId"],
      message: 'is missing, and code is "nodeId"',
    }),
  );

/** An input of which only the ticket and why nothing is tried matter. */
const onlyTold = z.looseObject({ failure });

const mentioned = z.object({
  deviceId: z.catch(z.nullable(z.string()), null),
  nodeId: z.catch(z.nullable(z.string()), null),
  ticket: z.catch(z.nullable(ticket), null),
});

/** What refreshDeviceKey is asked for in each try; null where the input says nothing. */
const request = z.object({
  deviceId: z.nullable(z.string()),
  nodeId: z.nullable(z.string()),
  expectedNodeId: z.nullable(z.string()),
  verifyCode: z.nullable(z.string()),
  timeout: z.nullable(z.number()),
  appId: z.nullable(z.string()),
  idempotencyKey: z.string(),
  includeCode: z.boolean(),
  /** For the audit line. */
  requestedBy: z.string(),
});

/** What the workflow remembers between two steps. */
const progress = z.object({
  request,
  /** How the code is made; for the note. */
  code: z.nullable(codeOrigin),
  ticket: z.nullable(ticket),
  /** How long may still be waited. */
  leftSeconds: z.int(),
  /** How often each error was waited for, by its name. */
  waits: z.record(z.string(), z.int()),
});

const outcome = z.union([
  z.looseObject({ ok: z.literal(true) }),
  z.object({
    ok: z.literal(false),
    error: z.string(),
    /** What failed, in one sentence. */
    detail: z.string(),
    advice: z.string(),
    /** Both, as the execution fails with it. */
    cause: z.string(),
  }),
]);

/** The execution's name and its data: the input at the beginning, later what this function answered and what came of it. */
export const decideNextStepInput = z.strictObject({
  execution: z.string(),
  soFar: z.union([
    z.strictObject({ input: z.unknown() }),
    z.extend(progress, { result: z.looseObject({}) }),
    z.extend(progress, { failure }),
  ]),
});

/** The execution's data from now on. */
export const decideNextStepOutput = z.extend(progress, {
  next: z.enum(["refresh", "wait", "tell", "end"]),
  /** For `wait`. */
  waitSeconds: z.optional(z.int()),
  /** For `tell` and `end`. */
  outcome: z.optional(outcome),
  /** What refreshDeviceKey answered; the output of an execution that succeeds. */
  result: z.optional(z.looseObject({})),
});

type Input = z.infer<typeof decideNextStepInput>;
type Progress = z.infer<typeof progress>;
type Output = z.infer<typeof decideNextStepOutput>;
type Failure = z.infer<typeof failure>;

/** @param random 0 to 1 */
async function run({ execution, soFar }: Input, random: () => number): Promise<Output> {
  if ("input" in soFar) return begin(execution, soFar.input);
  if ("result" in soFar) {
    const { result, ...known } = soFar;
    return { ...ended(known, { ok: true, ...result }), result };
  }
  const { failure: broken, ...known } = soFar;
  return waitAfter(broken.Error, known, random()) ?? ended(known, failureOutcome(broken));
}

function begin(execution: string, raw: unknown): Output {
  const told = onlyTold.safeParse(raw);
  if (told.success) return ended(nothingToTry(execution, raw), failureOutcome(told.data.failure));
  const parsed = rekeyDeviceInput.safeParse(raw, { reportInput: true });
  if (!parsed.success) {
    const { name, message, advice } = invalidInput(parsed.error.issues.flatMap(faultsOf));
    return ended(nothingToTry(execution, raw), failed(name, message, advice));
  }
  const { code, includeCode, limitSeconds: leftSeconds, ...device } = parsed.data;
  return {
    request: {
      deviceId: device.deviceId,
      nodeId: device.nodeId ?? null,
      expectedNodeId: device.expectedNodeId ?? null,
      verifyCode: code === "nodeId" ? (device.nodeId ?? null) : null,
      timeout: device.timeout ?? null,
      appId: device.appId ?? null,
      idempotencyKey: device.idempotencyKey ?? execution,
      includeCode: includeCode ?? false,
      requestedBy: principalOf(execution, device.ticket ?? device.delivery),
    },
    code: code ?? null,
    ticket: device.ticket ?? null,
    leftSeconds: leftSeconds ?? defaultLimitSeconds,
    waits: {},
    next: "refresh",
  };
}

/** Of an input that is not tried: what the note can say of it, and whom to tell, whatever else is wrong. */
function nothingToTry(execution: string, raw: unknown): Progress {
  const named = mentioned.safeParse(raw).data ?? { deviceId: null, nodeId: null, ticket: null };
  return {
    request: {
      ...{ deviceId: named.deviceId, nodeId: named.nodeId, expectedNodeId: null, verifyCode: null, timeout: null },
      ...{ appId: null, idempotencyKey: execution, includeCode: false },
      requestedBy: principalOf(execution, named.ticket),
    },
    code: null,
    ticket: named.ticket,
    leftSeconds: 0,
    waits: {},
  };
}

/** On whose behalf a device is re-keyed, as the audit line has it. */
function principalOf(execution: string, asked: z.infer<typeof delivery> | null | undefined): string {
  if (asked == null) return `execution ${execution}`;
  return `webhook ${asked.source}, operation ${asked.operationId}`.replace(/\p{C}/gu, "·").slice(0, 256);
}

/** Undefined for what does not pass, or where no time is left. */
function waitAfter(error: string, known: Progress, random: number): Output | undefined {
  const before = new Map(Object.entries(known.waits)).get(error) ?? 0;
  const seconds = secondsToWait(error, before, random);
  if (seconds === undefined || known.leftSeconds === 0) return undefined;
  const waitSeconds = Math.min(known.leftSeconds, seconds);
  const leftSeconds = known.leftSeconds - waitSeconds;
  return { ...known, leftSeconds, waits: { ...known.waits, [error]: before + 1 }, next: "wait", waitSeconds };
}

function ended(known: Progress, outcome: Output["outcome"]): Output {
  return { ...known, next: known.ticket === null ? "end" : "tell", outcome };
}

/** What failed in our words: of Lambda's JSON what we put into it, of Step Functions' own errors the name alone. */
function failureOutcome({ Error: error, Cause: cause }: Failure) {
  if (isErrorName(error)) {
    const traits = traitsOf(error);
    const { detail = traits.title, advice = traits.advice } = readCause(cause);
    return failed(error, detail, advice);
  }
  return failed(
    error,
    `refreshDeviceKey ended with ${error}`,
    "Tell whoever operates this service; the logs of refreshDeviceKey name the cause.",
  );
}

function failed(error: string, detail: string, advice: string) {
  return { ok: false as const, error, detail, advice, cause: `${detail}. What helps: ${advice}` };
}

/**
 * The step of the workflow rekeyDevice that decides: the input and what happened so far in; what is next, how long to
 * wait and what to tell out. It calls nothing and changes nothing.
 *
 * The definition could decide by itself, by Choice states and intrinsic functions. It did, in 43 states that knew neither
 * which field is misspelt nor what helps, and had to make a subtraction of texts. Here the schemas, the errors and their
 * advice are at hand, and the waits have tests; an invocation costs less than one of the transitions that it saves.
 */
export const decideNextStep = defineOperation({
  input: decideNextStepInput,
  output: decideNextStepOutput,
  dependencies: () => ({ random: Math.random }),
  run: (input, _, { random }) => run(input, random),
});
