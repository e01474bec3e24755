import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { GetObjectCommand, NoSuchKey, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DescribeExecutionCommand, ListExecutionsCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { localFleetBucket } from "../local/step-functions/part.ts";
import { readFleetInput } from "../shared/fleet/input.ts";
import type { FleetFault } from "../shared/fleet/input-lines.ts";
import type { ResultLine } from "../shared/fleet/lines.ts";
import { runProgress } from "../shared/fleet/run-store.ts";
import { createFleetView } from "./fleet-view.ts";

// `npm run fleet -- devices.csv`: re-keys a fleet and shows how far it is. Works against `npm start`; with --bucket and
// --workflow (both are outputs of the stack) against AWS, with the credentials and the region that the SDK finds.
// The run's name is made of the file's name and content: the same file again goes on where it was.
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    run: { type: "string" },
    bucket: { type: "string" },
    /** ARN of the state machine rekeyFleet. */
    workflow: { type: "string" },
    "calls-per-minute": { type: "string", default: "95" },
    /** Seconds until a code ends, for devices whose line says none; 0: never. */
    timeout: { type: "string" },
    "app-id": { type: "string" },
    /** How long devices that are online are tried again, in seconds. */
    limit: { type: "string", default: "86400" },
    /** Share of devices, in percent, that may fail. */
    tolerated: { type: "string", default: "20" },
    "include-code": { type: "boolean", default: false },
    "dry-run": { type: "boolean", default: false },
    /** Where the result goes; default: beside the input. */
    out: { type: "string" },
  },
});

const onAws = values.bucket !== undefined || values.workflow !== undefined;
const local = {
  region: "eu-central-1",
  credentials: { accessKeyId: "AKIDLOCALFLEET", secretAccessKey: "local-secret-access-key" },
};
const s3 = new S3Client(
  onAws
    ? {}
    : { ...local, endpoint: process.env["AWS_ENDPOINT_URL_S3"] ?? "http://127.0.0.1:3005", forcePathStyle: true },
);
const workflows = new SFNClient(
  onAws ? {} : { ...local, endpoint: process.env["AWS_ENDPOINT_URL_SFN"] ?? "http://127.0.0.1:3004" },
);
const bucket = values.bucket ?? localFleetBucket;
const stateMachineArn =
  values.workflow ?? "arn:aws:states:eu-central-1:123456789012:stateMachine:rekey-local-rekeyFleet";
// An execution is named after its run and the time; Step Functions takes 80 characters.
const longestRunName = 65;
const pollMs = onAws ? 5_000 : 500;

try {
  process.exitCode = await main();
} catch (error) {
  const refused = error instanceof AggregateError || (error instanceof Error && error.message.includes("ECONNREFUSED"));
  const hint = refused && !onAws ? "Nothing runs on this machine: run npm start in another terminal first" : undefined;
  console.error(hint ?? (error instanceof Error ? error.message : error));
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) throw new Error("Usage: npm run fleet -- devices.csv [--dry-run]");
  if (onAws && (values.bucket === undefined || values.workflow === undefined)) {
    throw new Error("Against AWS both --bucket and --workflow are needed");
  }
  const text = await readFile(file, "utf8");
  const { devices, faults } = await judge(file);
  if (faults.length > 0) {
    for (const { line, message } of faults) console.error(`${file}:${line}: ${message}`);
    console.error(`${faults.length} faults; nothing was sent`);
    return 1;
  }
  console.log(`${devices} devices, no faults`);
  if (values["dry-run"]) return 0;
  const run = values.run ?? nameOf(file, text);
  if (run.length > longestRunName) {
    console.error(`The run's name has more than ${longestRunName} characters; nothing was sent`);
    return 1;
  }
  const executionArn = (await running(run)) ?? (await start(run, text));
  console.log(`Run ${run}; Ctrl-C leaves it running, the same command shows it again`);
  const { status, error, cause } = await follow(run, executionArn);
  const result = await read(`runs/${run}/result.jsonl`);
  if (result !== undefined) await tell(result, values.out ?? `${file}.result.jsonl`);
  if (status === "SUCCEEDED") return 0;
  console.error(`The run ended with ${status}${error === undefined ? "" : `: ${error}: ${cause ?? ""}`}`);
  return 1;
}

async function judge(file: string) {
  const faults: FleetFault[] = [];
  let devices = 0;
  for await (const entries of readFleetInput(createReadStream(file))) {
    for (const entry of entries) {
      if (entry.kind === "device") devices += 1;
      else if (entry.kind === "fault") faults.push(entry.fault);
      else console.error(`${file}:${entry.fault.line}: ${entry.fault.message} (a warning)`);
    }
  }
  return { devices, faults };
}

function nameOf(file: string, text: string): string {
  const name = basename(file)
    .replace(/\.[^.]*$/, "")
    .replace(/[^A-Za-z0-9_-]/g, "-")
    .slice(0, 40);
  return `${name}-${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;
}

/** The execution that already works on the run. */
async function running(run: string): Promise<string | undefined> {
  const { executions = [] } = await workflows.send(
    new ListExecutionsCommand({ stateMachineArn, statusFilter: "RUNNING" }),
  );
  return executions.find(({ name }) => name?.startsWith(`${run}--`))?.executionArn;
}

async function start(run: string, text: string): Promise<string> {
  const key = `input/${run}`;
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: text }));
  const input = {
    ...{ run, key, includeCode: values["include-code"] },
    callsPerMinute: Number(values["calls-per-minute"]),
    limitSeconds: Number(values.limit),
    toleratedFailurePercentage: Number(values.tolerated),
    ...(values.timeout === undefined ? {} : { timeout: Number(values.timeout) }),
    ...(values["app-id"] === undefined ? {} : { appId: values["app-id"] }),
  };
  const { executionArn = "" } = await workflows.send(
    new StartExecutionCommand({
      ...{ stateMachineArn, name: `${run}--${Date.now()}`, input: JSON.stringify(input) },
    }),
  );
  return executionArn;
}

async function follow(run: string, executionArn: string) {
  const view = createFleetView();
  let shown = "";
  for (;;) {
    const execution = await workflows.send(new DescribeExecutionCommand({ executionArn }));
    const text = await read(`runs/${run}/progress.json`);
    const line = text === undefined ? "" : view.line(runProgress.parse(JSON.parse(text)), Date.now());
    if (line !== "" && line !== shown) {
      process.stdout.write(process.stdout.isTTY ? `\r\u001b[K${line}` : `${line}\n`);
      shown = line;
    }
    if (execution.status !== "RUNNING") {
      if (process.stdout.isTTY) process.stdout.write("\n");
      return execution;
    }
    await delay(pollMs);
  }
}

async function read(key: string): Promise<string | undefined> {
  try {
    const { Body: body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return await body?.transformToString("utf8");
  } catch (error) {
    if (error instanceof NoSuchKey) return undefined;
    throw error;
  }
}

async function tell(result: string, path: string): Promise<void> {
  // It may hold codes.
  await writeFile(path, result, { mode: 0o600 });
  const lines = result.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as ResultLine]));
  const failed = Map.groupBy(
    lines.filter(({ status }) => status === "failed"),
    ({ error }) => error ?? "not tried",
  );
  for (const [error, devices] of failed) {
    const examples = devices.slice(0, 3).map(({ line, deviceId }) => `${deviceId} (line ${line})`);
    console.log(`${error}: ${devices.length}, such as ${examples.join(", ")}. ${devices[0]?.advice ?? ""}`);
  }
  console.log(`Result: ${path}, ${lines.length} lines`);
}
