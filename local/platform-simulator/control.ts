import type { IncomingMessage } from "node:http";
import { type Listener, listen } from "../secrets-endpoint/listener.ts";
import type { Fault } from "./faults.ts";
import type { PlatformSimulator } from "./simulator.ts";

type Command = (simulator: PlatformSimulator, body: Record<string, unknown>, id: string) => unknown;

const commands: Readonly<Record<string, Command>> = {
  "GET /state": ({ application, counters, devices, faults, log }) => ({
    counters,
    throttled: application.throttled,
    tokenEndsAt: new Date(application.tokenEndsAtMs).toISOString(),
    devices: devices.all(),
    faults: faults.list(),
    log,
  }),
  "POST /devices": ({ devices }, { deviceId, ...changes }) => devices.set(String(deviceId), changes),
  "POST /devices/:id/online": ({ devices }, _, id) => devices.goOnline(id),
  "POST /devices/:id/offline": ({ devices }, { afterMs }, id) => devices.goOffline(id, Number(afterMs ?? 0)),
  "POST /faults": ({ faults }, body) => faults.add(body as unknown as Fault),
  "DELETE /faults": ({ faults }) => faults.clear(),
  "POST /kill-token": (simulator) => simulator.killToken(),
  "POST /drop-connections": (simulator) => simulator.dropConnections(),
  "POST /application-secret": ({ application }, { secret }) => {
    application.secret = String(secret);
  },
  "POST /freeze": ({ application }, { frozen }) => {
    application.frozen = frozen !== false;
  },
  "POST /advance": ({ application }, { milliseconds }) => application.advance(Number(milliseconds)),
  "POST /down": (simulator) => simulator.down(),
  "POST /up": (simulator) => simulator.up(),
};

/** Starts the control of a simulator, for other processes: plain HTTP on loopback. */
export function startControl(simulator: PlatformSimulator, port: number): Promise<Listener> {
  return listen(async (request, response) => {
    const [, first = "", id = "", action] = (request.url ?? "").split("?")[0]?.split("/") ?? [];
    const name = action === undefined ? `/${first}` : `/${first}/:id/${action}`;
    const command = commands[`${request.method} ${name}`];
    try {
      const result =
        command === undefined ? undefined : await command(simulator, await bodyOf(request), decodeURIComponent(id));
      response.writeHead(command === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(command === undefined ? { error: "No such command" } : (result ?? {})));
    } catch (error) {
      response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ error: String(error) }));
    }
  }, port);
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}
