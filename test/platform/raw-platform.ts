import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createPlatformCalls, type PlatformCalls } from "../../shared/platform/calls.ts";
import { type Credentials, parseCredentials } from "../../shared/platform/credentials.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";

/** A platform that answers with whatever bytes a test likes. */
export interface RawPlatform {
  readonly url: string;
  readonly credentials: Credentials;
  readonly calls: PlatformCalls;
  /** Every request so far, head and body, as it came over the wire. */
  readonly requests: readonly string[];
  /** What was counted since the last look. */
  readonly counted: () => string[];
  /** Connections so far. */
  readonly connections: () => number;
  /** Those that are open now. */
  readonly open: () => number;
  close(): Promise<void>;
}

/** What a raw platform does with one request; may write, end, or do nothing at all. */
export type Answer = (socket: Socket, request: string) => void;

/**
 * Starts one on loopback, over plain HTTP.
 *
 * @param secret further members of the application secret
 * @param greet what it does with a connection, the how manieth it is, before it is asked
 */
export async function startRawPlatform(
  answer: Answer,
  secret: Record<string, unknown> = {},
  greet: (socket: Socket, count: number) => void = () => undefined,
): Promise<RawPlatform> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    greet(socket, connections);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (!isWhole(text)) return;
      requests.push(text);
      const request = text;
      text = "";
      answer(socket, request);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const text = JSON.stringify({ baseUrl: url, appId: "app", secret: "s", ...secret });
  const counted: string[] = [];
  const metrics = {
    ...createMetrics({ write: () => undefined, clock: systemClock, stage: "test" }),
    count: (name: string) => void counted.push(name),
  };
  return {
    url,
    credentials: parseCredentials(text, "version-1"),
    calls: createPlatformCalls(systemClock, metrics),
    requests,
    counted: () => counted.splice(0),
    connections: () => connections,
    open: () => sockets.size,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** An HTTP answer with a length and a JSON body. */
export function reply(body: unknown, status = 200): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return `HTTP/1.1 ${status} X\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

function isWhole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return false;
  const length = /content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? "0";
  return text.length >= end + 4 + Number(length);
}
