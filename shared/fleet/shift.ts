import { RekeyError } from "../errors.ts";
import { type Clock, isoTime } from "../runtime/clock.ts";
import type { FleetLine } from "./lines.ts";
import type { Pacer } from "./pacer.ts";
import type { Reason } from "./verdict.ts";

/** Re-keys one device; each call asks the pacer first. @throws the errors of the family */
export type RekeyOne = (device: FleetLine) => Promise<{
  readonly expiresAtMs: number | null;
  readonly replayed: boolean;
  /** Which key the code was derived with; absent: it was given. */
  readonly codeKeyId?: string | undefined;
}>;

/** Why a shift ended: nothing is left, or its time is over; somebody or something stops it; an outage; a fault. */
export type End =
  | { readonly kind: "over" }
  | { readonly kind: "stop"; readonly reason: Reason }
  | { readonly kind: "outage"; readonly error: RekeyError }
  | { readonly kind: "turn" }
  | { readonly kind: "fault"; readonly error: unknown };

/** What a shift needs. */
export interface ShiftOptions {
  readonly clock: Clock;
  readonly pacer: Pacer;
  readonly rekey: RekeyOne;
  /** No call begins after it. */
  readonly longestMs: number;
  /** Begun carefully, one device at a time until the first is served: there was an outage. */
  readonly isProbe: boolean;
  /** Takes what became known of a device; what it answers ends the shift. */
  enter(line: FleetLine): End | undefined;
  /** Looks whether the shift may go on, and keeps what is known; asked before every few calls. */
  look(): Promise<End | undefined>;
  /** How long a look lasts, in milliseconds. */
  lookMs(): number;
}

const maxAttempts = 3;
const maxInFlight = 60;
/** So many in a row, and it is not the devices. */
const maxStreak = 5;

/** One invocation's work on a batch. */
export class Shift {
  readonly #options: ShiftOptions;
  readonly #attempts = new Map<number, number>();
  readonly #inFlight = new Set<Promise<void>>();
  #queue: FleetLine[] = [];
  #streak = 0;
  readonly #doubtful = new Set<number>();
  #served = false;
  #end: End | undefined;
  #lookedAtMs: number;

  constructor(options: ShiftOptions) {
    this.#options = options;
    this.#lookedAtMs = options.clock.elapsed();
  }

  /** Whether the platform served any device, be it by an answer that is about the device. */
  get served(): boolean {
    return this.#served;
  }

