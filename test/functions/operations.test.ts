import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { startSecretsEndpoint } from "../../local/secrets-endpoint/server.ts";
import { errorNames } from "../../shared/errors.ts";
import type { RouteDescription } from "../../shared/http/description.ts";
import { createHandler } from "../../shared/http/handler.ts";
import { readConfig } from "../../shared/runtime/config.ts";
import { operations, ownRoutes } from "../operations.ts";
import { SimulatedTime } from "../simulation/time.ts";
import { countersOf, invocationBy } from "./world.ts";

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The function of an operation that must not come to its work: whatever dependency it touches is a failure. */
function functionOf(name: string, touched: string[]) {
  const operation = operations.get(name) ?? expect.fail(`No operation ${name}`);
  const clock = new SimulatedTime().clock();
  const { log } = invocationBy(clock).invocation;
  const dependencies = new Proxy(
    {},
    {
      get(_, property) {
        touched.push(String(property));
        throw new Error(`${String(property)} was touched`);
      },
    },
  );
  const otherRoutes = ownRoutes.filter((route) => route.name !== name).map(({ key }) => key);
  return createHandler(operation, { name, dependencies, otherRoutes, clock, log, metrics: countersOf() });
}

function requestFor(key: string, path: string, method = key.split(" ")[0]) {
  const event = { version: "2.0", routeKey: key, rawPath: path, headers: {}, isBase64Encoded: false };
  return { ...event, requestContext: { http: { method } }, pathParameters: { deviceId: "d", source: "s" } };
}

const pathOf = (key: string) => (key.split(" ")[1] ?? "").replaceAll(/\{\w+\}/g, "x");

describe.each([...operations.keys()])("%s", (name) => {
  test("has tests of its own", () => {
    expect(existsSync(file(`test/functions/${name}.test.ts`))).toBe(true);
  });

  test("is made of what its sandbox offers, and asks nobody for anything before it is invoked", () => {
    const operation = operations.get(name) ?? expect.fail(`No operation ${name}`);
    const clock = new SimulatedTime().clock();
    const read: string[] = [];
    const never = (id: string) => {
      read.push(id);
      return Promise.reject(new Error("Nobody is invoked"));
    };
    const dependencies = operation.dependencies({
      ...{ config: readConfig({ REKEY_FLEET_BUCKET: "fleet", REKEY_WORKFLOW_ARN: "arn:aws:states:x" }), clock },
      ...{ log: invocationBy(clock).invocation.log, metrics: countersOf() },
      secrets: { read: never, write: never, moveLabel: never, labels: never },
    });
    expect(Object.values(dependencies as object).length).toBeGreaterThan(0);
    expect(Object.values(dependencies as object)).not.toContain(undefined);
    expect(read).toEqual([]);
  });

  test("describes each of its routes: what it is for, what it answers, which errors come", async () => {
    const { descriptions } = (await import(`../../functions/${name}.ts`)) as {
      descriptions?: () => Record<string, RouteDescription>;
    };
    const said = descriptions?.() ?? {};
    expect(Object.keys(said)).toEqual(Object.keys(operations.get(name)?.routes ?? {}));
    for (const { operationId, summary, answers, errors } of Object.values(said)) {
      expect(operationId).toMatch(/^[a-z]\w+$/);
      expect(summary).toMatch(/^[A-Z].{10,}/);
      expect(Object.keys(answers).length).toBeGreaterThan(0);
      for (const [words] of Object.values(answers)) expect(words).toMatch(/^[A-Z]/);
      expect(errors.length).toBeGreaterThan(0);
      for (const error of errors) expect(errorNames).toContain(error);
    }
  });

  test("answers no route of another's, no other method and no other path, and touches nothing for it", async () => {
    const touched: string[] = [];
    const handler = functionOf(name, touched);
    const own = ownRoutes.filter((route) => route.name === name);
    const strange = [
      ...ownRoutes.filter((route) => route.name !== name).map(({ key }) => requestFor(key, pathOf(key))),
      ...own.flatMap(({ key }) => [
        requestFor(key, pathOf(key), "DELETE"),
        requestFor(key, "/nowhere"),
        requestFor("$default", pathOf(key)),
      ]),
      requestFor("$default", "/nowhere", "GET"),
    ];
    for (const event of strange) {
      const answer = (await handler(event, {} as never)) as { statusCode: number; body: string };
      expect([404, 405]).toContain(answer.statusCode);
      expect(JSON.parse(answer.body)).toMatchObject({ status: answer.statusCode, retryable: false });
    }
    expect(touched).toEqual([]);
  });

  test("refuses an input of nothing it knows before it touches anything", async () => {
    const touched: string[] = [];
    const refused = functionOf(name, touched)({ "no such field": 1 }, {} as never);
    await expect(refused).rejects.toMatchObject({ name: "InvalidInputError" });
    expect(touched).toEqual([]);
  });
});

test("importing every operation, in a shell with credentials, asks nobody for anything", async () => {
  const store = await startSecretsEndpoint({ secrets: { application: "{}", session: "{}", webhooks: "{}" } });
  const script = `
    for (const name of ${JSON.stringify([...operations.keys()])}) await import(\`${file("functions")}/\${name}.ts\`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    console.log(process.getActiveResourcesInfo().filter((kind) => kind !== "PipeWrap" && kind !== "TTYWrap").join());
  `;
  const environment = {
    ...{ REKEY_SECRET_ID: "application", REKEY_SESSION_SECRET_ID: "session", REKEY_WEBHOOKS_SECRET_ID: "webhooks" },
    ...{ AWS_ENDPOINT_URL: store.url, AWS_REGION: "eu-central-1", REKEY_FLEET_BUCKET: "fleet" },
    ...{ AWS_ACCESS_KEY_ID: "AKIDLOCALTEST", AWS_SECRET_ACCESS_KEY: "x", REKEY_WORKFLOW_ARN: "arn:aws:states:x" },
  };
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    env: environment,
  });
  expect(stdout.trim()).toBe("");
  expect(store.counters.calls()).toBe(0);
  await store.close();
});
