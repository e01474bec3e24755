import { RekeyError } from "../errors.ts";
import type { Clock, Deadline } from "../runtime/clock.ts";
import type { Authorization, Platform } from "./platform.ts";
import { deriveVerificationCode } from "./verification-code.ts";

/** A device and the state that is wanted for it. */
export interface RefreshRequest {
  readonly deviceId: string;
  /** Identity of the new hardware; absent: unchanged. */
  readonly nodeId?: string | undefined;
  /** Absent: derived from the idempotency key, or made by the platform. */
  readonly verifyCode?: string | undefined;
  /** Seconds until the code ends; absent: the platform's 180; 0: never. */
  readonly timeoutSeconds?: number | undefined;
  /** The application that owns the device, when it is not ours. */
  readonly appId?: string | undefined;
  readonly accessToken?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  /** The nodeId that the device must still have, unless it has the wanted one. */
  readonly expectedNodeId?: string | undefined;
}

/** The state a device was brought to. */
export interface Refreshed {
  readonly verifyCode: string;
  /** Seconds; null when the device has already connected. */
  readonly timeoutSeconds: number | null;
  /** When the code ends; null when it never does, or when the device has already connected. */
  readonly expiresAtMs: number | null;
  /** The wanted state was found by reading the device back. */
  readonly replayed: boolean;
}

interface RefreshDependencies {
  readonly platform: Platform;
  readonly clock: Clock;
  readonly deadline: Deadline;
}

// No change is begun with less than this left: its answer could not be waited for.
const leastMs = 1_000;
const answerReserveMs = 250;
const longestReadMs = 5_000;
const maxChanges = 5;
const defaultTimeoutSeconds = 180;

/**
 * Brings a device to the wanted state: new nodeId, new code.
 *
 * With a code known beforehand (given, or derived from the idempotency key) the same request asks for the same state
 * for ever, so a change whose answer was lost is asked for again, after reading back what came of it. Without one
 * nothing is sent twice.
 *
 * @throws the platform's errors by name; NodeIdChangedError; OutcomeUnknownError when a change's outcome stays unknown
 */
export async function refreshDeviceKey(request: RefreshRequest, dependencies: RefreshDependencies): Promise<Refreshed> {
  const { platform, deadline } = dependencies;
  const authorization = platform.authorize(deadline, request.accessToken);
  const code = request.verifyCode ?? (await derivedCode(request, authorization));
  return new Convergence(request, code, authorization, dependencies).run();
}

async function derivedCode(
  { idempotencyKey, deviceId, nodeId, appId }: RefreshRequest,
  authorization: Authorization,
): Promise<string | undefined> {
  if (idempotencyKey === undefined) return undefined;
  const credentials = await authorization.credentials();
  if (credentials.codeKey === undefined) {
    throw new RekeyError("ConfigurationError", "The application secret has no codeKey, which an idempotency key needs");
  }
  return deriveVerificationCode(credentials.codeKey, {
    appId: appId ?? credentials.appId,
    deviceId,
    nodeId,
    idempotencyKey,
  });
}

/** One request on its way to its state: what was sent and what is known, as long as it lasts. */
class Convergence {
  readonly #request: RefreshRequest;
  readonly #code: string | undefined;
  readonly #authorization: Authorization;
  readonly #platform: Platform;
  readonly #clock: Clock;
  readonly #deadline: Deadline;
  /** A change was sent whose outcome nobody knows. */
  #lost: RekeyError | undefined;
  /** Whether the device has the wanted nodeId, which then need not be sent: some platforms refuse a device its own. */
  #hasNodeId: boolean | undefined;
  #changes = 0;

  constructor(
    request: RefreshRequest,
    code: string | undefined,
    authorization: Authorization,
    { platform, clock, deadline }: RefreshDependencies,
  ) {
    this.#request = request;
    this.#code = code;
    this.#authorization = authorization;
    this.#platform = platform;
    this.#clock = clock;
    this.#deadline = deadline;
  }

