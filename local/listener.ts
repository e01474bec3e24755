import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";

/** A server on loopback that can go down, so that connections are refused, and come back on the same port. */
export interface Listener {
  readonly port: number;
  readonly url: string;
  /** Closes the port and cuts every connection. */
  down(): Promise<void>;
  up(): Promise<void>;
}

/** Answers a request, at once or later. */
export type Answering = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/**
 * Listens on 127.0.0.1.
 *
 * @param answering what it throws or rejects with ends that request's connection, and nothing else
 * @param port 0 for any free one
 */
export async function listen(answering: Answering, port = 0, options: ServerOptions = {}): Promise<Listener> {
  let server: Server | undefined = await open(answering, port, options);
  const ownPort = portOf(server);
  return {
    port: ownPort,
    url: `http://127.0.0.1:${ownPort}`,
    down: async () => {
      const closing = server;
      server = undefined;
      if (closing === undefined) return;
      const closed = new Promise<void>((resolve) => closing.close(() => resolve()));
      closing.closeAllConnections();
      await closed;
    },
    up: async () => {
      server ??= await open(answering, ownPort, options);
    },
  };
}

/** The port that a server listens on. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("A TCP server has an address and a port");
  return address.port;
}

function open(answering: Answering, port: number, options: ServerOptions): Promise<Server> {
  // The service keeps idle connections longer than Node does by default; a short time would cut warm sandboxes' ones.
  const server = createServer({ keepAliveTimeout: 60_000, ...options }, async (request, response) => {
    try {
      await answering(request, response);
    } catch (error) {
      // A sender that went away in the middle is no fault of anybody's here.
      if (request.complete) console.error(error);
      response.destroy();
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
