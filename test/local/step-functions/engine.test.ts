import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { type HistoryEvent, prepare, runDefinition } from "../../../local/step-functions/engine.ts";

type Json = Record<string, unknown>;
const asJson = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});

describe("the interpreter", () => {
  const run = async (states: Json, input: unknown, timeScale = 0.01, objects: Json = {}) => {
    const invoked: unknown[] = [];
    const events: HistoryEvent[] = [];
    const lambda = {
      invoke: async (name: string, event: unknown) => {
        invoked.push([name, event]);
        return name === "fails"
          ? { ok: false as const, error: { errorType: "DeviceOnlineError", errorMessage: "Online" }, requestId: "1" }
          : { ok: true as const, result: { event }, requestId: "1" };
      },
    };
    const readObject = async (bucket: string, key: string) => objects[`${bucket}/${key}`] as string | undefined;
    const running = runDefinition(
      { StartAt: Object.keys(states)[0], States: states },
      input,
      {},
      { lambda, readObject, timeScale },
      (event) => events.push(event),
    );
    return { running, invoked, events };
  };
  const arn = (name: string) => `arn:aws:lambda:eu-central-1:123456789012:function:${name}`;

  test("waits scaled seconds and hands on its input", async () => {
    const startedAt = performance.now();
    const { running } = await run({ W: { Type: "Wait", SecondsPath: "$.s", End: true } }, { s: 20, kept: true });
    expect(await running.ended).toEqual({ status: "SUCCEEDED", output: { s: 20, kept: true } });
    expect(performance.now() - startedAt).toBeGreaterThan(190);
  });

  test("leaves nothing waiting for the end of an execution once a wait is over", async () => {
    const nobody = () => expect.fail("Nothing is asked for");
    const { signal } = new AbortController();
    const definition = { StartAt: "W", States: { W: { Type: "Wait", Seconds: 0, End: true } } };
    const { handlers } = prepare(definition, { lambda: { invoke: nobody }, readObject: nobody, timeScale: 1 }, signal);
    await handlers["W"]?.({ seconds: 0 });
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("gives a caught error the name and the cause that Lambda gives", async () => {
    const states = {
      T: {
        Type: "Task",
        Resource: arn("fails"),
        Catch: [{ ErrorEquals: ["DeviceOnlineError"], Next: "C" }],
        End: true,
      },
      C: { Type: "Succeed" },
    };
    const ending = await (await run(states, {})).running.ended;
    const output = ending.status === "SUCCEEDED" ? asJson(ending.output) : {};
    expect(output["Error"]).toBe("DeviceOnlineError");
    expect(JSON.parse(String(output["Cause"]))).toMatchObject({ errorMessage: "Online" });
  });

  test("stands in for a Distributed Map, and begins nothing more once it is stopped", async () => {
    const batch = { Type: "Task", Resource: arn("works"), Next: "W" };
    const states = {
      M: {
        Type: "Map",
        MaxConcurrency: 1,
        ItemReader: { Resource: "arn:aws:states:::s3:getObject", Parameters: { Bucket: "b", "Key.$": "$.key" } },
        ItemSelector: { "item.$": "$$.Map.Item.Value" },
        ItemProcessor: {
          ProcessorConfig: { Mode: "DISTRIBUTED" },
          StartAt: "B",
          States: { B: batch, W: { Type: "Wait", Seconds: 20, End: true } },
        },
        End: true,
      },
    };
    const whole = await run(states, { key: "k" }, 0.001, { "b/k": "[1,2,3]" });
    expect((await whole.running.ended).status).toBe("SUCCEEDED");
    expect(whole.invoked).toEqual([1, 2, 3].map((item) => ["works", { item }]));
    const cut = await run(states, { key: "k" }, 1, { "b/k": "[1,2,3]" });
    await expect.poll(() => cut.invoked.length).toBe(1);
    cut.running.stop();
    expect(await cut.running.ended).toEqual({ status: "ABORTED" });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(cut.invoked).toHaveLength(1);
    const failing = { ...batch, Catch: [{ ErrorEquals: ["States.ALL"], ResultPath: "$.failure", Next: "F" }] };
    const fails = {
      M: {
        ...states.M,
        ItemProcessor: {
          ...states.M.ItemProcessor,
          States: {
            B: { ...failing, Resource: arn("fails"), End: true, Next: undefined },
            F: { Type: "Fail", ErrorPath: "$.failure.Error", Cause: "It broke off" },
          },
        },
      },
    };
    const broken = await run(fails, { key: "k" }, 0.001, { "b/k": "[1,2,3]" });
    expect(await broken.running.ended).toMatchObject({ status: "FAILED", error: "DeviceOnlineError" });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(broken.invoked).toEqual([["fails", { item: 1 }]]);
    const missing = await run(states, { key: "none" });
    expect(await missing.running.ended).toMatchObject({ status: "FAILED", error: "S3.NoSuchKey" });
  });
});
