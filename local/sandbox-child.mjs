// The inside of a sandbox: loads the bundle and answers one invocation after the other over the IPC channel.
// Plain JavaScript without imports, so that what a cold start costs is the bundle's and Node's, not this file's.
const [bundleUrl, handlerName] = process.argv.slice(2);

/** What Lambda's runtime reports of a thrown value. */
function reported(error) {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
}

function die(errorType, error) {
  const { errorMessage, trace } = reported(error);
  process.send(
    { kind: "fatal", error: { errorType, errorMessage: `${error?.name ?? "Error"}: ${errorMessage}`, trace } },
    () => process.exit(1),
  );
}
process.on("unhandledRejection", (reason) => die("Runtime.UnhandledPromiseRejection", reason));
process.on("uncaughtException", (error) => die(error?.name ?? "Runtime.UnhandledException", error));
// Whoever started this sandbox is gone.
process.on("disconnect", () => process.exit(0));

async function answer(handler, { event, context, deadlineMs }) {
  // As Lambda's own runtime client tells it: by the wall clock, and below zero when that was set ahead.
  const getRemainingTimeInMillis = () => deadlineMs - Date.now();
  try {
    const result = await handler(JSON.parse(event), { ...context, getRemainingTimeInMillis });
    process.send({ kind: "result", result: JSON.stringify(result === undefined ? null : result) });
  } catch (error) {
    process.send({ kind: "error", error: reported(error) });
  }
}

try {
  const { [handlerName]: handler } = await import(bundleUrl);
  if (typeof handler !== "function") throw new TypeError(`${bundleUrl} exports no function ${handlerName}`);
  process.on("message", (message) => void answer(handler, message));
  process.send({ kind: "ready" });
} catch (error) {
  process.send({ kind: "fatal", error: reported(error) }, () => process.exit(1));
}
