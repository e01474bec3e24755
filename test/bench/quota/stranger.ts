import { once } from "node:events";
import { Agent, type RequestOptions, request } from "node:https";
import type { PlatformSimulator } from "../../../local/platform-simulator/simulator.ts";

/** Another system that uses the same application, and knows nothing of us. */
export interface Stranger {
  /** Tokens of ours that its logins have killed. */
  logins(): number;
  stop(): void;
}

/** Devices of its own, so that its calls are told from ours. */
export const strangersDevice = "strangers-device";

/** When it calls, and how often at once. */
export interface Habits {
  readonly loginEveryMs: number;
  readonly burstEveryMs: number;
  readonly callsAtOnce: number;
}

/** Lets a stranger loose: it logs in, which kills the token before it, and calls in bursts. */
export function startStranger(simulator: PlatformSimulator, habits: Habits): Stranger {
  const { loginEveryMs, burstEveryMs, callsAtOnce } = habits;
  const { ca, client } = simulator.certificates;
  const agent = new Agent({ keepAlive: true, maxSockets: 20, ca, cert: client.certificate, key: client.key });
  const { appId, secret } = simulator.application;
  const ask = async (path: string, options: RequestOptions, body?: string): Promise<string> => {
    const sent = request(`${simulator.url}${path}`, { ...options, agent, servername: "iot.example.com" });
    sent.end(body);
    const [response] = await once(sent, "response");
    let text = "";
    for await (const chunk of response) text += String(chunk);
    return text;
  };
  let token = "";
  let count = 0;
  const login = async () => {
    const form = new URLSearchParams({ appId, secret }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const answer: unknown = JSON.parse(await ask("/iocm/app/sec/v1.1.0/login", { method: "POST", headers }, form));
    token = (answer as { accessToken: string }).accessToken;
    count += 1;
  };
  const call = () =>
    ask(`/iocm/app/dm/v1.4.0/devices/${strangersDevice}`, {
      headers: { app_key: appId, authorization: `Bearer ${token}`, "content-type": "application/json" },
    });
  // What became of its calls is the platform's to know.
  const burst = () => Promise.allSettled(Array.from({ length: callsAtOnce }, call));
  simulator.devices.set(strangersDevice);
  const begin = () => void login().catch(() => undefined);
  const timers = [setInterval(begin, loginEveryMs), setInterval(() => void burst(), burstEveryMs)];
  begin();
  return {
    logins: () => count,
    stop() {
      for (const timer of timers) clearInterval(timer);
      agent.destroy();
    },
  };
}
