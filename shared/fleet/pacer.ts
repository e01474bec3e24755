import type { Clock } from "../runtime/clock.ts";

// What a late timer may make up for; the minute's own limit holds all the same.
const maxArrears = 2;
const mostAhead = 3;
const firstPauseSlots = 6;
const longestPauseSlots = 100;
const longestLagMs = 500;
const minuteMs = 60_000;
/** A refusal that comes so soon after a rest shows that others need more room. */
const quietMs = 30_000;
/** What a refusal leaves of the pace, which grows back by one call a minute each minute. */
const shrinking = 0.92;
const leastPace = 10;

/**
 * Says when each call of a run may be made: never more than so many in any minute, and evenly spaced, which holds
 * whatever window the platform counts by. The first one waits, too, so that batches one after the other keep the
 * distance without knowing of each other.
 *
 * A device begins when a call is free, and that call is its own; whatever else is sent for it (a login, a repeat, a
 * reading back) asks for another one. Where that cannot wait as long as the distance lasts (it waits for half its
 * time-out, so mostly at a pace below twelve), up to three are sent ahead of their distance and their minute, and later
 * ones make up for them.
 */
export class Pacer {
  readonly #clock: Clock;
  #isClosed = true;
  #limit = 1;
  /** What the platform has room for, as far as its refusals tell; the limit at most. */
  #pace = 1;
  #grownAtMs = 0;
  #nextAtMs = 0;
  #restsUntilMs = 0;
  #pauseSlots = firstPauseSlots;
  /** When calls were sent, of the last minute at least. */
  #sentAtMs: number[] = [];
  #underWay = 0;
  /** Calls of devices that have begun, not sent yet. */
  #unsent = 0;
  #beginnings: Promise<unknown> = Promise.resolve();
  #others: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins to give calls, at a pace and without a past; until then none is given. */
  open(callsPerMinute: number): void {
    this.#isClosed = false;
    // What a warm sandbox has learnt holds on.
    if (callsPerMinute !== this.#limit) this.#pace = callsPerMinute;
    this.#limit = callsPerMinute;
    this.#grownAtMs = this.#clock.elapsed();
    this.#nextAtMs = this.#clock.elapsed() + this.#slotMs;
    this.#restsUntilMs = 0;
    this.#pauseSlots = firstPauseSlots;
    this.#sentAtMs = [];
    this.#underWay = 0;
    this.#unsent = 0;
  }

  /**
   * Resolves when the next device may begin, in the order in which it was asked for; its first call is free then.
   *
   * @param untilMs by {@link Clock.elapsed}; without a free call before it the answer is false, and comes at once.
   * Default: never
   */
  begin(untilMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    const turn = this.#beginnings.then(() => this.#begin(untilMs));
    this.#beginnings = turn;
    return turn;
  }

  /** A device that had begun has ended; a call that was not sent for it is another one's. */
  end(): void {
    this.#underWay -= 1;
    if (this.#unsent <= this.#underWay) return;
    this.#unsent = this.#underWay;
    this.#nextAtMs = Math.max(this.#restsUntilMs, this.#nextAtMs - this.#slotMs);
  }

  /**
   * Resolves when a call may be sent, before devices that wait to begin. Where the pace is so slow that nobody could
   * wait for the next one, three may be ahead of it, except in a rest.
   *
   * @param withinMs how long the call can wait
   * @returns false: it must not be sent
   */
  async permit(withinMs: number): Promise<boolean> {
    if (this.#isClosed) return false;
    if (this.#unsent > 0) {
      this.#unsent -= 1;
      return this.#send();
    }
    const untilMs = this.#clock.elapsed() + withinMs;
    const turn = this.#others.then(() => this.#permit(untilMs, withinMs));
    this.#others = turn;
    return turn;
  }

  /**
   * The platform refused for want of quota: somebody else needs room, a call for each that the run leaves out. It rests,
   * twice as long each time until it was {@link served} half a minute after a rest, and goes on a little more slowly.
   */
  refused(): void {
    // Those that were under way when the rest began tell nothing new.
    if (this.#clock.elapsed() < this.#restsUntilMs) return;
    const restMs = (this.#pauseSlots * minuteMs) / this.#limit;
    this.#restsUntilMs = Math.max(this.#nextAtMs, this.#clock.elapsed() + restMs);
    this.#nextAtMs = this.#restsUntilMs;
    this.#pauseSlots = Math.min(longestPauseSlots, this.#pauseSlots * 2);
    this.#pace = Math.max(Math.min(leastPace, this.#limit), this.#pace * shrinking);
  }

  /** The platform served a call. */
  served(): void {
    // A call that was under way when the rest began says nothing about it.
    if (this.#clock.elapsed() - this.#restsUntilMs >= quietMs) this.#pauseSlots = firstPauseSlots;
  }

  /** Another pace from the next call on. */
  setPace(callsPerMinute: number): void {
    if (callsPerMinute === this.#limit) return;
    this.#nextAtMs += minuteMs / callsPerMinute - this.#slotMs;
    this.#pace = callsPerMinute;
    this.#limit = callsPerMinute;
  }

  /** No further call is given, to those who wait for one neither. */
  close(): void {
    this.#isClosed = true;
  }

  get #slotMs(): number {
    return minuteMs / this.#pace;
  }

  /**
   * When the distance is kept, and the minute before has room.
   *
   * Not at the very moment at which a call of a minute ago ceases to count, but half a call later: else a run would take
   * each freed place at once, a platform that looks back on the last minute would never refuse it, and nobody beside it
   * would ever find room. So there is room for another half of the time, and once it is taken the run is refused, and
   * rests.
   */
  get #freeAtMs(): number {
    const oldest = this.#sentAtMs[this.#sentAtMs.length + this.#unsent - Math.floor(this.#pace)];
    if (oldest === undefined) return this.#nextAtMs;
    return Math.max(this.#nextAtMs, oldest + minuteMs + Math.min(this.#slotMs / 2, longestLagMs));
  }

  async #begin(untilMs: number): Promise<boolean> {
    // Looked at again after sleeping: a refusal or another call may have moved it.
    for (;;) {
      await this.#others;
      const nowMs = this.#clock.elapsed();
      const atMs = this.#freeAtMs;
      if (this.#isClosed || Math.max(atMs, nowMs) > untilMs) return false;
      if (atMs <= nowMs) break;
      await this.#clock.sleep(atMs - nowMs);
    }
    this.#take();
    this.#underWay += 1;
    this.#unsent += 1;
    return true;
  }

  async #permit(untilMs: number, withinMs: number): Promise<boolean> {
    for (;;) {
      const nowMs = this.#clock.elapsed();
      const atMs = this.#freeAtMs;
      if (this.#isClosed) return false;
      if (atMs <= nowMs) break;
      const rests = nowMs < this.#restsUntilMs;
      if (!rests && this.#slotMs > withinMs && atMs - nowMs <= mostAhead * this.#slotMs) break;
      if (atMs > untilMs) return false;
      await this.#clock.sleep(atMs - nowMs);
    }
    this.#take();
    return this.#send();
  }

  #take(): void {
    const nowMs = this.#clock.elapsed();
    this.#pace = Math.min(this.#limit, this.#pace + (nowMs - this.#grownAtMs) / minuteMs);
    this.#grownAtMs = nowMs;
    const arrearsMs = Math.min(maxArrears, Math.floor(this.#pace * 0.03)) * this.#slotMs;
    this.#nextAtMs = Math.max(this.#nextAtMs, this.#clock.elapsed() - arrearsMs) + this.#slotMs;
  }

  #send(): true {
    this.#sentAtMs.push(this.#clock.elapsed());
    if (this.#sentAtMs.length > 2 * this.#limit) this.#sentAtMs = this.#sentAtMs.slice(-this.#limit);
    return true;
  }
}
