import type * as z from "zod/mini";
import { RekeyError } from "../errors.ts";
import { jsonOf, memberOf } from "../json.ts";
import type { Clock, Deadline } from "../runtime/clock.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { Credentials } from "./credentials.ts";
import { platformError } from "./error-table.ts";
import { createTransport, type Exchange, type Permission, type SendResult, type Transport } from "./transport.ts";
import {
  activationReply,
  type DeviceInfo,
  deviceKeyReply,
  deviceReply,
  errorReply,
  type TokenReply,
  tokenReply,
} from "./wire.ts";

/** Which device, and whose: `appId` only when it belongs to another application that authorized ours. */
export interface DeviceAddress {
  readonly deviceId: string;
  readonly appId?: string | undefined;
}

/** What a device key is refreshed to; all optional on the platform. */
export interface DeviceKeyChange {
  readonly nodeId?: string | undefined;
  readonly verifyCode?: string | undefined;
  /** Seconds; absent: the platform's 180; 0: never expires. */
  readonly timeoutSeconds?: number | undefined;
}

/** What each call needs beside its own input. */
export interface CallContext {
  readonly credentials: Credentials;
  readonly accessToken: string;
  /** The longest that the call may take, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * The north-bound calls that this product makes. Each answers with the checked reply or throws an error of the family:
 * a read or login that brings none is `PlatformUnavailableError`, a change whose answer is lost `OutcomeUnknownError`.
 */
export interface PlatformCalls {
  login(credentials: Credentials, timeoutMs: number): Promise<TokenReply>;
  refreshToken(credentials: Credentials, refreshToken: string, timeoutMs: number): Promise<TokenReply>;
  refreshDeviceKey(
    context: CallContext,
    device: DeviceAddress,
    change: DeviceKeyChange,
  ): Promise<{ verifyCode: string; timeoutSeconds: number | undefined }>;
  activationStatus(context: CallContext, device: DeviceAddress): Promise<z.infer<typeof activationReply>>;
  deviceInfo(context: CallContext, device: DeviceAddress): Promise<DeviceInfo>;
  /** Begins a connection that the first call takes, if that comes within a second. */
  connectAhead(credentials: Credentials): void;
  /** Opens and closes a connection. */
  probe(credentials: Credentials, deadline: Deadline): Promise<void>;
}

/**
 * What caused the error of a request that was refused before anybody looked at what it asks for, without a code of the
 * platform's: its header may be to blame, and in that the token.
 */
export class HeaderRefusal extends Error {
  override readonly name = "HeaderRefusal";
}

type Kind = "read" | "change";

/** What an exchange is to bring. */
interface Expected<Schema extends z.ZodMiniType> {
  readonly schema: Schema;
  readonly kind: Kind;
  readonly callersAppId?: boolean;
  /** Whether a reply speaks of what was asked; absent where nothing in it can tell. */
  readonly speaksOfIt?: (reply: z.output<Schema>) => boolean;
}

/**
 * Calls over connections that are kept for as long as the credentials stay the same.
 *
 * @param permission is asked before each request; absent: all may be sent
 */
export function createPlatformCalls(clock: Clock, metrics: Metrics, permission?: Permission): PlatformCalls {
  let kept: { readonly credentials: Credentials; readonly transport: Transport } | undefined;
  const transportFor = (credentials: Credentials): Transport => {
    if (kept?.credentials === credentials) return kept.transport;
    kept?.transport.close();
    const transport = createTransport(credentials, clock, {
      onSend: () => metrics.count("PlatformCalls"),
      permission,
    });
    kept = { credentials, transport };
    return transport;
  };

  async function call<Schema extends z.ZodMiniType>(
    credentials: Credentials,
    exchange: Exchange,
    { schema, kind, callersAppId = false, speaksOfIt = () => true }: Expected<Schema>,
  ): Promise<z.output<Schema>> {
    const transport = transportFor(credentials);
    const result = await transport.send(exchange);
    const body = judge(result, kind, callersAppId);
    if (body instanceof RekeyError) {
      if (isThrottled(body)) metrics.count("Throttles");
      throw body;
    }
    const parsed = schema.safeParse(body);
    if (parsed.success && speaksOfIt(parsed.data)) return parsed.data;
    // Whatever this answers, the next answer on the connection may be as far off.
    if (result.kind === "reply") transport.distrust(result);
    throw parsed.success ? ofSomethingElse(kind) : shapeless(kind);
  }

  return {
    login(credentials, timeoutMs) {
      metrics.count("Logins");
      return call(credentials, loginExchange(credentials, timeoutMs), { schema: tokenReply, kind: "read" });
    },
    refreshToken(credentials, refreshToken, timeoutMs) {
      metrics.count("Logins");
      const exchange = refreshTokenExchange(credentials, refreshToken, timeoutMs);
      return call(credentials, exchange, { schema: tokenReply, kind: "read" });
    },
    async refreshDeviceKey(context, device, change) {
      const { verifyCode } = change;
      const reply = await call(context.credentials, changeExchange(context, device, change), {
        schema: deviceKeyReply,
        kind: "change",
        callersAppId: device.appId !== undefined,
        speaksOfIt: (told) => verifyCode === undefined || isSame(told.verifyCode, verifyCode),
      });
      return { verifyCode: reply.verifyCode, timeoutSeconds: reply.timeout ?? undefined };
    },
    activationStatus(context, device) {
      const exchange = readExchange(context, device, deviceCredentials);
      return call(context.credentials, exchange, { schema: activationReply, ...aboutDevice(device) });
    },
    async deviceInfo(context, device) {
      const exchange = readExchange(context, device, devices);
      const reply = await call(context.credentials, exchange, { schema: deviceReply, ...aboutDevice(device) });
      return reply.deviceInfo;
    },
    connectAhead: (credentials) => transportFor(credentials).connectAhead(),
    probe: (credentials, deadline) => transportFor(credentials).probe(deadline),
  };
}

const deviceCredentials = "/iocm/app/reg/v1.1.0/deviceCredentials";
const devices = "/iocm/app/dm/v1.4.0/devices";

/** What a read of a device is to bring. */
function aboutDevice({ deviceId, appId }: DeviceAddress) {
  const speaksOfIt = (told: { readonly deviceId: string }) => isSame(told.deviceId, deviceId);
  return { kind: "read", callersAppId: appId !== undefined, speaksOfIt } as const;
}

function readExchange(context: CallContext, device: DeviceAddress, collection: string): Exchange {
  const path = addressed(collection, device);
  return { method: "GET", path, headers: authorized(context), timeoutMs: context.timeoutMs };
}

function changeExchange(
  context: CallContext,
  device: DeviceAddress,
  { nodeId, verifyCode, timeoutSeconds }: DeviceKeyChange,
): Exchange {
  return {
    method: "PUT",
    path: addressed(deviceCredentials, device),
    headers: authorized(context),
    body: JSON.stringify({ nodeId, verifyCode, timeout: timeoutSeconds }),
    timeoutMs: context.timeoutMs,
    // A known code lets the state be read back and asked for again; without one, the last code sent is the one told.
    onlyOnce: verifyCode !== undefined,
    uncheckable: verifyCode === undefined,
  };
}

function authorized({ credentials, accessToken }: CallContext): Record<string, string> {
  return {
    [credentials.appKeyHeader]: credentials.appId,
    authorization: `Bearer ${accessToken}`,
    "content-type": "application/json",
    accept: "application/json",
  };
}

function loginExchange({ appId, secret }: Credentials, timeoutMs: number): Exchange {
  return {
    method: "POST",
    path: "/iocm/app/sec/v1.1.0/login",
    headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
    // A blank as `+` is for forms only; `%20` is read by whatever decodes per cent.
    body: new URLSearchParams({ appId, secret }).toString().replaceAll("+", "%20"),
    timeoutMs,
  };
}

function refreshTokenExchange({ appId, secret }: Credentials, refreshToken: string, timeoutMs: number): Exchange {
  return {
    method: "POST",
    path: "/iocm/app/sec/v1.1.0/refreshToken",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ appId, secret, refreshToken }),
    timeoutMs,
  };
}

