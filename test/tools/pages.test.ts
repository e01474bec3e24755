import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Listener, listen } from "../../local/listener.ts";
import { type Cloud, openCloud } from "../../tools/fleet-cloud.ts";
import { clientsOf, workflowArn } from "../../tools/verify/deployment.ts";
import { settingsOf } from "../../tools/verify/settings.ts";

// An account with so many workflows and executions that Step Functions answers in pages.

const arn = (name: string) => `arn:aws:states:eu-central-1:123456789012:stateMachine:${name}`;
let stepFunctions: Listener;
let cloud: Cloud;
let running: string[];

const answers: Record<string, (asked: { name?: string; nextToken?: string }) => object> = {
  StartExecution: ({ name = "" }) => {
    running.push(name);
    return { executionArn: `execution:${name}`, startDate: 0 };
  },
  ListExecutions: ({ nextToken }) => page("executions", running, nextToken, "executionArn"),
  ListStateMachines: ({ nextToken }) =>
    page("stateMachines", ["theirs", "others", "rekey-prod-rekeyDevice"], nextToken, "stateMachineArn"),
};

/** One name a page. */
function page(what: string, names: readonly string[], token = "0", arnName: string): object {
  const at = Number(token);
  const shown = names.slice(at, at + 1).map((name) => ({ name, [arnName]: `execution:${name}` }));
  return { [what]: shown, ...(at + 1 < names.length && { nextToken: String(at + 1) }) };
}

beforeEach(async () => {
  running = [];
  stepFunctions = await listen((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body = body.concat(String(chunk))));
    request.once("end", () => {
      const [, operation = ""] = String(request.headers["x-amz-target"]).split(".");
      const text = JSON.stringify(answers[operation]?.(JSON.parse(body)) ?? { __type: "UnknownOperationException" });
      response.writeHead(200, { "content-type": "application/x-amz-json-1.0" }).end(text);
    });
  });
  vi.stubEnv("AWS_ENDPOINT_URL_SFN", stepFunctions.url);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDTEST");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
  cloud = openCloud("fleets", arn("rekey-prod-rekeyFleet"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await stepFunctions.down();
});

test("a run's execution is found behind others, and is not taken for that of a run with a longer name", async () => {
  for (const run of ["june-2", "june--1", "july", "june"]) await cloud.start(run, {});
  for (const run of ["june", "june-2", "june--1", "july"]) {
    expect(await cloud.running(run)).toMatch(new RegExp(`^execution:${run}--\\d+$`));
  }
  expect(await cloud.running("jun")).toBeUndefined();
});

test("runs whose names have 64 letters in common are told apart, and names that long make executions", async () => {
  const [one, other] = [`${"a".repeat(79)}1`, `${"a".repeat(79)}2`];
  const [first, second] = [await cloud.start(one, {}), await cloud.start(other, {})];
  expect([await cloud.running(one), await cloud.running(other)]).toEqual([first, second]);
  expect(first).not.toBe(second);
  expect(await cloud.running("a".repeat(64))).toBeUndefined();
  for (const name of running) expect(name).toMatch(/^[A-Za-z0-9_-]{1,80}$/);
});

test("verify finds a workflow behind others", async () => {
  const settings = settingsOf(["--stage=prod", "--region=eu-central-1", `--endpoint=${stepFunctions.url}`]);
  if (settings === undefined) return expect.fail("Help was not asked for");
  const deployment = { settings, clients: clientsOf(settings), outputs: new Map<string, string>(), nonce: "n" };
  expect(await workflowArn(deployment, "rekeyDevice")).toBe("execution:rekey-prod-rekeyDevice");
  await expect(workflowArn(deployment, "rekeyFleet")).rejects.toThrow(
    "There is no state machine rekey-prod-rekeyFleet",
  );
});
