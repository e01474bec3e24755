import type { Agent } from "node:http";
import type { Socket } from "node:net";
import { type Clock, isRecent } from "../runtime/clock.ts";
import { freshMs } from "../runtime/read-ahead.ts";

/** The connection that an agent has before there is a request. */
export interface ConnectionAhead {
  /** The agent's next connection is this one, if its request comes within a second and it has not failed by then. */
  offer(socket: Socket): void;
  /** Closes it, unless a request has it. */
  drop(): void;
}

/**
 * Has an agent take a connection that was begun ahead before it opens one of its own. One that fails meanwhile, or that
 * says something before it was asked, is gone: the request opens another, whose fault is then its own.
 */
export function createConnectionAhead(agent: Agent, clock: Clock): ConnectionAhead {
  let offered: { readonly socket: Socket; readonly atMs: number; readonly timer: NodeJS.Timeout } | undefined;

  const drop = () => {
    clearTimeout(offered?.timer);
    offered?.socket.destroy();
    offered = undefined;
  };

  const take = (): Socket | undefined => {
    // A timer stands still while a sandbox is frozen.
    if (offered === undefined || offered.socket.destroyed || !isRecent(offered.atMs, freshMs, clock)) {
      drop();
      return undefined;
    }
    const { socket, timer } = offered;
    clearTimeout(timer);
    socket.off("data", drop);
    offered = undefined;
    return socket;
  };

  const open = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => take() ?? open(options, callback);

  return {
    offer(socket) {
      drop();
      socket.on("error", () => undefined);
      socket.on("data", drop);
      offered = { socket, atMs: clock.now(), timer: setTimeout(drop, freshMs).unref() };
    },
    drop,
  };
}
