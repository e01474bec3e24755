import type { IncomingHttpHeaders } from "node:http";
import { createServer } from "node:net";

/** A request that a page of another site, or a name of somebody's own that leads here, made a browser send. */
export function isForeign({ host = "", origin }: IncomingHttpHeaders): boolean {
  const own = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;
  return !own.test(host) || (origin !== undefined && origin !== `http://${host}`);
}

/** The port when it is free on loopback, else 0, which means any free one. */
export function freeOrAny(port: number): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(0));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(port)));
  });
}
