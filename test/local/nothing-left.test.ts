import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

// What build/check.mjs finds out of `npm test`, of `npm start`: the build before it is a part of both.
let folder: string;
let child: ChildProcess;
const inFolder = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rekey-start-"));
  for (const name of ["home", "tmp"]) await mkdir(inFolder(name));
});
afterEach(async () => {
  child.kill("SIGKILL");
  await rm(folder, { recursive: true });
});

/** Starts it with nothing but a path and these folders, and resolves with the address of its API. */
async function start(): Promise<string> {
  const ports = ["", "lambda-", "secrets-", "control-", "platform-", "workflows-", "objects-", "desk-"];
  child = spawn(
    process.execPath,
    [fileURLToPath(new URL("../../local/main.ts", import.meta.url)), ...ports.map((name) => `--${name}port=0`)],
    {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      env: {
        PATH: process.env["PATH"],
        HOME: inFolder("home"),
        ...{ TMPDIR: inFolder("tmp"), TMP: inFolder("tmp"), TEMP: inFolder("tmp") },
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let printed = "";
  // It ends with its reader, so this reads on.
  child.stdout?.on("data", (chunk) => {
    printed += String(chunk);
  });
  await expect.poll(() => printed).toContain("local-terminal-secret");
  return /HTTP API +(\S+)/.exec(printed)?.[1] ?? expect.fail(printed);
}

test.each(["SIGINT", "SIGTERM"] as const)(
  "an empty home and an empty folder for temporary files are empty after %s, whatever was asked for",
  async (signal) => {
    const url = await start();
    const json = { "content-type": "application/json" };
    const send = async (method: string, path: string, body: string, headers: Record<string, string> = json) =>
      (await fetch(`${url}${path}`, { method, headers, body })).status;
    expect(await send("PUT", "/devices/device-1/key", '{"nodeId":"urn:imei:860000000000009"}')).toBe(200);
    const ticket = '{"deviceId":"device-2","nodeId":"urn:imei:860000000000017"}';
    expect(await send("POST", "/webhooks/terminal", ticket, { "X-Rekey-Secret": "local-terminal-secret" })).toBe(200);
    const ended = once(child, "exit");
    child.kill(signal);
    expect((await ended)[0]).toBe(0);
    expect((await readdir(folder, { recursive: true })).sort()).toEqual(["home", "tmp"]);
  },
);
