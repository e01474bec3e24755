import { mkdirSync, writeFileSync } from "node:fs";
import { toJSONSchema } from "zod/mini";
import { errorNames, RekeyError, traitsOf } from "../shared/errors.ts";
import { problemOf } from "../shared/http/problem.ts";
import { pathParameters } from "../shared/http/route-input.ts";
import { sourceConfiguration } from "../shared/webhook/source.ts";
import { modules, operations, routes } from "./operations.mjs";

/**
 * The API's description, made of the schemas that validate: OpenAPI 3.1 for the HTTP routes, JSON Schemas for direct
 * invocations, workflows and the webhook sources. Part of the build, and of no bundle.
 */

const inputOf = (schema) => withoutDialect(toJSONSchema(schema, { io: "input", unrepresentable: "any" }));
const outputOf = (schema) => withoutDialect(toJSONSchema(schema, { io: "output", unrepresentable: "any" }));

function withoutDialect({ $schema: _, ...schema }) {
  return schema;
}

/** The schema of one field of an input. */
function fieldOf(input, name) {
  const field = input.properties[name];
  if (field === undefined) throw new Error(`The input has no field "${name}"`);
  return field;
}

/** The members of an object schema that these names name, with no others allowed. */
function part(schema, names) {
  const properties = Object.fromEntries(names.map((name) => [name, fieldOf(schema, name)]));
  const required = (schema.required ?? []).filter((name) => names.includes(name));
  return { type: "object", properties, ...(required.length === 0 ? {} : { required }), additionalProperties: false };
}

const caller = [{ awsSignature: [] }, { jwt: [] }];
const requestId = {
  ...{ name: "X-Request-Id", in: "header", schema: { type: "string" } },
  description: "Comes back in the answer and stands in every log line",
};

/** What a field is for, where its name does not say it. */
const meanings = {
  appId: "The application that owns the device, when it is not ours",
  accessToken: "A token of the caller's own: used as it is, never renewed; absent: the shared session's",
  idempotencyKey: "With it a repeat asks for the very same code; quoted or bare",
};

/** A route's parameters, each with the schema of its field. */
function parametersOf(key, parts, input) {
  const parameter = (field, name, where) => ({
    ...{ name, in: where, ...(where === "path" ? { required: true } : {}) },
    ...(meanings[field] === undefined ? {} : { description: meanings[field] }),
    schema: isWhole(parts) ? { type: "string" } : fieldOf(input, field),
  });
  return [
    ...pathParameters(key).map((field) => parameter(field, field, "path")),
    ...parts
      .filter((part) => part.in === "query" || part.in === "header")
      .flatMap((part) => part.fields.map((field) => parameter(field, part.name ?? field, part.in))),
  ];
}

/** Whether a route makes its input of the request as a whole: then no field of it stands in one place. */
const isWhole = (parts) => parts.some((part) => part.in === "request");

const problem = {
  type: "object",
  description: "RFC 9457",
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string", enum: [...errorNames, "InternalError"] },
    platformCode: { type: "string" },
    retryable: { type: "boolean", description: "The same request may succeed later with nothing changed in it" },
    advice: { type: "string" },
    requestId: { type: "string" },
    errors: {
      type: "array",
      description: "Every fault of the input",
      items: {
        type: "object",
        properties: { path: { type: "string" }, message: { type: "string" } },
        required: ["path", "message"],
        additionalProperties: false,
      },
    },
  },
  required: ["type", "title", "status", "detail", "code", "retryable", "advice", "requestId"],
  additionalProperties: false,
};

const answerHeaders = { "X-Request-Id": { $ref: "#/components/headers/X-Request-Id" } };

function answer(description, schemas) {
  if (schemas.length === 0) return { description, headers: answerHeaders };
  const [schema] = schemas.length === 1 ? schemas.map(outputOf) : [{ anyOf: schemas.map(outputOf) }];
  return {
    description,
    headers: { ...answerHeaders, "Cache-Control": { $ref: "#/components/headers/Cache-Control" } },
    content: { "application/json": { schema } },
  };
}

/** The problem responses of an operation by status, each name with an example. */
function problems(names) {
  const byStatus = Object.groupBy([...new Set(names)], (name) => traitsOf(name).status);
  // A token of the caller's own is refused with a status of its own; a ticketing system brings none.
  if (names.includes("AccessTokenRejectedError") && byStatus[401] === undefined)
    byStatus[401] = ["AccessTokenRejectedError"];
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, group]) => [status, problemResponse(Number(status), group)]),
  );
}

