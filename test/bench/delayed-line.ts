import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** A way to a port of this machine that is as long as a way to another place. */
export interface DelayedLine {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Carries each byte for half of a round trip, and the first ones for a whole one more, as opening a connection does.
 *
 * @param roundTripMs of the line, in milliseconds
 */
export async function openDelayedLine(toPort: number, roundTripMs: number): Promise<DelayedLine> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: toPort, host: "127.0.0.1", noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      socket.on("error", () => undefined);
    }
    // The kernel has accepted at once; a real peer would have been asked first.
    const openMs = performance.now() + roundTripMs;
    carry(near, far, () => Math.max(roundTripMs / 2, openMs + roundTripMs / 2 - performance.now()));
    carry(far, near, () => roundTripMs / 2);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}

function carry(from: Socket, to: Socket, lateMs: () => number): void {
  let last: Promise<unknown> = Promise.resolve();
  const later = (work: () => void) => {
    const due = delay(lateMs());
    // In the order in which they came, whatever the timers do.
    last = Promise.all([last, due]).then(work);
  };
  from.on("data", (bytes) => later(() => to.write(bytes)));
  from.once("close", () => later(() => to.destroy()));
}
