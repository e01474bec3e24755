import { type ChildProcess, spawn } from "node:child_process";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
let bundles: string;
let child: ChildProcess;
let printed: string;

beforeEach(async () => {
  bundles = await mkdtemp(join(tmpdir(), "rekey-bundles-"));
  await copyFile(file("./fixtures/echo.mjs"), join(bundles, "statusCheck.mjs"));
  const ports = ["", "lambda-", "secrets-", "control-", "platform-", "workflows-", "objects-", "desk-"];
  const flags = ["--platform", file("./fixtures/simulator.ts"), "--bundles", bundles, "--quiet"];
  child = spawn(process.execPath, [file("../../local/main.ts"), ...flags, ...ports.map((name) => `--${name}port=0`)]);
  printed = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (printed += String(chunk)));
  await expect.poll(() => printed).toContain("local-terminal-secret");
});
afterEach(async () => {
  child.kill("SIGKILL");
  await rm(bundles, { recursive: true });
});

// As far into each server as a stranger gets: AWS's and the desk's paths, and what AWS's clients would send along.
const strange = ["//", "/%", "//[", "*", "http://[", "/?%&=[", "/__proto__/constructor", "/%ff%00"];
const known = ["/devices/%/key", "/_local/%", "/_local/do", "/zendesk/api/v2/tickets/1.json", "/tickets/1/online"];
known.push(
  "/2015-03-31/functions/%/invocations",
  "/2015-03-31/functions/statusCheck/invocations",
  "/bucket/%?uploadId=%",
);
known.push("/iocm/app/reg/v1.1.0/deviceCredentials/%", "/faults", "/deny", "/mood", "/advance", "/secrets", "/devices");
const methods = ["GET", "POST", "PUT", "OPTIONS", "CONNECT", "BREW"];
const headers = [
  "host: 127.0.0.1",
  "connection: close",
  "content-type: application/json",
  "x-amz-target: AWSStepFunctions.StartExecution",
  `authorization: AWS4-HMAC-SHA256 Credential=me/20260101/eu/s3/aws4_request, SignedHeaders=host, Signature=${"0".repeat(64)}`,
].join("\r\n");
const bodies = { "no UTF-8": [255, 254, 123], "no object": [110, 117, 108, 108], "cut off": [123] } as const;

/** Sends a request, and resolves when the connection is over; of a body that is cut off it sends a part and goes. */
function send(socket: Socket, method: string, path: string, kind: keyof typeof bodies): Promise<void> {
  const length = kind === "cut off" ? 10 : bodies[kind].length;
  socket.write(`${method} ${path} HTTP/1.1\r\n${headers}\r\ncontent-length: ${length}\r\n\r\n`);
  socket.write(Buffer.from(bodies[kind]), () => void (kind === "cut off" && socket.destroy()));
  socket.on("error", () => undefined).resume();
  return new Promise((resolve) => socket.once("close", resolve));
}

test("no request ends npm start, however odd its path, method or body is", async () => {
  const { control, ca, clientCertificate, clientKey } = JSON.parse(/Simulator (.*)/.exec(printed)?.[1] ?? "");
  const urls = new Set(printed.match(/https?:\/\/127\.0\.0\.1:\d+/g));
  expect(urls).toContain(control);
  expect(urls.size).toBe(9);
  const open = (url: string) => {
    const address = { host: "127.0.0.1", port: Number(new URL(url).port) };
    if (url.startsWith("http:")) return connect(address);
    return connectTls({ ...address, ca, cert: clientCertificate, key: clientKey, servername: "iot.example.com" });
  };
  for (const url of urls) {
    for (const path of [...strange, ...known]) {
      const sent = methods.flatMap((method) =>
        (["no UTF-8", "no object", "cut off"] as const).map((kind) => send(open(url), method, path, kind)),
      );
      await Promise.all(sent);
    }
  }
  expect(child.exitCode, printed.slice(-1_000)).toBeNull();
  for (const url of urls) {
    const answer = await new Promise((resolve) => {
      const socket = open(url);
      socket.write(`GET /state HTTP/1.1\r\n${headers}\r\n\r\n`);
      socket.once("data", (data) => resolve(String(data)));
      socket.once("error", (error) => resolve(String(error)));
    });
    expect(answer, url).toMatch(/^HTTP\/1\.1 \d/);
  }
});
