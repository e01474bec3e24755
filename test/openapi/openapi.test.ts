import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { routesOf } from "../../local/routes.ts";
import { senders } from "../../local/ticket-desk/senders.ts";
import { errorNames } from "../../shared/errors.ts";
import { readDescription } from "./description.ts";

const description = readDescription();
const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, operation })),
);

describe("dist/openapi.json", () => {
  test("is OpenAPI 3.1", async () => {
    const result = await new Validator().validate(file("dist/openapi.json"));
    expect(result).toMatchObject({ valid: true });
  });

  test("has the routes of serverless.yml, no more and no fewer, and as open as they are", async () => {
    const routes = (await routesOf(file("serverless.yml"))).filter(({ routeKey }) => routeKey !== "$default");
    const declared = routes.map(({ routeKey, authorized }) => [routeKey, authorized]).sort();
    expect(operations.map(({ route, operation }) => [route, operation.security.length > 0]).sort()).toEqual(declared);
  });

  test("gives an example for every error that HTTP can answer, under its own status", () => {
    const internal = ["NoteFailedError", "RunTakenOverError", "StoreUnavailableError"];
    const examples = operations.flatMap(({ operation }) =>
      Object.entries(operation.responses).flatMap(([status, { content }]) => {
        const { examples: named = {} } = (content?.["application/problem+json"] ?? {}) as {
          examples?: Record<string, { value: { status: number } }>;
        };
        return Object.entries(named).map(([name, { value }]) => {
          expect([name, String(value.status)]).toEqual([name, status]);
          return name;
        });
      }),
    );
    expect([...new Set(examples)].sort()).toEqual(errorNames.filter((name) => !internal.includes(name)).sort());
  });
});

describe("dist/schemas", () => {
  const schemas = readdirSync(file("dist/schemas"));
  const compile = (name: string) =>
    new Ajv2020({ strict: false, unicodeRegExp: true }).compile(
      JSON.parse(readFileSync(file(`dist/schemas/${name}`), "utf8")),
    );

  test.each(schemas)("%s is a JSON Schema", (name) => {
    expect(compile(name)).toBeTypeOf("function");
  });

  test("knows every preset's configuration, and a misspelt field", () => {
    const validate = compile("webhooks.secret.json");
    const sources = Object.fromEntries(
      Object.values(senders).map(({ source, configuration }) => [source, configuration]),
    );
    expect([validate(sources), validate.errors]).toEqual([true, null]);
    expect(validate({ desk: { preset: "jira", fields: { deviceid: "a" } } })).toBe(false);
  });
});
