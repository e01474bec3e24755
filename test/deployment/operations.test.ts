import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { functionsOf } from "../../local/deployed.ts";
import { routesOf } from "../../local/routes.ts";
import { operations, ownRoutes } from "../operations.ts";

// What serverless.yml says of a function, and what the function's own operation says.

const serverless = fileURLToPath(new URL("../../serverless.yml", import.meta.url));
const deployed = await functionsOf(serverless, "dist");
const routes = await routesOf(serverless);

test("every operation is deployed, and nothing else is", () => {
  expect(Object.keys(deployed).sort()).toEqual([...operations.keys()].sort());
});

test("the gateway has the operations' routes, leads each to its own, and lets everybody in where the route is open", () => {
  const declared = routes
    .filter(({ routeKey }) => routeKey !== "$default")
    .map(({ routeKey, functionName, authorized }) => ({ key: routeKey, name: functionName, open: !authorized }));
  const own = ownRoutes.map(({ key, name, open = false }) => ({ key, name, open }));
  const byKey = (one: { key: string }, other: { key: string }) => (one.key < other.key ? -1 : 1);
  expect(declared.sort(byKey)).toEqual(own.sort(byKey));
});

test("what the gateway has no route for leads to the one operation that answers it", () => {
  const fallback = routes.filter(({ routeKey }) => routeKey === "$default").map(({ functionName }) => functionName);
  expect(fallback).toEqual([...operations].flatMap(([name, { isDefault }]) => (isDefault ? [name] : [])));
});

test.each([...operations])("%s may touch the secrets that it names, and no other", (name, { secrets = [] }) => {
  const grants = {
    secretId: "applicationSecret",
    sessionSecretId: "sessionSecret",
    webhooksSecretId: "webhooksSecret",
  };
  const granted = deployed[name]?.grants.filter((grant) => grant.endsWith("Secret")) ?? [];
  expect([...granted].sort()).toEqual(secrets.map((secret) => grants[secret]).sort());
});

test.each([...operations])("%s may touch the bucket only if it works on it", (name, { usesBucket = false }) => {
  expect(deployed[name]?.grants.includes("fleetBucket")).toBe(usesBucket);
});