/** A path whose last segment is the device, wherever its id tries to lead. */
function addressed(collection: string, { deviceId, appId }: DeviceAddress): string {
  // encodeURIComponent leaves dots alone, and a URL with a dot segment means another one.
  if (deviceId === "" || deviceId === "." || deviceId === "..") {
    throw new RekeyError("InvalidInputError", "A deviceId is neither empty nor made of dots alone");
  }
  const query = appId === undefined ? "" : `?appId=${encodeURIComponent(appId)}`;
  return `${collection}/${encodeURIComponent(deviceId)}${query}`;
}

/**
 * What came of an exchange says: the code decides, then whether anything can have been changed.
 *
 * @returns the body of a success, or the error that the caller is to have
 */
function judge(result: SendResult, kind: Kind, callersAppId: boolean): unknown {
  if (result.kind === "unsent") return result.error;
  if (result.kind === "lost") return unanswered(kind, result.cause);
  const { status, text } = result;
  const body = jsonOf(text);
  // Most answers have none, and to find that out by the schema takes longer than all else that is done with them.
  const coded = memberOf(body, "error_code") === undefined ? undefined : errorReply.safeParse(body);
  if (coded?.success) return codedError(coded.data.error_code, status, kind, callersAppId);
  if (status >= 500) return unanswered(kind, `HTTP ${status}`);
  if (status >= 200 && status < 300) return body;
  const isOfHeader = status === 431 || (status === 400 && body === undefined);
  const cause = isOfHeader ? new HeaderRefusal(`HTTP ${status}`) : `HTTP ${status} without a code`;
  if (kind === "change") return unanswered(kind, cause);
  return new RekeyError("PlatformReplyError", "The platform's answer has no error code", { cause });
}

