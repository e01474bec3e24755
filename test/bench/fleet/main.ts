import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import type { FleetLine } from "../../../shared/fleet/lines.ts";
import { openRun } from "../../../shared/fleet/run-store.ts";
import { createObjectStore, createS3Client } from "../../../shared/runtime/objects.ts";

// `npm run bench:fleet`: what a fleet's functions take of time, memory, objects and requests, by the number of devices.
// Their bundles run as they are deployed, each in a process with the heap that 1,024 MB leave to it; a bucket in another
// process holds every answer back for 20 ms. The run's calls are simulated: 5 % of the devices wait in the first round.
const { values } = parseArgs({
  options: {
    devices: { type: "string", default: "10000,100000,1000000" },
    latency: { type: "string", default: "20" },
  },
});
const bucket = "bench";
const heap = ["--max-old-space-size=640", "--max-semi-space-size=16"];
const access = { region: "eu-central-1", credentials: { accessKeyId: "AKIDBENCH", secretAccessKey: "secret" } };

interface StoreState {
  readonly requests: Readonly<Record<string, number>>;
  readonly objects: number;
  readonly megabytes: number;
}

interface Measured {
  readonly answer: { readonly input?: object; readonly state?: object | string; readonly waiting?: number };
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly megabytes: number;
}

for (const devices of values.devices.split(",").map(Number)) await measure(devices);

async function measure(devices: number): Promise<void> {
  const store = fork(new URL("store.ts", import.meta.url), [values.latency]);
  const { url } = await messageOf<{ url: string }>(store);
  const objects = createObjectStore(bucket, createS3Client(url, access));
  await writeInput(objects.writer("devices.csv"), devices);
  const run = openRun("bench", objects);
  const input = { run: "bench", key: "devices.csv" };
  const rows: string[][] = [];
  const step = async (title: string, name: string, event: object) => {
    const before = await stateOf(store);
    const taken = await invoke(name, event, url);
    const after = await stateOf(store);
    const requests = (method: string) => String((after.requests[method] ?? 0) - (before.requests[method] ?? 0));
    rows.push([
      ...[title, `${taken.seconds.toFixed(1)} s`, `${taken.cpuSeconds.toFixed(1)} s`, `${taken.megabytes} MB`],
      ...[requests("GET"), requests("PUT"), String(after.objects)],
    ]);
    return taken.answer;
  };
  const planned = await step("plan", "planFleet", { execution: "bench", input });
  const conclude = async (title: string) => {
    const { manifestKey = "" } = (await run.readPlan()) ?? {};
    return step(title, "concludeRound", { execution: "bench", manifestKey, input: planned.input });
  };
  await workOff(run, (line) => (line.line % 20 === 0 ? "waiting" : "done"));
  await conclude("conclude the first round");
  await workOff(run, () => "done");
  await conclude("conclude the last round");
  await step("start again", "planFleet", { execution: "bench-2", input });
  console.log(`\n${devices} devices; the bucket holds ${(await stateOf(store)).megabytes} MB`);
  for (const row of [["step", "time", "processor", "memory", "GET", "PUT", "objects"], ...rows]) {
    console.log(`| ${row.map((cell, at) => (at === 0 ? cell.padEnd(24) : cell.padStart(9))).join(" | ")} |`);
  }
  store.kill();
}

async function writeInput(writer: { write(text: string): Promise<void>; end(): Promise<void> }, devices: number) {
  await writer.write("deviceId,nodeId\n");
  for (let at = 0; at < devices; at += 1) {
    await writer.write(`7a2c64f0-1b9e-4c9d-${at},urn:imei:${860_000_000_000_000 + at}\n`);
  }
  await writer.end();
}

/** What rekeyBatch would leave behind. */
async function workOff(run: ReturnType<typeof openRun>, statusOf: (line: FleetLine) => "done" | "waiting") {
  const { manifestKey = "" } = (await run.readPlan()) ?? {};
  const at = new Date().toISOString();
  const entries = [...(await run.readManifest(manifestKey))];
  const work = async () => {
    for (let entry = entries.shift(); entry !== undefined; entry = entries.shift()) {
      const lines = (await run.readLines(entry.inKey)).map((line): FleetLine => {
        const status = statusOf(line);
        return status === "done"
          ? { ...line, status, codeKeyId: "0a0b0c0d", expiresAt: at, replayed: false, at }
          : { ...line, status, error: "DeviceOnlineError", detail: "The device is online", triedAtMs: Date.now(), at };
      });
      await run.writeLines(entry.outKey, lines);
    }
  };
  await Promise.all(Array.from({ length: 32 }, work));
}

async function invoke(name: string, event: object, url: string): Promise<Measured> {
  const child = fork(new URL("step.ts", import.meta.url), [name, JSON.stringify(event)], {
    execArgv: heap,
    env: {
      ...{ AWS_REGION: access.region, AWS_ACCESS_KEY_ID: "AKIDBENCH", AWS_SECRET_ACCESS_KEY: "secret" },
      ...{ AWS_ENDPOINT_URL_S3: url, REKEY_FLEET_BUCKET: bucket, LOG_LEVEL: "SILENT" },
    },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  return messageOf<Measured>(child);
}

async function stateOf(store: ChildProcess): Promise<StoreState> {
  store.send("state");
  return messageOf<StoreState>(store);
}

async function messageOf<Message>(child: ChildProcess): Promise<Message> {
  const heard = new AbortController();
  const ended = once(child, "exit", heard).then(([code]) => Promise.reject(new Error(`It ended with ${code}`)));
  ended.catch(() => undefined);
  try {
    const [message] = await Promise.race([once(child, "message", heard), ended]);
    return message as Message;
  } finally {
    heard.abort();
  }
}
