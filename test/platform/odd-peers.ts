import { once } from "node:events";
import { type AddressInfo, createServer as createPlainServer, type Server, type Socket } from "node:net";
import { createServer, type TlsOptions } from "node:tls";
import { afterEach } from "vitest";
import type { RekeyError } from "../../shared/errors.ts";
import { createPlatformCalls } from "../../shared/platform/calls.ts";
import { type Credentials, parseCredentials } from "../../shared/platform/credentials.ts";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import * as odd from "./odd-certificates.ts";
import { reply } from "./raw-platform.ts";

const { authority, named, sign } = odd;
export const host = "iot.example.com";
export const root = await sign({ name: "Root", extensions: [authority()] });
export const proper = await sign({ issuer: root, extensions: [named(host)] });
export const client = await sign({ name: "client", issuer: root });
export const stranger = await sign({ name: "Stranger", extensions: [authority()] });

/** What a peer does: speaks TLS with these options, or something of its own to each connection. */
export interface Peer {
  readonly tls?: TlsOptions;
  readonly raw?: (socket: Socket) => void;
  readonly renegotiates?: boolean;
  /** Members of the application secret beside the root as `ca` and the host as `serverName`. */
  readonly secret?: Record<string, unknown>;
}

/** Shows a certificate and what leads to its authority, at the lowest of OpenSSL's levels, as old servers do. */
export const shows = (
  { certificate, key }: odd.Signed,
  secret: Record<string, unknown> = {},
  ...chain: odd.Signed[]
): Peer => ({
  tls: { cert: [certificate, ...chain.map((one) => one.certificate)].join(""), key, ...old },
  secret,
});
/** A server's certificate with something odd about it. */
export const odder = async (oddity: odd.Oddity) =>
  shows(await sign({ issuer: root, extensions: [named(host)], ...oddity }));
/** A proper certificate of an authority with something odd about it. */
export async function below(oddity: odd.Oddity): Promise<Peer> {
  const ca = await sign({ name: "Odd root", extensions: [authority()], ...oddity });
  return shows(await sign({ issuer: ca, extensions: [named(host)] }), { ca: ca.certificate });
}
/** A root, an intermediate authority with this about it, and a server below that. */
export async function chain(oddity: odd.Oddity, rootOddity: odd.Oddity = {}) {
  const ca = await sign({ name: "Top", extensions: [authority()], ...rootOddity });
  const between = await sign({ name: "Between", issuer: ca, extensions: [authority()], ...oddity });
  const last = await sign({ issuer: between, extensions: [named(host)] });
  return { ca: ca.certificate, between, last };
}
/** Demands a client certificate of the root. */
export const demands = (changes: TlsOptions, secret: Record<string, unknown> = {}): Peer => ({
  tls: { cert: proper.certificate, key: proper.key, ca: root.certificate, requestCert: true, ...changes },
  secret,
});
/** Shows the proper certificate, and speaks TLS in this way. */
export const speaks = (changes: TlsOptions): Peer => ({
  tls: { cert: proper.certificate, key: proper.key, ...changes },
});
export const greets = (...bytes: (string | Buffer)[]): Peer => ({
  raw: (socket) => bytes.forEach((some) => void socket.write(some)),
});
export const onceAsked = (then: (socket: Socket) => void): Peer => ({
  raw: (socket) => void socket.once("data", () => then(socket)),
});
/** A fatal alert in plain text, as before keys are agreed on. */
export const alert = (number: number) =>
  onceAsked((socket) => void socket.end(Buffer.from([21, 3, 3, 0, 2, 2, number])));
export const old = { ciphers: "DEFAULT@SECLEVEL=0" };
export const renegotiates: Peer = { ...speaks({ maxVersion: "TLSv1.2", ca: root.certificate }), renegotiates: true };
export const tls12 = { maxVersion: "TLSv1.2" } as const;
export const tls13 = { minVersion: "TLSv1.3" } as const;
export const asClient = ({ certificate, key }: odd.Signed) => ({ clientCertificate: certificate, clientKey: key });

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Starts a peer for one test. @returns the credentials that lead to it, by the host that `baseUrl` shall name */
export async function start(
  { tls, raw, renegotiates: again = false, secret = {} }: Peer,
  hostname = "127.0.0.1",
): Promise<Credentials> {
  const sockets = new Set<Socket>();
  const server: Server =
    tls === undefined
      ? createPlainServer(raw)
      : createServer(tls, (socket) => {
          socket.on("error", () => undefined);
          if (again) return void socket.renegotiate({ requestCert: true, rejectUnauthorized: true }, () => undefined);
          socket.on("data", () => socket.write(reply({ accessToken: "t", expiresIn: 3600, verifyCode: "c" })));
        });
  server.on("tlsClientError", () => undefined);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const baseUrl = `https://${hostname}:${(server.address() as AddressInfo).port}`;
  const base = { baseUrl, appId: "a", secret: "s", ca: root.certificate, serverName: host };
  return parseCredentials(JSON.stringify({ ...base, ...secret }), "v");
}

/**
 * What a first login, a first change and a status come to; and a change whose connection was begun 0, 3, 40 ms before.
 *
 * @param timeoutMs of each; only a peer that is silent makes them last so long
 */
export async function outcomes(credentials: Credentials, timeoutMs = 20_000) {
  const metrics = createMetrics({ write: () => undefined, clock: systemClock, stage: "test" });
  const failure = (call: Promise<unknown>) =>
    call.then(
      () => ({ name: "ok", message: "" }),
      ({ name, message }: RekeyError) => ({ name, message }),
    );
  const calls = () => createPlatformCalls(systemClock, metrics);
  const context = { credentials, accessToken: "t", timeoutMs };
  const changeAfter = async (milliseconds: number) => {
    const { connectAhead, refreshDeviceKey } = calls();
    connectAhead(credentials);
    if (milliseconds > 0) await systemClock.sleep(milliseconds);
    return failure(refreshDeviceKey(context, { deviceId: "d" }, { verifyCode: "c" }));
  };
  return {
    login: await failure(calls().login(credentials, timeoutMs)),
    change: await failure(calls().refreshDeviceKey(context, { deviceId: "d" }, { verifyCode: "c" })),
    status: await failure(calls().probe(credentials, deadlineIn(timeoutMs, systemClock))),
    ahead: [await changeAfter(0), await changeAfter(3), await changeAfter(40)],
  };
}
