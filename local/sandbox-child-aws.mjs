// A sandbox under AWS's own runtime client (`npm run runtime-client`): a Runtime API that takes each invocation from the
// IPC channel and gives the answer back to it, and the client in a process of its own, since it blocks while it waits.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const [bundleUrl, handlerName] = process.argv.slice(2);
const client = new URL("../test/bench/runtime-client/node_modules/aws-lambda-ric/index.mjs", import.meta.url);
let ready = false;
let asking;
let waiting;

function handOut() {
  if (asking === undefined || waiting === undefined) return;
  const { event, context, deadlineMs } = waiting;
  asking.writeHead(200, {
    "content-type": "application/json",
    "lambda-runtime-aws-request-id": context.awsRequestId,
    "lambda-runtime-deadline-ms": String(deadlineMs),
    "lambda-runtime-invoked-function-arn": context.invokedFunctionArn,
  });
  asking.end(event);
  asking = waiting = undefined;
}

const api = createServer(async (request, response) => {
  if (request.url.endsWith("/invocation/next")) {
    // Asked for the first time, the bundle has been loaded.
    if (!ready) process.send({ kind: "ready" });
    ready = true;
    asking = response;
    return handOut();
  }
  const body = await text(request);
  response.writeHead(202, { "content-type": "application/json" }).end('{"status":"OK"}');
  if (request.url.endsWith("/response")) return process.send({ kind: "result", result: body });
  process.send({ kind: ready ? "error" : "fatal", error: JSON.parse(body) });
}).listen(0, "127.0.0.1");
await once(api, "listening");
process.on("message", (message) => {
  waiting = message;
  handOut();
});

const handler = `${basename(bundleUrl, ".mjs")}.${handlerName}`;
const runtime = spawn(process.execPath, [fileURLToPath(client), handler], {
  env: {
    ...process.env,
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${api.address().port}`,
    LAMBDA_TASK_ROOT: fileURLToPath(new URL(".", bundleUrl)),
    _HANDLER: handler,
  },
  stdio: ["ignore", "inherit", "inherit"],
});
// Without its API the client ends by itself, so nothing is left of it when this process is killed.
runtime.on("exit", (code) => process.exit(code ?? 1));
process.on("disconnect", () => runtime.kill("SIGKILL"));