function problemResponse(status, names) {
  const examples = names.map((name) => {
    const { title, retryable } = traitsOf(name);
    const own = name === "AccessTokenRejectedError" && status === 401;
    const error = new RekeyError(name, title, { status, retryable: own ? false : retryable });
    return [name, { summary: title, value: problemOf(error, "c6af9ac6-7b61-11e6-9a41-93e8deadbeef") }];
  });
  const retryAfter =
    status === 429 || status === 503 ? { "Retry-After": { $ref: "#/components/headers/Retry-After" } } : {};
  const allow = status === 405 ? { Allow: { $ref: "#/components/headers/Allow" } } : {};
  return {
    description: names.map((name) => `${name}: ${traitsOf(name).title}`).join("; "),
    headers: { ...answerHeaders, ...retryAfter, ...allow },
    content: {
      "application/problem+json": {
        schema: { $ref: "#/components/schemas/Problem" },
        examples: Object.fromEntries(examples),
      },
    },
  };
}

/** What the description says of a route: what its operation says, and what its operation's file says for readers. */
function operationObject(key, operation, said) {
  const { takes = [], open } = operation.routes[key];
  const input = inputOf(operation.input);
  const { operationId, summary, description, answers, errors, otherStatuses } = said;
  const own = Object.entries(answers).map(([status, [words, ...schemas]]) => [status, answer(words, schemas)]);
  const other = {
    description: "Any error, with the status its sender needs",
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
  const body = bodyOf(key, takes, input);
  return {
    operationId,
    summary,
    ...(description === undefined ? {} : { description }),
    parameters: [...parametersOf(key, takes, input), requestId],
    ...(body === undefined ? {} : { requestBody: { content: { "application/json": { schema: body } } } }),
    responses: {
      ...problems(errors),
      ...Object.fromEntries(own),
      ...(otherStatuses ? { "4XX": other } : {}),
      "5XX": other,
    },
    security: open ? [] : caller,
  };
}

/** The schema of what a route takes as its body; undefined where it takes none. */
function bodyOf(key, parts, input) {
  const body = parts.find((part) => part.in === "body");
  if (body !== undefined) return part(input, body.fields);
  return isWhole(parts) && !key.startsWith("GET ") ? { description: "As the sender writes it" } : undefined;
}

/** The document. @returns OpenAPI 3.1 */
export function openApi() {
  const paths = {};
  for (const { key, name } of routes) {
    const said = modules.get(name).descriptions?.()[key];
    if (said === undefined) throw new Error(`functions/${name}.ts does not describe its route ${key}`);
    const [method, path] = key.split(" ");
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationObject(key, operations.get(name), said) };
  }
  const text = { schema: { type: "string" } };
  return {
    openapi: "3.1.1",
    info: {
      title: "Rekey",
      version: "0.1.0",
      summary: "Gives a replaced IoT device its new verification code",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: { Problem: problem },
      headers: {
        "X-Request-Id": { ...text, description: "The caller's, when it is sane, else ours" },
        "Cache-Control": { ...text, description: "`no-store`" },
        "Retry-After": { schema: { type: "integer" }, description: "Seconds" },
        Allow: { ...text, description: "The methods that the route takes" },
      },
      securitySchemes: {
        awsSignature: {
          type: "apiKey",
          in: "header",
          name: "Authorization",
          description: "AWS Signature Version 4, service execute-api",
        },
        jwt: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
      },
    },
  };
}

/** What a direct invocation of an operation takes and gives; what a route alone sets is nothing to be sent. */
function directly(name) {
  const { input, output } = operations.get(name);
  const taken = inputOf(input);
  const names = Object.keys(taken.properties).filter((field) => field !== "health");
  return [
    [`${name}.input`, part(taken, names)],
    [`${name}.output`, outputOf(output)],
  ];
}

/** JSON Schemas by file name, for editors and for whoever invokes directly. */
export function jsonSchemas() {
  return {
    ...Object.fromEntries(["authenticate", "refreshDeviceKey", "statusCheck"].flatMap(directly)),
    "rekeyDevice.input": inputOf(modules.get("decideNextStep").rekeyDeviceInput),
    "rekeyFleet.input": inputOf(modules.get("planFleet").rekeyFleetInput),
    "webhooks.secret": { type: "object", additionalProperties: inputOf(sourceConfiguration) },
  };
}

/** Writes both into a folder. */
export function writeDescriptions(folder) {
  mkdirSync(`${folder}/schemas`, { recursive: true });
  writeFileSync(`${folder}/openapi.json`, `${JSON.stringify(openApi(), null, 2)}\n`);
  for (const [name, schema] of Object.entries(jsonSchemas())) {
    const dialect = { $schema: "https://json-schema.org/draft/2020-12/schema" };
    writeFileSync(`${folder}/schemas/${name}.json`, `${JSON.stringify({ ...dialect, ...schema }, null, 2)}\n`);
  }
}
