import { nameOf, RekeyError } from "../errors.ts";
import { type Deadline, deadlineIn } from "../runtime/clock.ts";
import { leaseTermMs, slots, slotVersion } from "./lease.ts";
import { type NewSession, publish } from "./publication.ts";
import { type Ledger, requestToken, type StoredSession, sessionText, type Token } from "./session-document.ts";
import type { SessionMemory } from "./session-memory.ts";
import { isUsable, movesUnguarded, nextStep, oldTokenOf, type Step, type View, type Wish } from "./session-step.ts";

const longestEarlyMs = 6_000;
// UpdateSecretVersionStage and DescribeSecret bear 50 calls a second from everybody together.
const lookIntervalMs = 800;

type Of<Kind extends Step["step"]> = Extract<Step, { readonly step: Kind }>;

/** A token, and whether a login of ours that nobody came before has just brought it. */
export interface Granted {
  readonly token: Token;
  readonly renewed: boolean;
}

/** One wish on its way: does what {@link nextStep} says until the wish is granted or the time is over. */
export class Pursuit {
  readonly #memory: SessionMemory;
  readonly #deadline: Deadline;
  /** An old token that serves while it is renewed, and until when that may take. */
  #old: { readonly token: Token; readonly deadline: Deadline } | undefined;
  /** What we see; time is added at every step. */
  #view: Omit<View, "nowMs" | "leftMs" | "isBarred" | "kept">;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #rests: { readonly where: string; readonly sinceMs: number } | undefined;
  #heldUntilMs = Number.POSITIVE_INFINITY;
  #births = 0;
  #isOurs = false;
  #lead: PromiseWithResolvers<void> | undefined;

