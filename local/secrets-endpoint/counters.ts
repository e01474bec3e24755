/** One call as it was answered. */
export interface Call {
  readonly atMs: number;
  readonly operation: string;
  /** The secret's name, also when the call named its ARN; what was sent when there is no such secret. */
  readonly secret: string | undefined;
  readonly accessKeyId: string | undefined;
  /** `ok`, the error's type, `cut` or `hang`. */
  readonly outcome: string;
}

/** Counts of everything that was asked of the endpoint. */
export class Counters {
  /** Every call, in the order of its answers. */
  readonly log: Call[] = [];
  readonly #written = new Map<string, number>();

  /** Notes a call. */
  note(call: Call): void {
    this.log.push(call);
  }

  /** Notes a version that was written. */
  noteVersion(secret: string): void {
    this.#written.set(secret, (this.#written.get(secret) ?? 0) + 1);
  }

  /** How many calls there were, of one operation, on one secret, or of all. */
  calls(operation?: string, secret?: string): number {
    return this.log.filter(
      (one) =>
        (operation === undefined || one.operation === operation) && (secret === undefined || one.secret === secret),
    ).length;
  }

  /** How many versions were written, to one secret or to all. */
  versionsWritten(secret?: string): number {
    if (secret !== undefined) return this.#written.get(secret) ?? 0;
    return [...this.#written.values()].reduce((sum, one) => sum + one, 0);
  }

  /** Everything as plain data: calls by operation, by secret and operation, versions written by secret. */
  snapshot() {
    const byOperation: Record<string, number> = {};
    const bySecret: Record<string, Record<string, number>> = {};
    for (const { operation, secret } of this.log) {
      byOperation[operation] = (byOperation[operation] ?? 0) + 1;
      if (secret === undefined) continue;
      const counts = bySecret[secret] ?? {};
      counts[operation] = (counts[operation] ?? 0) + 1;
      bySecret[secret] = counts;
    }
    return { total: this.log.length, byOperation, bySecret, versionsWritten: Object.fromEntries(this.#written) };
  }

  /** Starts again from nothing. */
  reset(): void {
    this.log.length = 0;
    this.#written.clear();
  }
}
