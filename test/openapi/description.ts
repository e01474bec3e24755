import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

interface Response {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

/** An operation of the description. */
export interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Response>>;
  readonly security: readonly object[];
}

/** The description as the build wrote it. */
export interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

const file = fileURLToPath(new URL("../../dist/openapi.json", import.meta.url));

/** Reads `dist/openapi.json`. */
export function readDescription(): Description {
  return JSON.parse(readFileSync(file, "utf8")) as Description;
}

let loaded: { readonly description: Description; readonly ajv: Ajv2020 } | undefined;
const validators = new Map<object, ValidateFunction>();

/** @throws Error when an answer is not what the description says of its operation, or of routes that do not exist */
export function mustBeDescribed(
  method: string,
  path: string,
  { status, headers, json }: { readonly status: number; readonly headers: Headers; readonly json: unknown },
): void {
  if (loaded === undefined) {
    const description = readDescription();
    const ajv = new Ajv2020({ strict: false, validateFormats: false, unicodeRegExp: true });
    ajv.addSchema({ $id: "openapi", components: description.components });
    loaded = { description, ajv };
  }
  const said = `${method} ${path}: ${status} ${JSON.stringify(json)}`;
  const response = responseOf(loaded.description, method, path, status);
  if (response === undefined) throw new Error(`Not in the description: ${said}`);
  const missing = Object.keys(response.headers ?? {}).filter((name) => !headers.has(name));
  if (missing.length > 0) throw new Error(`Without ${missing.join(", ")}: ${said}`);
  const type = headers.get("content-type") ?? "";
  const schema = response.content?.[type]?.schema;
  if (schema === undefined) {
    if (response.content === undefined && json === undefined) return;
    throw new Error(`Of type ${type}, which is not in the description: ${said}`);
  }
  const validate =
    validators.get(schema) ?? loaded.ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')));
  validators.set(schema, validate);
  if (!validate(json)) throw new Error(`${loaded.ajv.errorsText(validate.errors)}: ${said}`);
}

function responseOf({ paths }: Description, method: string, path: string, status: number): Response | undefined {
  const template = Object.keys(paths).find((one) => new RegExp(`^${one.replace(/\{\w+\}/g, "[^/]+")}$`).test(path));
  const operation = template === undefined ? undefined : paths[template]?.[method.toLowerCase()];
  // What no route takes is answered as every route answers it.
  if (operation === undefined) return [404, 405].includes(status) ? problemOnly : undefined;
  return operation.responses[status] ?? operation.responses[`${Math.floor(status / 100)}XX`];
}

const problemOnly: Response = {
  headers: { "X-Request-Id": {} },
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
};
