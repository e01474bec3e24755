import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** `npm run fleet` as a process of its own: what it says, and how it ends. */
export interface FleetProcess {
  readonly said: () => string;
  readonly ended: Promise<{ code: unknown; said: string }>;
  /** Reads nothing more of what it says, as `head` does that has seen enough. */
  stop(): void;
}

/** Where the tool finds Step Functions and the bucket, and where it is started. */
export interface Place {
  readonly workflows: string;
  readonly objects: string;
  readonly folder?: string;
}

/** Starts the tool. */
export function startFleet({ workflows, objects, folder }: Place, ...args: string[]): FleetProcess {
  const child = spawn(process.execPath, [fileURLToPath(new URL("../../tools/fleet.ts", import.meta.url)), ...args], {
    env: { ...process.env, AWS_ENDPOINT_URL_SFN: workflows, AWS_ENDPOINT_URL_S3: objects },
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said = said.concat(String(chunk))));
  const stop = () => void [child.stdout, child.stderr].map((stream) => stream.destroy());
  return { said: () => said, stop, ended: once(child, "close").then(([code]) => ({ code, said })) };
}

/** The JSON lines of a file. */
export async function linesOf(path: string) {
  return (await readFile(path, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}
