import { buffer } from "node:stream/consumers";
import { afterAll, beforeEach, expect, test } from "vitest";
import { type Listener, listen } from "../../local/listener.ts";
import { useTicketStage } from "./ticket-stage.ts";

// Between the functions and Step Functions: what starts an execution starts it, and is not answered while it is held.
let way: Listener;
let held = Promise.withResolvers<void>();
let starts = 0;
const stage = useTicketStage(true, async () => {
  way = await listen(async (request, response) => {
    const { host: _, connection: __, "content-length": ___, ...headers } = request.headers;
    const answer = await fetch(`${stage.workflows?.url}${request.url}`, {
      ...{ method: "POST", headers: headers as Record<string, string> },
      body: new Uint8Array(await buffer(request)),
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (String(headers["x-amz-target"]).endsWith("StartExecution")) {
      starts += 1;
      await held.promise;
    }
    response.writeHead(answer.status, { "content-type": "application/x-amz-json-1.0" }).end(bytes);
  });
  return { AWS_ENDPOINT_URL_SFN: way.url };
});
afterAll(() => way.down());
beforeEach(() => {
  held = Promise.withResolvers<void>();
  starts = 0;
});

const codes = () => new Set(stage.history().map(({ verifyCode }) => verifyCode));

/** Sends a ticket whose start is answered when the answer has left long ago, and waits for both ways' ends. */
async function sendWithLateStart() {
  const { status } = await stage.send("zendesk");
  held.resolve();
  await stage.settled("zendesk");
  await stage.quiet();
  return status;
}

test("a start whose answer comes after our patience has the ticket re-keyed and told once, by whoever was first", async () => {
  expect(await sendWithLateStart()).toBe(202);
  expect([starts > 0, codes().size, stage.notesOf("zendesk").length]).toEqual([true, 1, 1]);
  expect(stage.notesOf("zendesk")[0]?.text).toContain(stage.code());
});

test("both ways at work on one device bring it to one state with one code, and its ticket one note", async () => {
  // The workflow's change is made and not answered, so that it is still at it when our own way begins.
  stage.simulator.faults.add({ kind: "hang", operation: "refreshDeviceKey", applied: true });
  expect(await sendWithLateStart()).toBe(202);
  expect(stage.history().length).toBeGreaterThan(1);
  expect([codes().size, new Set(stage.history().map(({ nodeId }) => nodeId)).size]).toEqual([1, 1]);
  expect(stage.notesOf("zendesk").map(({ text }) => text.includes(stage.code()))).toEqual([true]);
  const [execution] = [...(stage.workflows?.executions.values() ?? [])].slice(-1);
  expect(await execution?.ended).toMatchObject({ status: "SUCCEEDED" });
  // The sender's own repeat, whose start is answered now, is still the same operation.
  const before = stage.history().length;
  expect((await stage.send("zendesk")).status).toBe(202);
  await stage.quiet();
  expect([stage.history().length, stage.notesOf("zendesk").length]).toEqual([before, 1]);
});