  async run(): Promise<Refreshed> {
    const done = this.#request.expectedNodeId === undefined ? undefined : await this.#checkExpectation();
    if (done !== undefined) return done;
    for (;;) {
      const pauseMs = this.#changes === 0 ? 0 : Math.min(1_000, 50 * 2 ** this.#changes);
      if (this.#deadline.remaining() < pauseMs + leastMs || this.#changes >= maxChanges) throw this.#outOfTime();
      if (pauseMs > 0) await this.#clock.sleep(pauseMs);
      // Timers are late.
      if (this.#deadline.remaining() < leastMs) throw this.#outOfTime();
      this.#changes += 1;
      try {
        return await this.#change();
      } catch (error) {
        const known = await this.#recover(error);
        if (known !== undefined) return known;
      }
    }
  }

  async #change(): Promise<Refreshed> {
    const { deviceId, appId, timeoutSeconds } = this.#request;
    const nodeId = this.#hasNodeId === true ? undefined : this.#request.nodeId;
    const change = { nodeId, verifyCode: this.#code, timeoutSeconds };
    // The code's time runs from when the platform hears of it; ours starts earlier, so we never promise too much.
    const sentAtMs = this.#clock.now();
    const reply = await this.#authorization.call(
      (context) => this.#platform.calls.refreshDeviceKey(context, { deviceId, appId }, change),
      this.#changeLimitMs(),
    );
    const seconds = reply.timeoutSeconds ?? timeoutSeconds ?? defaultTimeoutSeconds;
    return {
      verifyCode: reply.verifyCode,
      timeoutSeconds: seconds,
      expiresAtMs: seconds === 0 ? null : sentAtMs + seconds * 1000,
      replayed: this.#hasNodeId === true,
    };
  }

  /** What can be sent again leaves time for that; what cannot waits for as long as there is. */
  #changeLimitMs(): number {
    const leftMs = this.#deadline.remaining() - answerReserveMs;
    if (this.#code === undefined) return leftMs;
    return Math.min(leftMs, 10_000, Math.max(3_500, leftMs / 2));
  }

  /** @returns the state when it turns out to be reached; undefined to ask again; throws what asking again cannot help */
  async #recover(error: unknown): Promise<Refreshed | undefined> {
    if (!(error instanceof RekeyError)) throw error;
    switch (error.name) {
      case "OutcomeUnknownError":
        if (this.#code === undefined) throw notRepeatable(error);
        this.#lost = error;
        return this.#readBack();
      case "NodeIdTakenError": {
        // Given its own nodeId, a device is refused on some platforms and not on others.
        if (this.#request.nodeId === undefined || this.#hasNodeId === true) throw error;
        const done = await this.#readBack();
        if (this.#hasNodeId === false) throw error;
        return done;
      }
      case "DeviceOnlineError": {
        const done = this.#mayBeOurs() ? await this.#readBack() : undefined;
        if (done !== undefined) return done;
        // It may have come online with what the lost change brought.
        throw this.#lost !== undefined && this.#hasNodeId !== false ? this.#lost : error;
      }
      default:
        // "Nothing was changed" would not be true any more.
        if (this.#lost !== undefined && error.retryable) throw this.#lost;
        throw error;
    }
  }

  /** Whether an online device with the wanted nodeId can only be the work of this request. */
  #mayBeOurs(): boolean {
    const { nodeId, expectedNodeId } = this.#request;
    if (nodeId === undefined || this.#code === undefined) return false;
    return this.#lost !== undefined || (expectedNodeId !== undefined && expectedNodeId !== nodeId);
  }

  async #readBack(): Promise<Refreshed | undefined> {
    const { nodeId } = this.#request;
    if (nodeId === undefined) return undefined;
    try {
      const device = await this.#readDevice();
      this.#hasNodeId = device.nodeId === nodeId;
      return this.#hasNodeId === true && device.status === "ONLINE" && this.#mayBeOurs()
        ? this.#connected()
        : undefined;
    } catch (error) {
      // After a lost change, asking again needs no reading; it only spares a refusal.
      if (this.#lost === undefined || !(error instanceof RekeyError && error.retryable)) throw error;
      if (this.#hasNodeId === false) this.#hasNodeId = undefined;
      return undefined;
    }
  }

  async #checkExpectation(): Promise<Refreshed | undefined> {
    const { nodeId, expectedNodeId } = this.#request;
    const device = await this.#readDevice();
    if (nodeId !== undefined && device.nodeId === nodeId) {
      this.#hasNodeId = nodeId !== expectedNodeId;
      return device.status === "ONLINE" && this.#mayBeOurs() ? this.#connected() : undefined;
    }
    if (device.nodeId === expectedNodeId) return undefined;
    throw new RekeyError("NodeIdChangedError", "The device has neither the expected nodeId nor the wanted one");
  }

  async #readDevice(): Promise<{ nodeId?: string | null | undefined; status?: string | null | undefined }> {
    const { deviceId, appId } = this.#request;
    const limitMs = Math.min(longestReadMs, Math.max(1, this.#deadline.remaining() - answerReserveMs));
    return this.#authorization.call(
      (context) => this.#platform.calls.deviceInfo(context, { deviceId, appId }),
      // A change shall still fit in after it.
      Math.max(Math.min(limitMs, 1_000), Math.min(limitMs, this.#deadline.remaining() / 2)),
    );
  }

  #connected(): Refreshed {
    return { verifyCode: this.#code ?? "", timeoutSeconds: null, expiresAtMs: null, replayed: true };
  }

  #outOfTime(): RekeyError {
    if (this.#lost !== undefined) return this.#lost;
    return new RekeyError("PlatformUnavailableError", "No time was left to begin the change", { retryAfterSeconds: 5 });
  }
}

function notRepeatable(error: RekeyError): RekeyError {
  return error.with({
    retryable: false,
    advice:
      "The code may have been changed. Send the request again with an Idempotency-Key: then a lost answer can be recovered.",
  });
}
