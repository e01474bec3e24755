import { text } from "node:stream/consumers";
import * as z from "zod/mini";
import { type Listener, listen } from "../listener.ts";
import { faultSchema } from "./faults.ts";
import type { PlatformSimulator } from "./simulator.ts";

type Command = (simulator: PlatformSimulator, body: unknown, id: string) => unknown;

const deviceChange = z.strictObject({
  deviceId: z.string(),
  nodeId: z.exactOptional(z.string()),
  name: z.exactOptional(z.string()),
  activated: z.exactOptional(z.boolean()),
  status: z.exactOptional(z.enum(["ONLINE", "OFFLINE", "ABNORMAL", "INACTIVE"])),
  owner: z.exactOptional(z.string()),
  verifyCode: z.exactOptional(z.string()),
  timeoutSeconds: z.exactOptional(z.number()),
});
const offline = z.strictObject({ afterMs: z.exactOptional(z.number()) });
const secretChange = z.strictObject({ secret: z.string() });
const freeze = z.strictObject({ frozen: z.exactOptional(z.boolean()) });
const advance = z.strictObject({ milliseconds: z.number() });

const commands: Readonly<Record<string, Command>> = {
  "GET /state": ({ application, counters, devices, faults, log }) => ({
    counters,
    throttled: application.throttled,
    tokenEndsAt: new Date(application.tokenEndsAtMs).toISOString(),
    devices: devices.all(),
    faults: faults.list(),
    log,
  }),
  "POST /devices": ({ devices }, body) => {
    const { deviceId, ...changes } = deviceChange.parse(body);
    return devices.set(deviceId, changes);
  },
  "POST /devices/:id/online": ({ devices }, _, id) => devices.goOnline(id),
  "POST /devices/:id/offline": ({ devices }, body, id) => devices.goOffline(id, offline.parse(body).afterMs),
  "POST /faults": ({ faults }, body) => faults.add(faultSchema.parse(body)),
  "DELETE /faults": ({ faults }) => faults.clear(),
  "POST /kill-token": (simulator) => simulator.killToken(),
  "POST /drop-connections": (simulator) => simulator.dropConnections(),
  "POST /application-secret": ({ application }, body) => {
    application.secret = secretChange.parse(body).secret;
  },
  "POST /freeze": ({ application }, body) => {
    application.frozen = freeze.parse(body).frozen ?? true;
  },
  "POST /advance": ({ application }, body) => application.advance(advance.parse(body).milliseconds),
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
      const body = await text(request);
      const result = await command?.(simulator, body === "" ? {} : JSON.parse(body), decodeURIComponent(id));
      response.writeHead(command === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(command === undefined ? { error: "No such command" } : (result ?? {})));
    } catch (error) {
      response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ error: String(error) }));
    }
  }, port);
}