  constructor(memory: SessionMemory, wish: Wish, deadline: Deadline) {
    this.#memory = memory;
    this.#deadline = deadline;
    this.#view = {
      ...{ wish, earlyMs: memory.earlyMs, own: undefined, session: undefined, label: undefined, held: undefined },
      ...{ isLate: false, isFull: false, pauses: 0 },
    };
  }

  /** @throws SecretsUnavailableError, RenewalLimitedError, and what the login throws */
  async run(): Promise<Granted> {
    let end = () => this.#lead?.resolve();
    try {
      return await this.#pursue();
    } catch (error) {
      const old = this.#old?.token;
      if (old !== undefined && isUsable(old, this.#memory.dependencies.clock.now())) {
        return this.#serveOn(old, nameOf(error));
      }
      end = () => this.#lead?.reject(error);
      throw error;
    } finally {
      await this.#release();
      if (this.#lead !== undefined) this.#memory.renewal = undefined;
      end();
    }
  }

  async #pursue(): Promise<Granted> {
    for (;;) {
      const step = nextStep(this.#look());
      if (step.step === "use") return this.#use(step);
      if (step.step === "fail") throw this.#failure(step);
      if (await this.#mayGoOn(step)) await this.#carryOut(step);
    }
  }

  #look(): View {
    const { clock } = this.#memory.dependencies;
    const { kept, isBarred } = this.#memory;
    const nowMs = clock.now();
    const view = { ...this.#view, kept, isBarred, nowMs };
    const old = oldTokenOf(view);
    if (old !== undefined && this.#old === undefined) {
      const shortMs = Math.min(longestEarlyMs, this.#deadline.remaining() / 2);
      // A token that might end meanwhile is nothing to fall back on.
      const isLong = !isUsable(old, nowMs, shortMs);
      this.#old = { token: old, deadline: isLong ? this.#deadline : deadlineIn(shortMs, clock) };
    }
    return { ...view, leftMs: this.#patience.remaining() };
  }

  get #patience(): Deadline {
    return this.#old?.deadline ?? this.#deadline;
  }

  #use({ token, isOld }: Of<"use">): Granted {
    if (isOld && !this.#memory.isBarred) return this.#serveOn(token, "SecretsUnavailableError");
    this.#memory.kept = token;
    return { token, renewed: this.#isOurs && token === this.#view.own };
  }

  #serveOn(token: Token, error: string): Granted {
    this.#memory.noteEarlyFailure();
    this.#memory.kept = token;
    this.#memory.dependencies.log.warn("Early renewal failed; the old token still serves", { error });
    return { token, renewed: false };
  }

  #failure(step: Of<"fail">): RekeyError {
    const { log, metrics } = this.#memory.dependencies;
    if (step.why === "time") {
      const message = "Another sandbox renews for too long";
      return new RekeyError("SecretsUnavailableError", message, { retryAfterSeconds: 5 });
    }
    const { message, afterMs } = step;
    const { kind } = this.#view.wish;
    if (kind === "other") metrics.count("TokensRefused");
    log.error("Renewal refused by the allowance", { wish: kind, detail: message });
    return new RekeyError("RenewalLimitedError", message, { retryAfterSeconds: Math.ceil(afterMs / 1000) });
  }

  /** One renewal at a time in a sandbox: the others wait for it, and share its failure. */
  async #mayGoOn(step: Step): Promise<boolean> {
    if (this.#lead !== undefined || (step.step === "wait" && step.see === "session" && step.pauseMs === 0)) return true;
    if (this.#memory.renewal !== undefined) {
      await this.#memory.renewal;
      this.#view = { ...this.#view, session: undefined };
      return false;
    }
    this.#lead = Promise.withResolvers<void>();
    this.#lead.promise.catch(() => undefined);
    this.#memory.renewal = this.#lead.promise;
    return true;
  }

  #carryOut(step: Exclude<Step, { readonly step: "use" | "fail" }>): Promise<void> {
    switch (step.step) {
      case "wait":
        return this.#wait(step);
      case "repair":
        return this.#repair(step);
      case "lay":
        return this.#lay();
      case "take":
      case "relieve":
        return this.#take(step);
      case "logIn":
        return this.#logIn(step);
    }
  }

  #see(changes: Partial<View>): void {
    this.#view = { ...this.#view, ...changes };
  }

  async #wait({ pauseMs, see }: Of<"wait">): Promise<void> {
    const { clock, random, metrics } = this.#memory.dependencies;
    const before = this.#view.session;
    if (pauseMs > 0) {
      if (see === "both" && this.#view.pauses === 0) metrics.count("LeaseWaits");
      await clock.sleep(see === "both" ? pauseMs * (0.75 + random() / 2) : pauseMs);
      if (see === "both") this.#see({ pauses: this.#view.pauses + 1 });
    }
    if (see !== "label") this.#see({ session: await this.#memory.read(this.#patience) });
    if (see === "session" || (see === "both" && this.#view.session?.versionId !== before?.versionId)) return;
    if (see === "both" && this.#view.label !== undefined && clock.elapsed() - this.#lookedAtMs < lookIntervalMs) return;
    await this.#lookAtLabel();
  }

  async #lookAtLabel(): Promise<void> {
    const { clock } = this.#memory.dependencies;
    this.#lookedAtMs = clock.elapsed();
    const label = await this.#memory.lease.look(this.#patience);
    const where = `${label.at} ${this.#view.session?.versionId}`;
    if (this.#rests?.where !== where) this.#rests = { where, sinceMs: clock.elapsed() };
    this.#see({ label: { ...label, restedMs: Math.max(0, this.#lookedAtMs - this.#rests.sinceMs) } });
    const { held } = this.#view;
    if (held !== undefined && label.at !== slotVersion(held.slot)) this.#see({ held: undefined, isLate: true });
  }

  async #repair({ turn }: Of<"repair">): Promise<void> {
    const { log } = this.#memory.dependencies;
    const { label, session } = this.#view;
    const follows = session?.versionId ?? "";
    const ledger: Ledger = { follows, turn, ...(label?.at === undefined ? {} : { guarded: label.guarded }) };
    await this.#begin(ledger);
    // The label AWSCURRENT was moved back to a version that has been healed before.
    const isBack = this.#view.session?.versionId === follows && this.#view.session.ledger === undefined;
    if (isBack && !this.#view.isFull) await this.#begin({ ...ledger, nonce: crypto.randomUUID() });
    if (follows !== "" && this.#view.session?.ledger !== undefined) {
      log.warn("Session secret was not written by us and is healed");
    }
  }

  async #begin(ledger: Ledger): Promise<void> {
    const { secrets, secretId } = this.#memory.dependencies;
    const text = sessionText({ token: undefined, refreshToken: undefined, ledger });
    const outcome = await secrets.write(secretId, { token: requestToken(ledger), text }, this.#patience);
    if (outcome === "limited") this.#see({ isFull: true });
    else this.#see({ session: await this.#memory.read(this.#patience) });
  }

  async #lay(): Promise<void> {
    const follows = this.#view.session?.versionId ?? "";
    // Are the slots there, and the label is not, then it was lost: it is born again on a version of its own.
    const birth = this.#births === 0 ? "" : requestToken({ follows, nonce: `label ${this.#births}` });
    this.#births += 1;
    const outcome = await this.#memory.lease.lay(birth, this.#patience);
    this.#see({ label: undefined, isLate: false, isFull: outcome === "limited" });
  }

  async #take({ from, guarded }: Of<"take" | "relieve">): Promise<void> {
    const { clock, random } = this.#memory.dependencies;
    const { held, session } = this.#view;
    const turn = held?.turn ?? session?.ledger?.turn ?? 0;
    const others = [...slots.keys()].filter((slot) => slotVersion(slot) !== from && slot !== turn);
    const slot = others[Math.floor(random() * others.length) % others.length] ?? 0;
    const untilMs = clock.elapsed() + leaseTermMs;
    const outcome = await this.#memory.lease.take(from, slot, this.#patience);
    if (outcome === "taken") {
      this.#heldUntilMs = untilMs;
      const moves = (held?.moves ?? 0) + 1;
      this.#see({ held: { slot, turn, moves, guarded }, label: undefined });
      // Another may have published and gone since we read: then there is nothing to renew.
      if (guarded || moves >= movesUnguarded) this.#see({ session: undefined });
    } else {
      const label = outcome === "unlaid" ? { at: undefined, guarded: false, restedMs: 0 } : undefined;
      this.#see({ held: undefined, label, isLate: true });
    }
  }

  async #logIn({ reason, booking }: Of<"logIn">): Promise<void> {
    const { clock, log, metrics, logIn } = this.#memory.dependencies;
    const { held, session } = this.#view;
    if (reason === "refused") metrics.count("TokensRefused");
    if (held?.guarded === false) this.#tellUnguarded();
    const startedAtMs = clock.now();
    const budget = () =>
      Math.min(
        held === undefined ? leaseTermMs : this.#heldUntilMs - clock.elapsed() - 2_000,
        this.#patience.remaining() - 500,
      );
    // After a refusal the refreshToken may be the stranger's victim too; after a request the credentials have changed.
    const refreshToken = reason === "ended" ? session?.refreshToken : undefined;
    const reply = await logIn({ refreshToken, fresh: reason === "requested", budget });
    const token: Token = {
      accessToken: reply.accessToken,
      issuedAtMs: startedAtMs,
      expiresAtMs: startedAtMs + reply.expiresIn * 1000,
    };
    this.#memory.kept = token;
    this.#see({ own: token });
    log.info("Access token renewed", { reason, expiresAtMs: token.expiresAtMs });
    const ledger: Ledger = {
      ...booking,
      follows: session?.versionId ?? "",
      turn: held?.slot ?? session?.ledger?.turn ?? 0,
      ...(held === undefined ? {} : { guarded: held.guarded }),
    };
    await this.#publish({ token, refreshToken: reply.refreshToken ?? undefined, ledger });
  }

  /** The token works whether or not the others learn of it. */
  async #publish(session: NewSession): Promise<void> {
    const { log, secrets, secretId } = this.#memory.dependencies;
    const { lease } = this.#memory;
    const read = (deadline: Deadline) => this.#memory.read(deadline);
    const slot = this.#view.held?.slot;
    // Whatever comes of it, the lease is not given back: so many sandboxes that cannot publish would kill each other's
    // tokens in turn.
    this.#see({ held: undefined });
    const apart: StoredSession = { ...session, versionId: session.ledger.follows };
    try {
      const published = await publish(session, slot, { secrets, secretId, lease, read }, this.#patience);
      this.#isOurs = published.outcome !== "lost";
      if (published.outcome !== "limited") return this.#see({ session: published.session });
      log.error("Session cannot be published: the secret has too many versions; this sandbox keeps its own token");
    } catch (error) {
      this.#isOurs = true;
      log.error("Session cannot be published", { error: nameOf(error) });
    }
    this.#memory.apart = apart;
    this.#see({ session: apart });
  }

  #tellUnguarded(): void {
    const { log, metrics } = this.#memory.dependencies;
    metrics.count("LeaseUnguarded");
    if (this.#view.session?.ledger?.guarded === false) return;
    log.error("The secrets store does not refuse what a lease needs refused: several sandboxes may log in at once");
  }

  async #release(): Promise<void> {
    const { clock } = this.#memory.dependencies;
    const { held } = this.#view;
    // After the term the label may have come round to this slot for another holder, whose it is to give back.
    if (held === undefined || clock.elapsed() >= this.#heldUntilMs) return;
    // The answer must leave in time, also where nothing else came of it.
    const milliseconds = Math.min(1_000, this.#deadline.remaining() + 200);
    await this.#memory.lease.release(held.slot, held.turn, deadlineIn(milliseconds, clock));
  }
}