/** Refused by the platform; what was never sent has no code of its. */
function isThrottled({ name, platformCode }: RekeyError): boolean {
  return name === "PlatformThrottledError" && platformCode !== undefined;
}

/** Installations differ in how they spell letters. */
function isSame(told: string, asked: string): boolean {
  return told.toLowerCase() === asked.toLowerCase();
}

function codedError(code: string, status: number, kind: Kind, callersAppId: boolean): RekeyError {
  const known = platformError(code, callersAppId);
  if (known !== undefined) return known;
  if (kind === "change" && status >= 500) return outcomeUnknown(`error_code ${code}`, code);
  return new RekeyError("PlatformReplyError", `The platform answers with an unknown error code ${code}`, {
    platformCode: code,
    retryable: status < 400 || status >= 500,
  });
}

function unanswered(kind: Kind, cause: unknown): RekeyError {
  if (kind === "change") return outcomeUnknown(cause);
  return new RekeyError("PlatformUnavailableError", "The platform does not answer", { retryAfterSeconds: 10, cause });
}

function shapeless(kind: Kind): RekeyError {
  if (kind === "change") return outcomeUnknown("a successful answer without a code");
  return new RekeyError("PlatformReplyError", "The platform's answer does not have the documented shape");
}

function ofSomethingElse(kind: Kind): RekeyError {
  if (kind === "change") return outcomeUnknown("an answer with another code than the one that was sent");
  return new RekeyError("PlatformReplyError", "The platform's answer speaks of another device");
}

function outcomeUnknown(cause: unknown, platformCode?: string): RekeyError {
  return new RekeyError("OutcomeUnknownError", "The change was sent, but no usable answer came", {
    cause,
    ...(platformCode === undefined ? {} : { platformCode }),
  });
}
