import { mkdirSync, writeFileSync } from "node:fs";
import { toJSONSchema } from "zod/mini";
import { authenticateInput, authenticateOutput } from "../functions/authenticate.ts";
import { rekeyDeviceInput } from "../functions/decideNextStep.ts";
import { rekeyFleetInput } from "../functions/planFleet.ts";
import { refreshDeviceKeyInput, refreshDeviceKeyOutput } from "../functions/refreshDeviceKey.ts";
import {
  deviceStatus,
  healthStatus,
  serviceStatus,
  statusCheckInput,
  statusCheckOutput,
} from "../functions/statusCheck.ts";
import { deliveryAccepted, deliveryRefused, deliveryResult } from "../functions/ticketWebhook.ts";
import { errorNames, RekeyError, traitsOf } from "../shared/errors.ts";
import { problemOf } from "../shared/http/problem.ts";
import { sourceConfiguration } from "../shared/webhook/source.ts";

/**
 * The API's description, made of the schemas that validate: OpenAPI 3.1 for the HTTP routes, JSON Schemas for direct
 * invocations, workflows and the webhook sources. Part of the build, and of no bundle.
 */

const inputOf = (schema) => withoutDialect(toJSONSchema(schema, { io: "input", unrepresentable: "any" }));
const outputOf = (schema) => withoutDialect(toJSONSchema(schema, { io: "output", unrepresentable: "any" }));

function withoutDialect({ $schema: _, ...schema }) {
  return schema;
}

/** The members of an object schema that these names name, with no others allowed. */
function part(schema, names) {
  const properties = Object.fromEntries(names.map((name) => [name, schema.properties[name]]));
  const required = (schema.required ?? []).filter((name) => names.includes(name));
  return { type: "object", properties, ...(required.length === 0 ? {} : { required }), additionalProperties: false };
}

const refreshInput = inputOf(refreshDeviceKeyInput);
const header = (name, description, schema) => ({ name, in: "header", description, schema });
const appId = {
  name: "appId",
  in: "query",
  description: "The application that owns the device, when it is not ours",
  schema: refreshInput.properties.appId,
};
const deviceId = { name: "deviceId", in: "path", required: true, schema: refreshInput.properties.deviceId };
const accessToken = header(
  "X-Platform-Access-Token",
  "A token of the caller's own: used as it is, never renewed; absent: the shared session's",
  refreshInput.properties.accessToken,
);
const requestId = header("X-Request-Id", "Comes back in the answer and stands in every log line", { type: "string" });

const edge = ["InvalidInputError", "RouteNotFoundError", "MethodNotAllowedError"];
const body = ["PayloadTooLargeError", "UnsupportedMediaTypeError"];
const session = ["ConfigurationError", "SecretsUnavailableError", "RenewalLimitedError"];
const platform = ["PlatformThrottledError", "PlatformReplyError", "PlatformUnavailableError"];
const device = ["ApplicationNotAuthorizedError", "DeviceNotFoundError", "AccessTokenRejectedError"];
const change = [
  ...["NodeIdTakenError", "NodeIdChangedError", "DeviceNotActiveError", "DeviceOnlineError", "OutcomeUnknownError"],
];
const caller = [{ awsSignature: [] }, { jwt: [] }];

