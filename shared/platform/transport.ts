import * as http from "node:http";
import * as https from "node:https";
import { connect as plainConnect, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { RekeyError } from "../errors.ts";
import type { Clock, Deadline } from "../runtime/clock.ts";
import type { Credentials } from "./credentials.ts";

/** One request to the platform. */
export interface Exchange {
  readonly method: "GET" | "POST" | "PUT";
  /** Path and query, each part already encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The longest that this request may take, in milliseconds. */
  readonly timeoutMs: number;
  /**
   * Counts as lost when a kept-alive connection turns out dead, in place of being sent once more: for a change whose
   * sender can find out what came of it. Default false.
   */
  readonly onlyOnce?: boolean;
}

/**
 * What became of a request: answered; surely never read by the platform (`unsent`, with the error that says why); or
 * `lost`, which leaves open whether the platform acted on it.
 */
export type Outcome =
  | { readonly kind: "reply"; readonly status: number; readonly text: string }
  | { readonly kind: "unsent"; readonly error: RekeyError }
  | { readonly kind: "lost"; readonly cause: unknown };

/** Kept-alive connections to one platform with one set of credentials. */
export interface Transport {
  send(exchange: Exchange): Promise<Outcome>;
  /** Opens a connection and closes it. @throws ConfigurationError, PlatformUnavailableError */
  probe(deadline: Deadline): Promise<void>;
  /** Closes the connections that nobody uses. */
  close(): void;
}

const maxReplyBytes = 1_000_000;

// Networks forget an idle connection silently (an AWS NAT gateway after 350 s); writing into one costs a time-out.
const longestIdleMs = 240_000;

// A dead connection mostly shows at once; where it took long, a repeat could not wait for its answer.
const leastRepeatMs = 1_000;

/** Connections over TLS with verification always on, or plain ones to a loopback host. */
export function createTransport(credentials: Credentials, clock: Clock, onSend: () => void): Transport {
  const { baseUrl, secureContext, serverName } = credentials;
  const Agent = secureContext === undefined ? http.Agent : https.Agent;
  const agent = new Agent({ keepAlive: true, scheduling: "lifo" });
  const secure = {
    ...(secureContext === undefined ? {} : { secureContext }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    rejectUnauthorized: true,
  };
  const target = {
    hostname: baseUrl.hostname.replace(/^\[|\]$/g, ""),
    port: baseUrl.port === "" ? undefined : baseUrl.port,
    agent,
    ...secure,
  };
  const prefix = baseUrl.pathname.replace(/\/+$/, "");
  const request = secureContext === undefined ? http.request : https.request;
  let usedAtMs = clock.now();

  const dropIdle = () => {
    for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
  };

  function attempt(exchange: Exchange, timeoutMs: number): Promise<Outcome | "dead"> {
    const { method, path, headers, body = "" } = exchange;
    onSend();
    const length = body === "" ? {} : { "content-length": String(Buffer.byteLength(body)) };
    return observe(
      request({ ...target, method, path: `${prefix}${path}`, headers: { ...headers, ...length } }),
      body,
      timeoutMs,
    );
  }

  return {
    async send(exchange) {
      if (clock.now() - usedAtMs > longestIdleMs) dropIdle();
      const endMs = clock.elapsed() + exchange.timeoutMs;
      let outcome = await attempt(exchange, exchange.timeoutMs);
      if (outcome === "dead") {
        // The peer closed a kept-alive connection while we wrote into it; its siblings are as old.
        dropIdle();
        const leftMs = endMs - clock.elapsed();
        if (exchange.onlyOnce !== true && leftMs >= leastRepeatMs) outcome = await attempt(exchange, leftMs);
      }
      usedAtMs = clock.now();
      return outcome === "dead" ? { kind: "lost", cause: new Error("Connection closed") } : outcome;
    },
    probe(deadline) {
      const { hostname, port } = target;
      const host = { host: hostname, port: Number(port ?? (secureContext === undefined ? 80 : 443)) };
      return secureContext === undefined
        ? probePlain(plainConnect(host), deadline)
        : probeSecure(tlsConnect({ ...host, ...secure }), deadline);
    },
    close: () => agent.destroy(),
  };
}

/** Follows one request to its end; `dead` when a reused connection broke before the first byte of an answer. */
function observe(request: http.ClientRequest, body: string, timeoutMs: number): Promise<Outcome | "dead"> {
  return new Promise((resolve) => {
    let connected = false;
    let answerBegun = false;
    let timedOut = false;
    let responding = false;
    const timer = setTimeout(() => {
      timedOut = true;
      request.destroy(new Error(`No answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const onData = () => {
      answerBegun = true;
    };
    let socket: Socket | undefined;
    const end = (outcome: Outcome | "dead") => {
      clearTimeout(timer);
      socket?.off("data", onData);
      resolve(outcome);
    };
    request.once("socket", (assigned) => {
      socket = assigned;
      connected = request.reusedSocket;
      // A reused connection has connected long ago, so a listener would never go again.
      if (!connected) {
        assigned.once("encrypted" in assigned ? "secureConnect" : "connect", () => {
          connected = true;
        });
      }
      assigned.prependListener("data", onData);
    });
    request.on("error", (cause) => {
      if (request.reusedSocket && !answerBegun && !timedOut) return end("dead");
      const error = refusalOf(cause, connected);
      end(error === undefined ? { kind: "lost", cause } : { kind: "unsent", error });
    });
    // Some ends come without an error: an answer that switches protocols is one.
    request.once("close", () => {
      if (!responding) end({ kind: "lost", cause: new Error("Connection closed without an answer") });
    });
    request.once("response", (response) => {
      responding = true;
      collect(response).then(
        (text) => end({ kind: "reply", status: response.statusCode ?? 0, text }),
        (cause: unknown) => {
          request.destroy();
          end({ kind: "lost", cause });
        },
      );
    });
    request.end(body);
  });
}

async function collect(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > maxReplyBytes) throw new Error(`The answer has more than ${maxReplyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

// Refused certificates, ours or theirs: nobody but the operator can help.
const certificateFault =
  /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_.*(ALERT|WRONG_VERSION|UNSUPPORTED|NO_SHARED|HTTP_REQUEST|PACKET_LENGTH)/;

/**
 * The error for a request that the platform cannot have read, or undefined where it may have.
 *
 * @param connected whether the connection, its handshake included, stood before the failure
 */
function refusalOf(cause: unknown, connected: boolean): RekeyError | undefined {
  const code = codeOf(cause);
  // Under TLS 1.3 a server refuses the client's certificate after the client holds the handshake for done.
  if (certificateFault.test(code) || isHandshakeFault(cause, code, connected)) {
    return new RekeyError("ConfigurationError", "The connection to the platform is not trusted", { cause });
  }
  if (connected) return undefined;
  return new RekeyError("PlatformUnavailableError", "The platform cannot be reached", { retryAfterSeconds: 10, cause });
}

/** What speaks no TLS, and what refuses us under TLS 1.2: OpenSSL's words stand in the message only. */
function isHandshakeFault(cause: unknown, code: string, connected: boolean): boolean {
  if (code !== "EPROTO" || !(cause instanceof Error)) return false;
  return (connected ? /SSL routines.*alert/ : /SSL routines/).test(cause.message);
}

function codeOf(cause: unknown): string {
  return typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
}

// A server that refuses our certificate says so right after the handshake; one that accepts it sends a session ticket.
const verdictMs = 250;

function probeSecure(socket: ReturnType<typeof tlsConnect>, deadline: Deadline): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const fail = (cause: unknown) => reject(refusalOf(cause, false));
    socket.setTimeout(Math.max(1, deadline.remaining()), () => fail(new Error("No handshake in time")));
    socket.once("secureConnect", () => setTimeout(resolve, verdictMs));
    socket.once("session", () => socket.getProtocol() === "TLSv1.3" && resolve());
    socket.on("error", fail);
    socket.once("close", () => fail(new Error("Connection closed")));
  }).finally(() => socket.destroy());
}

function probePlain(socket: Socket, deadline: Deadline): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const fail = (cause: unknown) => reject(refusalOf(cause, false));
    socket.setTimeout(Math.max(1, deadline.remaining()), () => fail(new Error("No connection in time")));
    socket.on("error", fail);
    socket.once("connect", resolve);
  }).finally(() => socket.destroy());
}
