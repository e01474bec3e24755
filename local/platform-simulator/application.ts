import { randomBytes } from "node:crypto";
import { jsonOf } from "../../shared/json.ts";
import { type Device, Devices } from "./devices.ts";
import { defaults, errorRows, isErrorCode, isText256, keyFields, type OperationName } from "./rules.ts";

/** Settings of the simulated platform. */
export interface ApplicationOptions {
  readonly appId?: string;
  readonly secret?: string;
  readonly quota?: { readonly calls: number; readonly windowMs: number };
  /** Whether logins count toward the quota; nobody knows. Default false. */
  readonly loginCounts?: boolean;
  readonly tokenSeconds?: number;
  /** Whether a device that is given the nodeId it has is refused with 100426; nobody knows. Default false. */
  readonly duplicateOwnNodeId?: boolean;
  /** Refused tokens as old installations say it: 401 / 100002. */
  readonly legacyTokenErrors?: boolean;
  readonly appKeyHeader?: string;
  /** `expiresIn` as a string, as one page quotes it. */
  readonly quotedNumbers?: boolean;
}

/** A request as it came in, read by nobody yet. */
export interface Received {
  readonly operation: OperationName;
  /** Decoded from its path segment. */
  readonly deviceId: string | undefined;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** An answer before any fault has touched it. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly code?: string;
}

/** What the platform knows and decides; judges requests by the pages alone. */
export class Application {
  readonly devices = new Devices();
  readonly appId: string;
  secret: string;
  frozen = false;
  throttled = 0;
  /** The only token that is valid. */
  token = "";
  refreshToken = "";
  tokenEndsAtMs = 0;
  #offsetMs = 0;
  #calls: number[] = [];
  readonly #options: ApplicationOptions;

  constructor(options: ApplicationOptions) {
    this.#options = options;
    this.appId = options.appId ?? "rekey-app";
    this.secret = options.secret ?? "s3cret&with+signs%";
  }

  now(): number {
    return Date.now() + this.#offsetMs;
  }

  advance(milliseconds: number): void {
    this.#offsetMs += milliseconds;
  }

  /** Somebody else logs in: the token before is dead. */
  killToken(): void {
    this.#issue();
  }

  /** Whether a token is the one that is taken now. */
  honours(token: string): boolean {
    return token !== "" && token === this.token && this.now() < this.tokenEndsAtMs;
  }

  answer(request: Received): Answer {
    const isLogin = request.operation === "login" || request.operation === "refreshToken";
    if ((!isLogin || this.#options.loginCounts === true) && !this.#withinQuota()) {
      this.throttled += 1;
      return failure("1010009");
    }
    if (request.operation === "login") return this.#login(request);
    if (request.operation === "refreshToken") return this.#refreshToken(request);
    return this.#authorized(request) ?? this.#deviceCall(request);
  }

  #withinQuota(): boolean {
    const { calls, windowMs } = this.#options.quota ?? { calls: defaults.quotaCalls, windowMs: defaults.quotaWindowMs };
    const now = this.now();
    this.#calls = this.#calls.filter((atMs) => now - atMs < windowMs);
    if (this.#calls.length >= calls) return false;
    this.#calls.push(now);
    return true;
  }

  #login({ headers, body }: Received): Answer {
    if (mediaType(headers) !== "application/x-www-form-urlencoded") return failure("102202");
    const form = new URLSearchParams(body);
    if (!form.get("appId") || !form.get("secret")) return failure("102202");
    if ([...form.keys()].some((key) => key !== "appId" && key !== "secret")) return failure("50400");
    return this.#credentialFault(form.get("appId"), form.get("secret")) ?? this.#issue();
  }

