import * as http from "node:http";
import * as https from "node:https";
import { connect as plainConnect, type Socket } from "node:net";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import type { RekeyError } from "../errors.ts";
import type { Clock, Deadline } from "../runtime/clock.ts";
import { connectionFault, type Phase, unreachable } from "./connection-fault.ts";
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
  /**
   * Nothing in the answer will tell whose it is: waits until no late answer to an earlier change can be on its way.
   * Default false.
   */
  readonly uncheckable?: boolean;
}

/** An answer, whole; whether it is one to this request is for its reader to say. */
export interface Reply {
  readonly kind: "reply";
  readonly status: number;
  readonly text: string;
}

/**
 * What became of a request: answered; surely not acted on by the platform (`unsent`, with the error that says why); or
 * `lost`, which leaves open whether the platform acted on it.
 */
export type SendResult =
  | Reply
  | { readonly kind: "unsent"; readonly error: RekeyError }
  | { readonly kind: "lost"; readonly cause: unknown };

/** Kept-alive connections to one platform with one set of credentials. */
export interface Transport {
  send(exchange: Exchange): Promise<SendResult>;
  /** Closes the connection of a reply that does not speak of what was asked: the next one on it would not, either. */
  distrust(reply: Reply): void;
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

// For how long an answer that nobody asked for may follow the one that was asked for.
const quietMs = 100;

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
  const cameOver = new WeakMap<Reply, Socket>();
  let usedAtMs = clock.now();
  let changedAtMs = Number.NEGATIVE_INFINITY;

  const idle = () => Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? []);
  const dropIdle = () => {
    for (const socket of idle()) socket.destroy();
  };

  function attempt(exchange: Exchange, timeoutMs: number): Promise<SendResult | "dead"> {
    const { method, path, headers, body = "" } = exchange;
    onSend();
    const length = body === "" ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const options = { ...target, method, path: `${prefix}${path}`, headers: { ...headers, ...length } };
    return follow(request(options), body, timeoutMs, cameOver);
  }

  return {
    async send(exchange) {
      const endMs = clock.elapsed() + exchange.timeoutMs;
      if (clock.now() - usedAtMs > longestIdleMs) dropIdle();
      const loudMs = changedAtMs + quietMs - clock.elapsed();
      if (exchange.uncheckable === true && loudMs > 0) await clock.sleep(Math.min(loudMs, exchange.timeoutMs / 2));
      if (idle().length > 0) await whatCameMeanwhile();
      let result = await attempt(exchange, endMs - clock.elapsed());
      if (result === "dead") {
        // The peer closed a kept-alive connection while we wrote into it; its siblings are as old.
        dropIdle();
        const leftMs = endMs - clock.elapsed();
        if (exchange.onlyOnce !== true && leftMs >= leastRepeatMs) result = await attempt(exchange, leftMs);
      }
      usedAtMs = clock.now();
      if (exchange.method === "PUT") changedAtMs = clock.elapsed();
      return result === "dead" ? { kind: "lost", cause: new Error("Connection closed") } : result;
    },
    distrust: (reply) => void cameOver.get(reply)?.destroy(),
    probe(deadline) {
      const { hostname, port } = target;
      const host = { host: hostname, port: Number(port ?? (secureContext === undefined ? 80 : 443)) };
      const socket = secureContext === undefined ? plainConnect(host) : tlsConnect({ ...host, ...secure });
      return handshake(socket, Math.max(1, deadline.remaining()));
    },
    close: () => agent.destroy(),
  };
}

/**
 * Gives idle connections two rounds of the event loop to say that they have ended, or hold what nobody asked for (Node
 * then closes them): a sandbox that was frozen is thawed by the next invocation, and nothing of what came since has
 * been looked at.
 */
async function whatCameMeanwhile(): Promise<void> {
  for (let round = 0; round < 2; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Follows one request to its end; `dead` when a reused connection broke before the first byte of an answer.
 *
 * A second answer on a kept connection belongs to nobody. In one piece with the first, or while no request is out, it
 * makes Node close the connection; while the next request is out, its content is all that gives it away (`distrust`),
 * and an error code, which names no device, does not.
 */
function follow(
  request: http.ClientRequest,
  body: string,
  timeoutMs: number,
  cameOver: WeakMap<Reply, Socket>,
): Promise<SendResult | "dead"> {
  return new Promise((resolve) => {
    let phase: Phase = "connecting";
    let socket: Socket | undefined;
    const onData = () => {
      if (phase !== "reading") phase = "answering";
    };
    const end = (result: SendResult | "dead") => {
      clearTimeout(timer);
      socket?.off("data", onData);
      resolve(result);
    };
    const fail = (cause: unknown) => {
      const error = connectionFault(cause, phase);
      end(error === undefined ? { kind: "lost", cause } : { kind: "unsent", error });
      request.destroy();
    };
    const timer = setTimeout(() => fail(new Error(`No answer within ${Math.round(timeoutMs)} ms`)), timeoutMs);
    request.once("socket", (assigned) => {
      socket = assigned;
      assigned.prependListener("data", onData);
      // A reused connection has connected long ago.
      if (request.reusedSocket) phase = "asked";
      else assigned.once(connectedEvent(assigned), () => (phase = "asked"));
    });
    request.on("error", (cause) => (request.reusedSocket && phase === "asked" ? end("dead") : fail(cause)));
    request.once("response", (response) => {
      phase = "reading";
      collect(response).then((text) => {
        const reply: Reply = { kind: "reply", status: response.statusCode ?? 0, text };
        if (socket !== undefined) cameOver.set(reply, socket);
        end(reply);
      }, fail);
    });
    // Some ends come without an error: an answer that switches protocols is one.
    request.once("close", () => {
      if (phase !== "reading") fail(new Error("Connection closed without an answer"));
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

function connectedEvent(socket: Socket): "connect" | "secureConnect" {
  return "encrypted" in socket ? "secureConnect" : "connect";
}

// A server that refuses our certificate says so right after the handshake; one that accepts it sends a session ticket.
const verdictMs = 250;

/** Waits until a connection stands, and its peer has had time to refuse our certificate; then closes it. */
function handshake(socket: Socket | TLSSocket, timeoutMs: number): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    let phase: Phase = "connecting";
    // A peer that hangs up after the handshake without a word is one that is down.
    const fail = (cause: unknown) => reject(connectionFault(cause, phase) ?? unreachable(cause));
    socket.setTimeout(timeoutMs, () => fail(new Error("No handshake in time")));
    socket.on("error", fail);
    socket.once("close", () => fail(new Error("Connection closed")));
    socket.once(connectedEvent(socket), () => {
      phase = "asked";
      if ("encrypted" in socket) setTimeout(resolve, verdictMs);
      else resolve();
    });
    socket.once("session", () => "encrypted" in socket && socket.getProtocol() === "TLSv1.3" && resolve());
  }).finally(() => socket.destroy());
}
