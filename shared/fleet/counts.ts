import * as z from "zod/mini";
import type { FleetLine } from "./lines.ts";

/** How many devices are done, failed and waiting, and how many of the failed by which error. */
export const fleetCounts = z.object({
  done: z.int(),
  failed: z.int(),
  waiting: z.int(),
  errors: z.record(z.string(), z.int()),
});

/** One of {@link fleetCounts}. */
export type FleetCounts = z.infer<typeof fleetCounts>;

/** Counts of nothing. */
export const noCounts: FleetCounts = { done: 0, failed: 0, waiting: 0, errors: {} };

/** Counts lines as they come. */
export class LineCounter {
  #done = 0;
  #failed = 0;
  #waiting = 0;
  readonly #errors = new Map<string, number>();

  add({ status, error = "other" }: FleetLine): void {
    if (status === "done") this.#done += 1;
    if (status === "waiting") this.#waiting += 1;
    if (status !== "failed") return;
    this.#failed += 1;
    this.#errors.set(error, (this.#errors.get(error) ?? 0) + 1);
  }

  get counts(): FleetCounts {
    const errors = Object.fromEntries(this.#errors);
    return { done: this.#done, failed: this.#failed, waiting: this.#waiting, errors };
  }
}

/** How many lines have each status. */
export function countLines(lines: Iterable<FleetLine>): FleetCounts {
  const counter = new LineCounter();
  for (const line of lines) counter.add(line);
  return counter.counts;
}

/** The sum of counts; one that is null counts nothing. */
export function sumOf(some: readonly (FleetCounts | null)[]): FleetCounts {
  const errors = new Map<string, number>();
  let [done, failed, waiting] = [0, 0, 0];
  for (const one of some) {
    if (one === null) continue;
    done += one.done;
    failed += one.failed;
    waiting += one.waiting;
    for (const [error, count] of Object.entries(one.errors)) errors.set(error, (errors.get(error) ?? 0) + count);
  }
  return { done, failed, waiting, errors: Object.fromEntries(errors) };
}
