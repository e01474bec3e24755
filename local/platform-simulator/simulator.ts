import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { type Listener, portOf } from "../listener.ts";
import { type Answer, Application, type ApplicationOptions, failure, type Received } from "./application.ts";
import { type CertificateOptions, type Certificates, createCertificates } from "./certificates.ts";
import { startControl } from "./control.ts";
import { type Fault, Faults } from "./faults.ts";
import { type OperationName, operations } from "./rules.ts";

/** Settings of a simulator; see {@link ApplicationOptions} for the platform's own rules. */
export interface SimulatorOptions extends ApplicationOptions {
  /** 0 or absent: any free one. */
  readonly port?: number;
  readonly controlPort?: number;
  /** Before every answer. */
  readonly latencyMs?: number;
  /** Default: a CA of its own, made once a process. */
  readonly certificates?: Certificates;
  readonly certificateOptions?: CertificateOptions;
}

/** One request in the log; no token, secret or code. */
export interface LoggedCall {
  readonly at: string;
  readonly operation: string;
  readonly deviceId: string | undefined;
  readonly status: number;
  readonly code: string | undefined;
  readonly ms: number;
}

/** What happened so far. */
export interface SimulatorCounters {
  readonly requests: Record<OperationName, number>;
  total: number;
  handshakes: number;
  /** Requests to no documented path. */
  strayRequests: number;
}

/** A running simulator. */
export interface PlatformSimulator {
  readonly url: string;
  readonly controlUrl: string;
  readonly application: Application;
  readonly devices: Application["devices"];
  readonly faults: Faults;
  readonly counters: SimulatorCounters;
  readonly log: LoggedCall[];
  readonly certificates: Certificates;
  /** The application secret that lets a client in. */
  applicationSecret(changes?: Record<string, unknown>): Record<string, unknown>;
  killToken(): void;
  /** Whether a token is the one that is taken now. */
  honours(token: string): boolean;
  /** Closes all connections, as a peer does while a sandbox is frozen. */
  dropConnections(): void;
  /** Refuses connections from now on. */
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

let shared: Promise<Certificates> | undefined;

/** Starts the platform's north-bound API over mutual TLS on loopback. */
export async function startPlatformSimulator(options: SimulatorOptions = {}): Promise<PlatformSimulator> {
  const certificates = options.certificates ?? (await certificatesFor(options.certificateOptions));
  const application = new Application(options);
  const faults = new Faults();
  const log: LoggedCall[] = [];
  const counters: SimulatorCounters = {
    requests: { login: 0, refreshToken: 0, refreshDeviceKey: 0, activationStatus: 0, deviceInfo: 0 },
    total: 0,
    handshakes: 0,
    strayRequests: 0,
  };
  const sockets = new Set<Socket>();
  const serve = (request: IncomingMessage, response: ServerResponse) =>
    respond({ application, faults, counters, log, latencyMs: options.latencyMs ?? 0 }, request, response).catch(() =>
      request.socket.destroy(),
    );
  const { ca, server: identity, client } = certificates;
  const tls = { ca, cert: identity.certificate, key: identity.key, requestCert: true, rejectUnauthorized: true };
  const open = async (port: number): Promise<Server> => {
    const server = createServer({ ...tls, keepAliveTimeout: 60_000 }, (...call) => void serve(...call));
    server.on("secureConnection", () => {
      counters.handshakes += 1;
    });
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return server;
  };
  let server: Server | undefined = await open(options.port ?? 0);
  const port = portOf(server);
  const dropConnections = () => {
    for (const socket of sockets) socket.destroy();
  };
  const down = async () => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    closing.close();
    dropConnections();
    if (closing.listening) await once(closing, "close");
  };
  const url = `https://127.0.0.1:${port}`;
  let control: Listener | undefined;
  const simulator: PlatformSimulator = {
    url,
    get controlUrl() {
      return control?.url ?? "";
    },
    application,
    devices: application.devices,
    faults,
    counters,
    log,
    certificates,
    applicationSecret: (changes = {}) => ({
      baseUrl: url,
      appId: application.appId,
      secret: application.secret,
      ca,
      clientCertificate: client.certificate,
      clientKey: client.key,
      serverName: "iot.example.com",
      codeKey: Buffer.alloc(32, "a simulated code key").toString("base64"),
      ...changes,
    }),
    killToken: () => application.killToken(),
    honours: (token) => application.honours(token),
    dropConnections,
    down,
    up: async () => {
      server ??= await open(port);
    },
    close: async () => {
      await Promise.all([down(), control?.down()]);
    },
  };
  control = await startControl(simulator, options.controlPort ?? 0);
  return simulator;
}