  #refreshToken({ headers, body }: Received): Answer {
    const fields = mediaType(headers) === "application/json" ? objectOf(body) : undefined;
    if (fields === undefined) return failure("50400");
    const { appId, secret, refreshToken, ...rest } = fields;
    if (Object.keys(rest).length > 0) return failure("50400");
    if (!isText256(appId) || !isText256(secret) || !isText256(refreshToken)) return failure("102202");
    if (refreshToken !== this.refreshToken || this.refreshToken === "") return failure("100208");
    return this.#credentialFault(appId, secret) ?? this.#issue();
  }

  #credentialFault(appId: unknown, secret: unknown): Answer | undefined {
    if (appId !== this.appId || secret !== this.secret) return failure("100208");
    return this.frozen ? failure("100449") : undefined;
  }

  #issue(): Answer {
    const seconds = this.#options.tokenSeconds ?? defaults.tokenSeconds;
    this.token = randomBytes(16).toString("hex");
    this.refreshToken = randomBytes(16).toString("hex");
    this.tokenEndsAtMs = this.now() + seconds * 1_000;
    const body = {
      scope: "default",
      tokenType: "Bearer ",
      expiresIn: this.#options.quotedNumbers === true ? String(seconds) : seconds,
      accessToken: this.token,
      refreshToken: this.refreshToken,
      somethingNew: { nobody: "knows" },
    };
    return { status: 200, body };
  }

  #authorized({ headers }: Received): Answer | undefined {
    if (headers[this.#options.appKeyHeader ?? "app_key"] !== this.appId) return failure("100025");
    if (!this.honours(/^Bearer (.*)$/.exec(String(headers["authorization"]))?.[1] ?? "")) {
      return failure(this.#options.legacyTokenErrors === true ? "100002" : "1010005");
    }
    return mediaType(headers) === "application/json" ? undefined : failure("50400");
  }

  #deviceCall(request: Received): Answer {
    const { operation, deviceId = "", query } = request;
    if ([...query.keys()].some((key) => key !== "appId") || deviceId.length > 256) return failure("50400");
    const device = this.devices.get(deviceId);
    const appId = query.get("appId");
    if (device === undefined) return failure(operation === "deviceInfo" ? "100418" : "100403");
    if ((device.owner ?? this.appId) !== (appId ?? this.appId)) return failure("100217");
    switch (operation) {
      case "refreshDeviceKey":
        return this.#refreshDeviceKey(device, request.body);
      case "activationStatus":
        return { status: 200, body: { deviceId, activated: device.activated, name: device.name } };
      default:
        return { status: 200, body: this.#info(device) };
    }
  }

  #info({ deviceId, nodeId, name, status }: Device) {
    return {
      deviceId,
      gatewayId: deviceId,
      nodeType: "GATEWAY",
      createTime: "20220101T000000Z",
      lastModifiedTime: "20261124T000000Z",
      deviceInfo: { nodeId, name, status, statusDetail: "NONE", manufacturerId: "maker" },
      services: [],
    };
  }

  #refreshDeviceKey(device: Device, text: string): Answer {
    const fields = objectOf(text);
    if (fields === undefined) return failure("50400");
    for (const [name, value] of Object.entries(fields)) {
      const check = Object.hasOwn(keyFields, name) ? keyFields[name] : undefined;
      if (check?.(value) !== true) return failure("50400");
    }
    if (!device.activated) return failure("100610");
    if (device.status === "ONLINE") return failure("100611");
    const { nodeId, verifyCode, timeout } = fields;
    const refused = typeof nodeId === "string" && this.#isTaken(nodeId, device);
    if (refused) return failure("100426");
    if (typeof nodeId === "string") device.nodeId = nodeId;
    device.verifyCode = typeof verifyCode === "string" ? verifyCode : randomBytes(8).toString("hex");
    device.timeoutSeconds = typeof timeout === "number" ? timeout : defaults.codeSeconds;
    device.history.push({ nodeId: device.nodeId, verifyCode: device.verifyCode, atMs: this.now() });
    return { status: 200, body: { verifyCode: device.verifyCode, timeout: device.timeoutSeconds } };
  }

  #isTaken(nodeId: string, device: Device): boolean {
    const holder = this.devices.all().find((one) => one.nodeId === nodeId);
    if (holder === undefined) return false;
    return holder === device ? this.#options.duplicateOwnNodeId === true : true;
  }
}

/** The answer of a row of the error table; of a code outside it, the status given. */
export function failure(code: string, status?: number): Answer {
  const row = isErrorCode(code) ? errorRows[code] : undefined;
  const body = { error_code: code, error_desc: row?.text ?? "Unknown error." };
  return { status: status ?? row?.statuses[0] ?? 400, body, code };
}

function mediaType(headers: Received["headers"]): string {
  return (
    String(headers["content-type"] ?? "")
      .split(";")[0]
      ?.trim()
      .toLowerCase() ?? ""
  );
}

function objectOf(text: string): Record<string, unknown> | undefined {
  const value = jsonOf(text);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
