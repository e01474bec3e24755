import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http";

/** A server on loopback that can go down, so that connections are refused, and come back on the same port. */
export interface Listener {
  readonly port: number;
  readonly url: string;
  /** Closes the port and cuts every connection. */
  down(): Promise<void>;
  up(): Promise<void>;
}

/**
 * Listens on 127.0.0.1.
 *
 * @param port 0 for any free one
 */
export async function listen(handler: RequestListener, port = 0, options: ServerOptions = {}): Promise<Listener> {
  let server: Server | undefined = await open(handler, port, options);
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("A TCP server has an address and a port");
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    down: async () => {
      const closing = server;
      server = undefined;
      if (closing === undefined) return;
      const closed = new Promise<void>((resolve) => closing.close(() => resolve()));
      closing.closeAllConnections();
      await closed;
    },
    up: async () => {
      server ??= await open(handler, address.port, options);
    },
  };
}

function open(handler: RequestListener, port: number, options: ServerOptions): Promise<Server> {
  // The service keeps idle connections longer than Node does by default; a short time would cut warm sandboxes' ones.
  const server = createServer({ keepAliveTimeout: 60_000, ...options }, handler);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
