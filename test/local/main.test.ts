import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
let bundles: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  bundles = await mkdtemp(join(tmpdir(), "rekey-bundles-"));
  await copyFile(file("./fixtures/echo.mjs"), join(bundles, "statusCheck.mjs"));
});

afterEach(async () => {
  child?.kill("SIGKILL");
  await rm(bundles, { recursive: true });
});

/** Starts it, and resolves with what it printed once the last curl command is out. */
function start(...more: string[]): Promise<string> {
  const ports = ["--lambda-port=0", "--secrets-port=0", "--control-port=0", "--platform-port=0"];
  ports.push("--workflows-port=0", "--objects-port=0");
  const platform = file("./fixtures/platform.ts");
  child = spawn(process.execPath, [
    file("../../local/main.ts"),
    ...ports,
    "--platform",
    platform,
    "--bundles",
    bundles,
    ...more,
  ]);
  let printed = "";
  return new Promise((resolve, reject) => {
    child?.stdout?.on("data", (chunk) => {
      printed += chunk;
      if (printed.includes("no-such-device")) resolve(printed);
    });
    child?.stderr?.on("data", (chunk) => reject(new Error(String(chunk))));
  });
}

const apiOf = (printed: string) => /HTTP API +(\S+)/.exec(printed)?.[1] ?? "";

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test.each(["SIGINT", "SIGTERM"] as const)(
  "it serves, and on %s ends with code 0 and no process left",
  async (signal) => {
    const printed = await start("--port=0");
    expect(printed.match(/curl /g)).toHaveLength(4);
    const { pid } = (await (await fetch(`${apiOf(printed)}/x`, { method: "POST", body: "pid" })).json()) as {
      pid: number;
    };
    expect(lives(pid)).toBe(true);
    child?.kill(signal);
    expect((await once(child as ChildProcess, "exit"))[0]).toBe(0);
    await expect.poll(() => lives(pid)).toBe(false);
  },
);

test("a port that is taken is said and replaced by a free one", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  const printed = await start(`--port=${port}`);
  expect(apiOf(printed)).not.toContain(`:${port}`);
  expect(printed).toContain(`Port ${port} (--port) is taken, perhaps by another npm start`);
  expect((await fetch(`${apiOf(printed)}/health`)).status).toBe(200);
  taken.close();
});

test("it serves webhook sources of one's own, and says which of them it cannot read", async () => {
  const mine = join(bundles, "mine.json");
  const source = { preset: "github", secrets: ["a secret of the owner's own"], fields: { deviceId: "device" } };
  await writeFile(mine, JSON.stringify({ mine: source }));
  const printed = await start("--port=0", "--sources", mine);
  expect(printed).toContain(
    `Your source             ${apiOf(printed)}/webhooks/mine (its notes stay on the local desk)`,
  );
  child?.kill("SIGTERM");
  await once(child as ChildProcess, "exit");
  await writeFile(mine, JSON.stringify({ mine: { ...source, limit: 7 } }));
  await expect(start("--port=0", "--sources", mine)).rejects.toThrow('mine.json, source "mine": limit is unknown');
  expect((await once(child as ChildProcess, "exit"))[0]).toBe(1);
});

test("without bundles it says what to do and ends with code 1", async () => {
  await expect(start("--bundles", join(bundles, "none"))).rejects.toThrow("run npm run build first");
  expect((await once(child as ChildProcess, "exit"))[0]).toBe(1);
});
