import { request } from "node:https";
import { join } from "node:path";
import { type PlatformSimulator, startPlatformSimulator } from "../../local/platform-simulator/simulator.ts";
import { type SecretsEndpoint, startSecretsEndpoint } from "../../local/secrets-endpoint/server.ts";
import type { ContainerOptions } from "./container.ts";
import { type DelayedLine, openDelayedLine } from "./delayed-line.ts";

/** Who is measured. */
export const contenders = ["bare", "floor", "naive", "ours"] as const;

/** One of {@link contenders}. */
export type Contender = (typeof contenders)[number];

/** Everything that the contenders talk to, at one distance from the platform. */
export interface Stage {
  readonly roundTripMs: number;
  /** How a contender is started. @param build a folder with our bundles; default: this checkout's */
  containerOf(contender: Contender, build?: string): ContainerOptions;
  /** The event that all are given. */
  readonly event: object;
  readonly simulators: ReadonlyMap<Contender, PlatformSimulator>;
  close(): Promise<void>;
}

const repository = join(import.meta.dirname, "../..");
const region = "eu-central-1";

/** Starts it; each contender has a platform to itself, since of all who log in the last one has the only valid token. */
export async function openStage(roundTripMs: number): Promise<Stage> {
  const simulators = new Map<Contender, PlatformSimulator>();
  const lines: DelayedLine[] = [];
  const secrets: Record<string, string> = {};
  for (const contender of contenders) {
    const simulator = await startPlatformSimulator({ quota: { calls: 1_000_000, windowMs: 60_000 } });
    simulator.devices.set("device-1", { status: "OFFLINE" });
    simulators.set(contender, simulator);
    const changes: Record<string, unknown> = {};
    if (roundTripMs > 0) {
      const line = await openDelayedLine(Number(new URL(simulator.url).port), roundTripMs);
      lines.push(line);
      changes["baseUrl"] = `https://127.0.0.1:${line.port}`;
    }
    secrets[`${contender}/application`] = JSON.stringify(simulator.applicationSecret(changes));
    secrets[`${contender}/session`] = JSON.stringify(await session(simulator));
  }
  const endpoint: SecretsEndpoint = await startSecretsEndpoint({ region, secrets });
  return {
    roundTripMs,
    simulators,
    event: { deviceId: "device-1", nodeId: "urn:imei:860000000000001", idempotencyKey: "ticket-35436" },
    containerOf: (contender, build = join(repository, "dist")) => ({
      taskRoot: contender === "ours" ? build : join(import.meta.dirname, "contenders"),
      handler: contender === "ours" ? "refreshDeviceKey.handler" : `${contender}.handler`,
      environment: {
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: "AKIDBENCH",
        AWS_SECRET_ACCESS_KEY: "bench-secret-access-key",
        AWS_SESSION_TOKEN: "bench-session-token",
        AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoint.url,
        REKEY_SECRET_ID: `${contender}/application`,
        REKEY_SESSION_SECRET_ID: `${contender}/session`,
      },
    }),
    close: async () => {
      for (const one of [...lines, ...simulators.values(), endpoint]) await one.close();
    },
  };
}

/** A session that lives, as another sandbox would have published it. */
async function session(simulator: PlatformSimulator): Promise<object> {
  const { appId, secret } = simulator.applicationSecret();
  const { ca, client } = simulator.certificates;
  const body = new URLSearchParams({ appId: String(appId), secret: String(secret) }).toString();
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request(
      `${simulator.url}/iocm/app/sec/v1.1.0/login`,
      {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded", "content-length": String(body.length) },
        ...{ ca, cert: client.certificate, key: client.key, servername: "iot.example.com", agent: false },
      },
      (response) => {
        let received = "";
        response.on("data", (chunk: Buffer) => {
          received += chunk;
        });
        response.on("end", () => resolve(received));
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
  const { accessToken, refreshToken } = JSON.parse(text) as Record<string, string>;
  const issuedAtMs = Date.now();
  return { accessToken, refreshToken, issuedAtMs, expiresAtMs: issuedAtMs + 3_600_000 };
}