/** Certificates that nobody asked anything special of are made once a process. */
function certificatesFor(wanted: CertificateOptions | undefined): Promise<Certificates> {
  if (wanted !== undefined) return createCertificates(wanted);
  shared ??= createCertificates();
  return shared;
}

interface Serving {
  readonly application: Application;
  readonly faults: Faults;
  readonly counters: SimulatorCounters;
  readonly log: LoggedCall[];
  readonly latencyMs: number;
}

const loggedCalls = 200;

async function respond(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const startedAt = performance.now();
  const { application, faults, counters, log } = serving;
  counters.total += 1;
  const received = await receive(request);
  if (received === undefined) {
    counters.strayRequests += 1;
    send(response, { status: 404, body: { error_code: "404", error_desc: "No such path" } });
    return;
  }
  counters.requests[received.operation] += 1;
  const { latencyMs, fault } = faults.hit(received.operation, received.deviceId);
  if (latencyMs + serving.latencyMs > 0) await delay(latencyMs + serving.latencyMs);
  const answer = fault === undefined || fault.applied === true ? application.answer(received) : undefined;
  if (fault?.thenOnline === true && received.deviceId !== undefined) application.devices.goOnline(received.deviceId);
  const told = fault === undefined ? answer : undefined;
  log.push({
    at: new Date(application.now()).toISOString(),
    operation: received.operation,
    deviceId: received.deviceId,
    status: told?.status ?? 0,
    code: told?.code ?? (fault === undefined ? undefined : `fault ${fault.kind}`),
    ms: Math.round(performance.now() - startedAt),
  });
  if (log.length > loggedCalls) log.shift();
  if (fault === undefined) send(response, answer ?? failure("50252"));
  else strike(fault, response, answer ?? { status: 200, body: { verifyCode: "never-applied", timeout: 180 } });
}

async function receive(request: IncomingMessage): Promise<Received | undefined> {
  const [path = "", query = ""] = (request.url ?? "").split("?", 2);
  const body = await buffer(request);
  for (const { name, method, path: pattern } of operations) {
    const match = method === request.method ? pattern.exec(path) : null;
    if (match === null) continue;
    return {
      operation: name,
      deviceId: match[1] === undefined ? undefined : decodeURIComponent(match[1]),
      query: new URLSearchParams(query),
      headers: request.headers,
      body: body.toString("utf8"),
    };
  }
  return undefined;
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

const foreignBody = {
  ...{ deviceId: "a-foreign-device", activated: true, name: "Foreign", verifyCode: "foreign-code", timeout: 180 },
  deviceInfo: { nodeId: "urn:imei:foreign", status: "OFFLINE" },
};

function strike(fault: Fault, response: ServerResponse, answer: Answer): void {
  const text = JSON.stringify(answer.body);
  const json = { "content-type": "application/json" };
  switch (fault.kind) {
    case "latency":
    case "hang":
      return;
    case "cut":
      response.socket?.destroy();
      return;
    case "cutAt": {
      const whole = `HTTP/1.1 ${answer.status} OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
      response.socket?.end(whole.slice(0, fault.bytes ?? 0));
      return;
    }
    case "code":
      send(response, failure(fault.code ?? "50252", fault.status));
      return;
    case "html":
      response
        .writeHead(502, { "content-type": "text/html" })
        .end("<html><body><h1>502 Bad Gateway</h1></body></html>");
      return;
    case "status":
      response.writeHead(fault.status ?? 503).end();
      return;
    case "empty":
      response.writeHead(200, json).end("{}");
      return;
    case "truncated":
      response.writeHead(200, json).end(text.slice(0, -5));
      return;
    case "garbage":
      response.writeHead(200, json).end(Buffer.from([0xff, 0xfe, 0x00, 0x7b]));
      return;
    case "huge":
      response.writeHead(200, json).end(`{"padding":"${"x".repeat(4_000_000)}"}`);
      return;
    case "redirect":
      response.writeHead(302, { location: "https://127.0.0.1:1/elsewhere" }).end();
      return;
    case "foreign":
      send(response, { status: 200, body: foreignBody });
      return;
    case "endless": {
      response.writeHead(200, json);
      const timer = setInterval(() => response.write(" ".repeat(1_024)), 20);
      response.once("close", () => clearInterval(timer));
    }
  }
}
