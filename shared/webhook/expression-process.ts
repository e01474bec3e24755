import { readFileSync, writeSync } from "node:fs";
import jsonata from "jsonata";
import type { Fault } from "../errors.ts";
import { unworkable } from "./expression-exit.ts";
import type { EventValues, Outcome, Task } from "./expressions.ts";
import { eventsIn, type Payload, payloadOf } from "./payload.ts";
import { type Value, valueFrom } from "./value.ts";

// What runs in the process that expressions.ts starts: a task in a line of JSON and the payload's text come in by standard
// input, what was found goes out by standard output. It has no environment, and whatever it does ends with it.

type Expression = ReturnType<typeof jsonata>;

async function outcomeOf({ when, fields }: Task, text: string): Promise<Outcome> {
  const faults: Fault[] = [];
  const condition = when === undefined ? undefined : compiled("when", when, faults);
  const expressions: [string, Expression | undefined][] = Object.entries(fields).map(([name, expression]) => [
    name,
    compiled(`fields.${name}`, expression, faults),
  ]);
  if (faults.length > 0 || text === "") return { faults, events: [] };
  const payload = payloadOf(text);
  if (payload === undefined) process.exit(unworkable);
  const events: EventValues[] = [];
  for (const event of eventsIn(payload.document)) events.push(await valuesIn(event, payload, condition, expressions));
  return { faults, events };
}

async function valuesIn(
  event: unknown,
  { rounded }: Payload,
  condition: Expression | undefined,
  expressions: readonly [string, Expression | undefined][],
): Promise<EventValues> {
  const values: Record<string, NonNullable<Value>> = {};
  const given = without(null, event);
  const met = condition === undefined ? true : await evaluated(condition, given);
  if (met instanceof Failure) return { when: { fault: met.message }, values };
  if (met !== true) return { when: false, values };
  for (const [name, expression] of expressions) {
    const found = expression === undefined ? undefined : await evaluated(expression, given);
    const value = found instanceof Failure ? { fault: found.message } : valueFrom(found, rounded);
    if (value !== undefined) values[name] = value;
  }
  return { when: true, values };
}

function compiled(path: string, expression: string, faults: Fault[]): Expression | undefined {
  try {
    return jsonata(expression);
  } catch (error) {
    faults.push({ path, message: `The expression cannot be read: ${compilersReason(error)}` });
    return undefined;
  }
}

class Failure extends Error {}

/** Systems that write `false` for an empty text make functions of texts fail over it; then it is taken for nothing. */
async function evaluated(expression: Expression, payload: unknown): Promise<unknown> {
  try {
    return await expression.evaluate(payload);
  } catch (error) {
    return expression
      .evaluate(without(false, payload))
      .catch(() => new Failure(`cannot be read: ${evaluatorsReason(error)}`));
  }
}

/** A copy in which nothing has this value: members that have it are gone, places in a list are empty. */
function without(unwanted: null | false, value: unknown): unknown {
  if (value === unwanted) return undefined;
  if (Array.isArray(value)) return value.map((one) => without(unwanted, one));
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, one]) => one !== unwanted);
  return Object.fromEntries(members.map(([key, one]) => [key, without(unwanted, one)]));
}

/** The compiler's own words speak of the expression, which is the configuration's. */
function compilersReason(error: unknown): string {
  return typeof error === "object" && error !== null && "message" in error ? String(error.message) : "unknown";
}

const reasons: Readonly<Record<string, string>> = {
  T0410: "a function is given a value of another type than it takes",
  T0411: "a function is given a value of another type than it takes",
  T0412: "a function is given a list of other values than it takes",
  T1005: "something is called that is no function",
  T1006: "something is called that is no function",
  T2001: "an operator is given something that is no number",
  T2002: "an operator is given something that is no number",
  T2009: "values of different types are compared",
  T2010: "values are compared that are no numbers and no texts",
  D2014: "a range is too long",
  D3030: "a text is read as a number that is none",
  D3137: "the expression's own $error",
};

/** The evaluator's words quote the payload, which is no log's and no answer's business: its code, and where it was. */
function evaluatorsReason(error: unknown): string {
  const { code, position } = { code: undefined, position: undefined, ...(typeof error === "object" ? error : {}) };
  if (typeof code !== "string") return "it fails over this payload";
  const where = typeof position === "number" ? ` at character ${position}` : "";
  return `${reasons[code] ?? "it fails over this payload"} (JSONata ${code}${where})`;
}

function tell(text: string): void {
  const bytes = Buffer.from(text, "utf8");
  for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes, written);
}

const input = readFileSync(0, "utf8");
const lineEnd = input.indexOf("\n");
const task: Task = JSON.parse(input.slice(0, lineEnd));
try {
  tell(JSON.stringify(await outcomeOf(task, input.slice(lineEnd + 1))));
} catch (error) {
  if (!(error instanceof RangeError)) throw error;
  process.exit(unworkable);
}
