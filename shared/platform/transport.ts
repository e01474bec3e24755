import * as http from "node:http";
import * as https from "node:https";
import { connect as plainConnect, type Socket } from "node:net";
import { type SecureContext, connect as tlsConnect } from "node:tls";
import { RekeyError } from "../errors.ts";
import { type Clock, type Deadline, nextTurn } from "../runtime/clock.ts";
import { createConnectionAhead } from "./connection-ahead.ts";
import { connectionFault, type Phase, unreachable } from "./connection-fault.ts";
import type { Credentials } from "./credentials.ts";
import { createTrust, expectedName } from "./trust.ts";

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

/**
 * Is asked right before each request goes out, a login and a repeat as well.
 *
 * @param withinMs how long the request can wait for it
 * @returns whether it may be sent; what may not is not sent
 */
export type Permission = (withinMs: number) => Promise<boolean>;

/** What a transport tells and asks. */
export interface TransportOptions {
  /** A request goes out. */
  readonly onSend: () => void;
  /** Default: every request is permitted. */
  readonly permission?: Permission | undefined;
}

/** Kept-alive connections to one platform with one set of credentials. */
export interface Transport {
  send(exchange: Exchange): Promise<SendResult>;
  /** Closes the connection of a reply that does not speak of what was asked: the next one on it would not, either. */
  distrust(reply: Reply): void;
  /** Begins a connection for the first request, if that comes within a second; what fails in it, nobody hears. */
  connectAhead(): void;
  /** Opens a connection and closes it. @throws ConfigurationError, PlatformUnavailableError */
  probe(deadline: Deadline): Promise<void>;
  /** Closes the connections that nobody uses, and each other one once its answer is there. */
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
export function createTransport(
  credentials: Credentials,
  clock: Clock,
  { onSend, permission }: TransportOptions,
): Transport {
  const { baseUrl, secureContexts } = credentials;
  const { target, open, request, agent } = peerOf(credentials);
  const prefix = baseUrl.pathname.replace(/\/+$/, "");
  const ahead = createConnectionAhead(agent, clock);
  const cameOver = new WeakMap<Reply, Socket>();
  let usedAtMs = clock.now();
  let changedAtMs = Number.NEGATIVE_INFINITY;

  const idle = () => Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? []);
  const dropIdle = () => {
    for (const socket of idle()) socket.destroy();
  };

  const trusting = createTrust(secureContexts);

  async function attempt(
    { method, path, headers, body = "" }: Exchange,
    endMs: number,
  ): Promise<SendResult | "dead" | "forbidden"> {
    // Half of the time is the answer's.
    if (permission !== undefined && !(await permission((endMs - clock.elapsed()) / 2))) return "forbidden";
    onSend();
    const length = body === "" ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const plain = { ...target, agent, method, path: `${prefix}${path}`, headers: { ...headers, ...length } };
    return trusting(
      (secureContext) => {
        const options = { ...plain, secureContext };
        return follow(request(options), body, Math.max(1, endMs - clock.elapsed()), cameOver);
      },
      (result) => (result !== "dead" && result.kind === "unsent" ? result.error : undefined),
    );
  }

  /** A second one where a kept-alive connection turned out dead: the peer closed it while we wrote into it. */
  async function attempts(exchange: Exchange, endMs: number): Promise<SendResult | "dead" | "forbidden"> {
    const result = await attempt(exchange, endMs);
    if (result !== "dead") return result;
    // Its siblings are as old.
    dropIdle();
    if (exchange.onlyOnce === true || endMs - clock.elapsed() < leastRepeatMs) return result;
    const repeated = await attempt(exchange, endMs);
    return repeated === "forbidden" ? result : repeated;
  }

