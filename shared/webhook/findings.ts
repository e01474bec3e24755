import { evaluate, type Outcome } from "./expressions.ts";
import { eventsIn, type Payload } from "./payload.ts";
import { engineTaskOf, malformed, type Source } from "./source.ts";
import { type Value, valueFrom } from "./value.ts";

/** What a source's fields found in one event of a payload. */
export interface Finding {
  /** Whether the source's condition holds, or why that cannot be said; true where it has none. */
  readonly when: boolean | { readonly fault: string };
  /** By the field's name; nothing under the name of one that found nothing. */
  readonly values: Readonly<Record<string, NonNullable<Value>>>;
}

const notMet: Finding = { when: false, values: {} };

/**
 * What the fields of a source find in each event of a payload: paths are walked here, expressions in a process of their
 * own, all of a delivery in one, and none where the condition holds for no event.
 *
 * @param text that the payload was made of
 * @param leftMs what the delivery has left, in milliseconds
 * @throws ConfigurationError an expression cannot be compiled
 */
export async function findingsOf(
  source: Source,
  { document, rounded }: Payload,
  text: string,
  leftMs: number,
): Promise<readonly Finding[]> {
  const events = eventsIn(document);
  const task = engineTaskOf(source);
  const mayBeMet = events.map((event) => source.when?.find === undefined || source.when.find(event) === true);
  const outcome = task === undefined || !mayBeMet.includes(true) ? undefined : await evaluate(task, text, leftMs);
  if (outcome !== undefined && "faults" in outcome && outcome.faults.length > 0) {
    throw malformed(source.name, outcome.faults);
  }
  return events.map((event, at) => {
    if (mayBeMet[at] !== true) return notMet;
    const values: Record<string, NonNullable<Value>> = {};
    for (const [name, { find }] of Object.entries(source.fields)) {
      const value = find === undefined ? undefined : valueFrom(find(event), rounded);
      if (value !== undefined) values[name] = value;
    }
    return outcome === undefined ? { when: true, values } : withEngines({ when: true, values }, outcome, source, at);
  });
}

/** What was found here, and what the engine found besides; all that it did not come to is at fault. */
function withEngines(
  { values }: Finding,
  outcome: Outcome | { readonly ended: string },
  { when, fields }: Source,
  at: number,
): Finding {
  if (!("ended" in outcome)) {
    const found = outcome.events[at];
    if (found === undefined) throw new Error("The engine found other events in the payload");
    return { when: found.when, values: { ...values, ...found.values } };
  }
  const fault = { fault: `cannot be read: ${outcome.ended}` };
  if (when !== undefined && when.find === undefined) return { when: fault, values };
  const unread = Object.entries(fields).filter(([, { find }]) => find === undefined);
  return { when: true, values: { ...values, ...Object.fromEntries(unread.map(([name]) => [name, fault])) } };
}
