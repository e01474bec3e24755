import * as z from "zod/mini";

/** What can go wrong on demand; `-after` means that the change was made before. */
export const faultKinds = [
  "latency",
  "hang",
  "hang-after",
  "error",
  "error-after",
  "throttle",
  "refuse",
  "cut",
  "cut-after",
] as const;

/** One of {@link faultKinds}. */
export type FaultKind = (typeof faultKinds)[number];

const natural = z.int().check(z.nonnegative());

/** One fault to come: which calls it hits and what it does to them. */
export const faultSchema = z.strictObject({
  kind: z.enum(faultKinds),
  /** Only this operation (`GetSecretValue`); any when absent. */
  operation: z.exactOptional(z.string()),
  /** Only calls that name this secret; any when absent. */
  secretId: z.exactOptional(z.string()),
  /** The first matching call that is hit, counted from 1 and from when the fault was added. Default 1. */
  nth: z.exactOptional(natural),
  /** How many calls from there on are hit. Default 1; 0 for all. */
  count: z.exactOptional(natural),
  /** For `latency`: how long the call waits before anything happens. */
  milliseconds: z.exactOptional(natural),
  /** For `refuse`: the error's type, such as `DecryptionFailure`, and its message. */
  type: z.exactOptional(z.string()),
  message: z.exactOptional(z.string()),
});

/** See {@link faultSchema}. */
export type Fault = Readonly<z.infer<typeof faultSchema>>;

/** Faults waiting for their calls. */
export class FaultPlan {
  #planned: { readonly fault: Fault; seen: number }[] = [];

  /** Adds faults; several may hit one call. */
  add(...faults: readonly Fault[]): void {
    this.#planned.push(...faults.map((fault) => ({ fault, seen: 0 })));
  }

  /** Takes back all faults. */
  clear(): void {
    this.#planned = [];
  }

  /** The faults with what they have seen so far. */
  list(): (Fault & { readonly seen: number })[] {
    return this.#planned.map(({ fault, seen }) => ({ ...fault, seen }));
  }

  /** Counts a call, and tells which faults hit it. */
  hit(operation: string, secretIds: readonly string[]): Fault[] {
    const hits: Fault[] = [];
    for (const plan of this.#planned) {
      const { fault } = plan;
      if (fault.operation !== undefined && fault.operation !== operation) continue;
      if (fault.secretId !== undefined && !secretIds.includes(fault.secretId)) continue;
      plan.seen += 1;
      const first = fault.nth ?? 1;
      const last = fault.count === 0 ? Number.POSITIVE_INFINITY : first + (fault.count ?? 1) - 1;
      if (plan.seen >= first && plan.seen <= last) hits.push(fault);
    }
    return hits;
  }
}