  /** @returns why it ended; what was under way has ended too */
  async work(devices: readonly FleetLine[]): Promise<End> {
    const { clock, pacer, longestMs } = this.#options;
    this.#queue = [...devices];
    const endMs = clock.elapsed() + longestMs;
    while (this.#end === undefined) {
      await this.#lookIfDue();
      if (this.#isFull || (this.#queue.length === 0 && this.#inFlight.size > 0)) {
        await this.#anyEnded();
        continue;
      }
      if (this.#queue.length === 0 || this.#end !== undefined) break;
      // A call may be minutes away: looks go on, and the turn is kept, until it is free.
      const untilMs = Math.min(endMs, this.#nextLookMs);
      if (!(await pacer.begin(untilMs))) {
        if (untilMs === endMs) break;
        await this.#anyEnded();
        continue;
      }
      const device = this.#queue.shift();
      if (device === undefined || this.#end !== undefined) break;
      const work = this.#one(device).finally(() => {
        pacer.end();
        this.#inFlight.delete(work);
      });
      this.#inFlight.add(work);
    }
    // Those under way begin no further call of their own where somebody wants the run to stop.
    if (this.#end !== undefined) pacer.close();
    await Promise.all(this.#inFlight);
    return this.#end ?? { kind: "over" };
  }

  get #isFull(): boolean {
    return this.#inFlight.size >= (this.#served || !this.#options.isProbe ? maxInFlight : 1);
  }

  get #nextLookMs(): number {
    return this.#lookedAtMs + this.#options.lookMs();
  }

  /** Resolves when a device has ended, or a look is due. */
  async #anyEnded(): Promise<void> {
    const { clock } = this.#options;
    await Promise.race([...this.#inFlight, clock.sleep(Math.max(1, this.#nextLookMs - clock.elapsed()))]);
  }

  async #lookIfDue(): Promise<void> {
    const { clock } = this.#options;
    if (clock.elapsed() < this.#nextLookMs) return;
    try {
      const end = await this.#options.look();
      if (end !== undefined) this.#end ??= end;
    } catch (error) {
      this.#end ??= { kind: "fault", error };
    }
    this.#lookedAtMs = clock.elapsed();
  }

  async #one(device: FleetLine): Promise<void> {
    const { rekey, clock } = this.#options;
    try {
      const { codeKeyId, expiresAtMs, replayed } = await rekey(device);
      this.#wasServed();
      this.#enter(device, {
        status: "done",
        ...(codeKeyId === undefined ? {} : { codeKeyId }),
        expiresAt: expiresAtMs === null ? null : isoTime(expiresAtMs),
        replayed,
        at: isoTime(clock.now()),
      });
    } catch (error) {
      if (!(error instanceof RekeyError)) this.#end ??= { kind: "fault", error };
      else if (error.name === "ConfigurationError") this.#end ??= { kind: "stop", reason: reasonOf(error) };
      else this.#refused(device, error);
    }
  }

  #refused(device: FleetLine, error: RekeyError): void {
    const { pacer, clock } = this.#options;
    // Without a code of the platform's it is our own pace that refused.
    if (error.name === "PlatformThrottledError" && error.platformCode !== undefined) pacer.refused();
    this.#countStreak(device, error);
    const attempts = (this.#attempts.get(device.line) ?? 0) + 1;
    this.#attempts.set(device.line, attempts);
    if (error.retryable && error.passing !== "device" && attempts < maxAttempts) this.#queue.push(device);
    const countsAsTried = error.passing !== "outage" && error.name !== "PlatformThrottledError";
    const triedAtMs = device.triedAtMs ?? (countsAsTried ? clock.now() : undefined);
    this.#enter(device, {
      status: error.retryable ? "waiting" : "failed",
      ...(triedAtMs === undefined ? {} : { triedAtMs }),
      error: error.name,
      detail: error.message,
      advice: error.advice,
      at: isoTime(clock.now()),
    });
  }

  /** An answer that is about the device shows that the platform is there. */
  #countStreak({ line }: FleetLine, error: RekeyError): void {
    if (error.passing === "outage") this.#streak += 1;
    else if (mayBeOutage(error)) {
      // One device may have it for itself, however often it is asked.
      if (!this.#doubtful.has(line)) this.#streak += 1;
      this.#doubtful.add(line);
    } else if (error.name !== "PlatformThrottledError") {
      this.#wasServed();
    }
    if (this.#streak >= maxStreak) this.#end ??= { kind: "outage", error };
  }

  #wasServed(): void {
    this.#options.pacer.served();
    this.#served = true;
    this.#streak = 0;
    this.#doubtful.clear();
  }

  #enter(device: FleetLine, news: Partial<FleetLine>): void {
    const { status: _, error: __, detail: ___, advice: ____, at: _____, ...rest } = device;
    const end = this.#options.enter({ ...rest, ...news });
    if (end !== undefined) this.#end ??= end;
  }
}

/** What a proxy's 502 and silence look like, and what one device alone may have too. */
function mayBeOutage(error: RekeyError): boolean {
  return error.name === "OutcomeUnknownError" || (error.name === "PlatformReplyError" && error.retryable);
}

/** An error as progress tells it. */
export function reasonOf(error: unknown): Reason {
  if (error instanceof RekeyError) return { error: error.name, cause: `${error.message}. ${error.advice}` };
  return { error: "UnexpectedError", cause: "The log of rekeyBatch names the cause. Start the run again." };
}
