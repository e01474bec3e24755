import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import type { LocalFunction } from "./lambda.ts";

/** The secrets that a function may be granted, by the names that serverless.yml gives them. */
export const grantNames = ["applicationSecret", "sessionSecret", "webhooksSecret"] as const;

/** One of {@link grantNames}. */
export type GrantName = (typeof grantNames)[number];

/** A function as serverless.yml declares it, as far as it matters here. */
export interface DeployedFunction extends LocalFunction {
  /** Secrets that its role may touch. */
  readonly grants: readonly string[];
  /** Names of the environment variables that it is given, the provider's included. */
  readonly variables: readonly string[];
}

/**
 * The functions of a serverless.yml, with their bundles in a folder.
 *
 * @param folder what replaces `dist` in `handler: dist/<function>.handler`
 */
export async function functionsOf(serverlessFile: string, folder: string): Promise<Record<string, DeployedFunction>> {
  const root = asRecord(parse(await readFile(serverlessFile, "utf8"), { logLevel: "error" }));
  const provider = asRecord(root["provider"]);
  const entries = Object.entries(asRecord(root["functions"])).map(([name, declared]): [string, DeployedFunction] => {
    const settings = { ...provider, ...asRecord(declared) };
    const [, file = name, handler = "handler"] = /([^/]+)\.([^.]+)$/.exec(String(settings["handler"])) ?? [];
    const grants: unknown = settings["grants"];
    return [
      name,
      {
        bundle: join(folder, `${file}.mjs`),
        handler,
        timeoutSeconds: Number(settings["timeout"] ?? 6),
        memoryMegabytes: Number(settings["memorySize"] ?? 1024),
        grants: Array.isArray(grants) ? grants.map(String) : [],
        variables: [asRecord(provider["environment"]), asRecord(asRecord(declared)["environment"])].flatMap(
          Object.keys,
        ),
      },
    ];
  });
  return Object.fromEntries(entries);
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
