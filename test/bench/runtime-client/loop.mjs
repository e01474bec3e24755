// Speaks the Runtime API as AWS's client does, where that one is not installed: `loop.mjs <file>.<export>`.
const { Agent, request } = process.getBuiltinModule("node:http");
const [, file, name] = /^(.*)\.([^.]+)$/.exec(process.argv[2]);
const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        hostname,
        port,
        agent,
        method,
        path: `/2018-06-01/runtime/${path}`,
        headers: { "content-type": "application/json" },
      },
      (response) => {
        let text = "";
        response.on("data", (chunk) => (text += chunk));
        response.on("end", () => resolve({ headers: response.headers, text }));
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

const reported = (error) => JSON.stringify({ errorType: error.name, errorMessage: error.message });

async function answer(handler, { headers, text }) {
  const awsRequestId = headers["lambda-runtime-aws-request-id"];
  const deadlineMs = Number(headers["lambda-runtime-deadline-ms"]);
  try {
    const context = { awsRequestId, getRemainingTimeInMillis: () => deadlineMs - Date.now() };
    const result = await handler(JSON.parse(text), context);
    await call("POST", `invocation/${awsRequestId}/response`, JSON.stringify(result ?? null));
  } catch (error) {
    await call("POST", `invocation/${awsRequestId}/error`, reported(error));
  }
}

try {
  const { [name]: handler } = await import(`${process.env.LAMBDA_TASK_ROOT}/${file}.mjs`);
  for (;;) await answer(handler, await call("GET", "invocation/next"));
} catch (error) {
  await call("POST", "init/error", reported(error)).catch(() => undefined);
  process.exit(1);
}
