import { parseArgs } from "node:util";
import { moodOf } from "./moods.ts";
import { startSecretsEndpoint } from "./server.ts";

// Runs the endpoint alone and prints one JSON line: {"url","controlUrl","pid"}. Ends on SIGTERM, SIGINT, or when its
// parent is gone (unless --stay), so that a killed test leaves nothing behind.
// Usage: node local/secrets-endpoint/main.ts [--port n] [--control-port n] [--latency ms]
//        [--mood documented|moto|lenient|careless] [--credential id=key]
//        [--secret name=text | --secret name]... [--stay]
const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "control-port": { type: "string", default: "0" },
    mood: { type: "string", default: "documented" },
    latency: { type: "string", default: "0" },
    credential: { type: "string", multiple: true },
    secret: { type: "string", multiple: true, default: [] },
    stay: { type: "boolean", default: false },
  },
});

const credentials = values.credential?.map(split);
const endpoint = await startSecretsEndpoint({
  port: Number(values.port),
  controlPort: Number(values["control-port"]),
  mood: moodOf(values.mood),
  latencyMilliseconds: Number(values.latency),
  secrets: Object.fromEntries(values.secret.map(split)),
  ...(credentials === undefined
    ? {}
    : { credentials: Object.fromEntries(credentials.map(([id, key]) => [id, key ?? ""])) }),
});
console.log(JSON.stringify({ url: endpoint.url, controlUrl: endpoint.controlUrl, pid: process.pid }));

const parent = process.ppid;
const watch = setInterval(() => {
  if (!values.stay && process.ppid !== parent) void end();
}, 1000);
process.once("SIGTERM", () => void end());
process.once("SIGINT", () => void end());

async function end(): Promise<void> {
  clearInterval(watch);
  await endpoint.close();
  process.exit(0);
}

function split(pair: string): [string, string | null] {
  const at = pair.indexOf("=");
  return at === -1 ? [pair, null] : [pair.slice(0, at), pair.slice(at + 1)];
}