/** Every route that serverless.yml declares; a test compares the two. */
const operations = [
  {
    route: "PUT /devices/{deviceId}/key",
    operationId: "refreshDeviceKey",
    summary: "Re-keys one device: new hardware in the same place gets its verification code",
    parameters: [
      deviceId,
      appId,
      header(
        "Idempotency-Key",
        "With it a repeat asks for the very same code; quoted or bare",
        refreshInput.properties.idempotencyKey,
      ),
      accessToken,
    ],
    body: part(refreshInput, ["nodeId", "verifyCode", "timeout", "expectedNodeId"]),
    answers: { 200: ["The code that the new hardware needs, and until when", outputOf(refreshDeviceKeyOutput)] },
    errors: [...edge, ...body, ...session, ...platform, ...device, ...change],
    security: caller,
  },
  {
    route: "GET /devices/{deviceId}/status",
    operationId: "deviceStatus",
    summary: "Says whether a device can be re-keyed now, and if not why",
    parameters: [deviceId, appId, accessToken],
    answers: { 200: ["The device's state", outputOf(deviceStatus)] },
    errors: [...edge, ...session, ...platform, ...device],
    security: caller,
  },
  {
    route: "GET /status",
    operationId: "serviceStatus",
    summary: "Says whether the service can work; logs in nowhere",
    answers: {
      200: ["All is well", outputOf(serviceStatus)],
      503: ["Something does not work: its part says which error", outputOf(serviceStatus)],
    },
    errors: edge,
    security: caller,
  },
  {
    route: "GET /health",
    operationId: "health",
    summary: "Answers from the function alone",
    answers: { 200: ["It answers", outputOf(healthStatus)] },
    errors: ["MethodNotAllowedError"],
    security: [],
  },
  {
    route: "POST /authenticate",
    operationId: "authenticate",
    summary: "Hands out the application's current token, logging in only when there is none",
    body: part(inputOf(authenticateInput), ["renew", "includeToken"]),
    answers: { 200: ["Until when the token is valid, and on demand the token", outputOf(authenticateOutput)] },
    errors: [...edge, ...body, ...session, ...platform],
    security: caller,
  },
  {
    route: "POST /webhooks/{source}",
    operationId: "ticketWebhook",
    summary: "Takes a ticketing system's event; the sender's signature guards it",
    description: "Errors come with the status that the sender's preset asks for: see the README.",
    parameters: [{ name: "source", in: "path", required: true, schema: { type: "string" } }],
    body: { description: "The sender's own payload, signed as the sender signs" },
    answers: {
      200: [
        "For senders that read the answer: the code. For senders that must not see a refusal: why nothing came of it",
        { anyOf: [outputOf(deliveryResult), outputOf(deliveryRefused)] },
      ],
      202: ["Received; what comes of it is told on the ticket", outputOf(deliveryAccepted)],
      204: ["None of our business"],
    },
    errors: [
      "SignatureError",
      "PayloadTooLargeError",
      "InvalidInputError",
      ...session,
      ...platform,
      ...device,
      ...change,
    ],
    otherStatuses: true,
    security: [],
  },
];

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

function answer([description, schema]) {
  return {
    description,
    headers:
      schema === undefined
        ? answerHeaders
        : { ...answerHeaders, "Cache-Control": { $ref: "#/components/headers/Cache-Control" } },
    ...(schema === undefined ? {} : { content: { "application/json": { schema } } }),
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

function operationObject({
  operationId,
  summary,
  description,
  parameters = [],
  body: schema,
  answers,
  errors,
  otherStatuses,
  security,
}) {
  const refused = problems(errors);
  const own = Object.fromEntries(Object.entries(answers).map(([status, given]) => [status, answer(given)]));
  const other = {
    description: "Any error, with the status its sender needs",
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
  return {
    operationId,
    summary,
    ...(description === undefined ? {} : { description }),
    parameters: [...parameters, requestId],
    ...(schema === undefined ? {} : { requestBody: { content: { "application/json": { schema } } } }),
    responses: { ...refused, ...own, ...(otherStatuses ? { "4XX": other } : {}), "5XX": other },
    security,
  };
}

/** The document. @returns OpenAPI 3.1 */
export function openApi() {
  const paths = {};
  for (const { route, ...operation } of operations) {
    const [method, path] = route.split(" ");
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationObject(operation) };
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

/** JSON Schemas by file name, for editors and for whoever invokes directly. */
export function jsonSchemas() {
  return {
    "authenticate.input": inputOf(authenticateInput),
    "authenticate.output": outputOf(authenticateOutput),
    "refreshDeviceKey.input": refreshInput,
    "refreshDeviceKey.output": outputOf(refreshDeviceKeyOutput),
    "statusCheck.input": part(inputOf(statusCheckInput), ["deviceId", "appId", "accessToken"]),
    "statusCheck.output": outputOf(statusCheckOutput),
    "rekeyDevice.input": inputOf(rekeyDeviceInput),
    "rekeyFleet.input": inputOf(rekeyFleetInput),
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