  return {
    async send(exchange) {
      const endMs = clock.elapsed() + exchange.timeoutMs;
      if (clock.now() - usedAtMs > longestIdleMs) dropIdle();
      const loudMs = changedAtMs + quietMs - clock.elapsed();
      if (exchange.uncheckable === true && loudMs > 0) await clock.sleep(Math.min(loudMs, exchange.timeoutMs / 2));
      if (idle().length > 0) await whatCameMeanwhile();
      const result = await attempts(exchange, endMs);
      if (result === "forbidden") return { kind: "unsent", error: forbidden() };
      usedAtMs = clock.now();
      if (exchange.method === "PUT") changedAtMs = clock.elapsed();
      return result === "dead" ? { kind: "lost", cause: new Error("Connection closed") } : result;
    },
    connectAhead: () => ahead.offer(open(secureContexts[0])),
    distrust: (reply) => void cameOver.get(reply)?.destroy(),
    async probe(deadline) {
      const error = await trusting(
        (secureContext) => connect(open(secureContext), Math.max(1, deadline.remaining())),
        (result) => result,
      );
      if (error !== undefined) throw error;
    },
    close() {
      // What is under way may end; no connection is kept after it.
      agent.maxFreeSockets = 0;
      ahead.drop();
      dropIdle();
    },
  };
}

/** Where the platform is, and by which protocol it is reached. */
function peerOf({ baseUrl, secureContexts, serverName }: Credentials) {
  const isSecure = secureContexts.length > 0;
  const host = baseUrl.hostname.replace(/^\[|\]$/g, "");
  const port = Number(baseUrl.port === "" ? (isSecure ? 443 : 80) : baseUrl.port);
  const target = { host, port, rejectUnauthorized: true, ...expectedName(host, serverName) };
  // As the agent's own connections.
  const lasting = { ...target, keepAlive: true, noDelay: true, ALPNProtocols: ["http/1.1"] };
  return {
    target,
    open: (secureContext: SecureContext | undefined) =>
      isSecure ? tlsConnect({ ...lasting, secureContext }) : plainConnect(lasting),
    request: isSecure ? https.request : http.request,
    agent: new (isSecure ? https.Agent : http.Agent)({ keepAlive: true, scheduling: "lifo" }),
  };
}

function forbidden(): RekeyError {
  return new RekeyError("PlatformThrottledError", "The pace that was asked for leaves no time for another call");
}

/**
 * Gives idle connections two rounds of the event loop to say that they have ended, or hold what nobody asked for (Node
 * then closes them): a sandbox that was frozen is thawed by the next invocation, and nothing of what came since has
 * been looked at.
 */
async function whatCameMeanwhile(): Promise<void> {
  for (let round = 0; round < 2; round += 1) await nextTurn();
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
      // A reused connection has connected long ago, and one that was begun ahead may have.
      if (request.reusedSocket || isConnected(assigned)) phase = "asked";
      else assigned.once(connectedEvent(assigned), () => (phase = "asked"));
    });
    const isDead = () => request.reusedSocket && phase === "asked";
    request.on("error", (cause) => (isDead() ? end("dead") : fail(cause)));
    // Not before has the agent its connection back, for the next request.
    const closed = new Promise((free) => request.once("close", free));
    request.once("response", (response) => {
      phase = "reading";
      Promise.all([collect(response), closed]).then(([text]) => {
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

function isConnected(socket: Socket): boolean {
  return "authorized" in socket ? socket.authorized === true : !socket.connecting;
}

function connectedEvent(socket: Socket): "connect" | "secureConnect" {
  return "encrypted" in socket ? "secureConnect" : "connect";
}

// A server that refuses our certificate says so, or hangs up, right after the handshake.
const verdictMs = 250;

/** What keeps a connection from standing, once its peer has had time to refuse our certificate; closes it. */
function connect(socket: Socket, timeoutMs: number): Promise<RekeyError | undefined> {
  return new Promise<RekeyError | undefined>((resolve) => {
    let phase: Phase = "connecting";
    // A peer that hangs up after the handshake without a word is one that is down.
    const fail = (cause: unknown) => resolve(connectionFault(cause, phase) ?? unreachable(cause));
    const succeed = () => resolve(undefined);
    socket.setTimeout(timeoutMs, () => fail(new Error("No handshake in time")));
    socket.on("error", fail);
    socket.once("close", () => fail(new Error("Connection closed")));
    socket.once(connectedEvent(socket), () => {
      phase = "asked";
      setTimeout(succeed, "encrypted" in socket ? verdictMs : 0);
    });
  }).finally(() => socket.destroy());
}
