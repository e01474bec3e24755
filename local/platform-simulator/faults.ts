import * as z from "zod/mini";
import { type OperationName, operations } from "./rules.ts";

/**
 * What can go wrong on demand.
 *
 * `latency` waits first; `hang` never answers; `cut` closes the connection, `cutAt` after so many bytes of the answer;
 * `code` answers with a row of the error table; `html` is a proxy's 502; `empty` is 200 with `{}`; `truncated`,
 * `garbage`, `huge`, `endless` and `redirect` are answers that nobody should trust; `foreign` is a proper answer to another
 * application's request, about another device and with another code.
 */
export const faultKinds = [
  "latency",
  "hang",
  "cut",
  "cutAt",
  "code",
  "html",
  "status",
  "empty",
  "truncated",
  "garbage",
  "huge",
  "endless",
  "redirect",
  "foreign",
] as const;

const natural = z.int().check(z.nonnegative());

/** One fault to come: which requests it hits, and how. */
export const faultSchema = z.strictObject({
  kind: z.enum(faultKinds),
  operation: z.exactOptional(z.enum(operations.map(({ name }) => name))),
  deviceId: z.exactOptional(z.string()),
  /** The request is carried out before the fault strikes. Default false. */
  applied: z.exactOptional(z.boolean()),
  /** With `applied`: the device connects with its new nodeId before anybody asks again. */
  thenOnline: z.exactOptional(z.boolean()),
  code: z.exactOptional(z.string()),
  status: z.exactOptional(z.int().check(z.minimum(200), z.maximum(599))),
  milliseconds: z.exactOptional(natural),
  bytes: z.exactOptional(natural),
  /** The first matching request that is hit, from 1. Default 1. */
  nth: z.exactOptional(natural),
  /** Every so many matching requests from there on. Default 1. */
  every: z.exactOptional(z.int().check(z.positive())),
  /** How many are hit. Default 1; 0: all. */
  count: z.exactOptional(natural),
});

/** See {@link faultSchema}. */
export type Fault = Readonly<z.infer<typeof faultSchema>>;

/** Faults waiting for their requests. */
export class Faults {
  #planned: { readonly fault: Fault; seen: number; hits: number }[] = [];

  add(...faults: readonly Fault[]): void {
    this.#planned.push(...faults.map((fault) => ({ fault, seen: 0, hits: 0 })));
  }

  clear(): void {
    this.#planned = [];
  }

  list(): Fault[] {
    return this.#planned.map(({ fault }) => fault);
  }

  /** Counts a request and tells which fault hits it; latency adds up, of the others the first counts. */
  hit(operation: OperationName, deviceId: string | undefined): { latencyMs: number; fault: Fault | undefined } {
    let latencyMs = 0;
    let struck: Fault | undefined;
    for (const plan of this.#planned) {
      const { fault } = plan;
      if (fault.operation !== undefined && fault.operation !== operation) continue;
      if (fault.deviceId !== undefined && fault.deviceId !== deviceId) continue;
      plan.seen += 1;
      const { nth = 1, every = 1, count = 1 } = fault;
      if (plan.seen < nth || (plan.seen - nth) % every !== 0 || (count !== 0 && plan.hits >= count)) continue;
      plan.hits += 1;
      if (fault.kind === "latency") latencyMs += fault.milliseconds ?? 0;
      else struck ??= fault;
    }
    return { latencyMs, fault: struck };
  }
}
