import type { IncomingHttpHeaders } from "node:http";
import { createServer } from "node:net";

/** Where `npm start` listens unless it is told otherwise. */
export const localPorts = {
  ...{ api: 3000, lambda: 3001, secrets: 3002, control: 3003, workflows: 3004, objects: 3005, desk: 3006 },
  platform: 8743,
} as const;

/** The bucket of fleet runs on this machine. */
export const localFleetBucket = "rekey-local-fleet";

/** The address of a port of this machine. */
export function addressOn(port: number): string {
  return `http://127.0.0.1:${port}`;
}

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
