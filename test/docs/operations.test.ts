import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

// The runbook, as far as it can be checked without an account: what it names must exist, and be named once.

const repository = fileURLToPath(new URL("../../", import.meta.url));
const textOf = (path: string) => readFileSync(`${repository}${path}`, "utf8");
const page = textOf("docs/OPERATIONS.md");
const blocks = [...page.matchAll(/^( *)```(\w*)\n(.*?)^\1```/gms)].map(([, , language = "", text = ""]) => ({
  language,
  text,
}));
const commands = blocks.filter(({ language }) => language === "sh").map(({ text }) => text);
const queries = blocks.filter(({ language, text }) => language === "" && /\| (sort|stats)/.test(text));
const setOnce = [commands[0] ?? "", commands.at(-1) ?? ""];
const sources = ["functions", "shared"].flatMap((folder) =>
  readdirSync(`${repository}${folder}`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => textOf(`${folder}/${name}`)),
);

test("the runbook has commands and queries", () => {
  expect(commands.length).toBeGreaterThan(25);
  expect(queries).toHaveLength(8);
});

test.each(commands.map((text) => [text.trim().split("\n")[0] ?? "", text]))("a shell can read: %s", (_, text) => {
  const { status, stderr } = spawnSync("bash", ["-n"], { input: text, encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
});

test("the stage and the region are set once, and no command names its own", () => {
  for (const text of commands.filter((one) => !setOnce.includes(one))) {
    expect(text).not.toMatch(/rekey[-/](dev|prod|local)\b|--region|eu-central-1/);
  }
  const stages = commands.flatMap((text) => [...text.matchAll(/npx serverless (?:deploy|remove|package|rollback).*/g)]);
  for (const [command] of stages) expect(command).toContain('--stage "$STAGE"');
});

test.each(queries.map(({ text }) => [text.trim().split("\n")[0] ?? "", text]))(
  "%s asks for fields that lines have",
  (_, text) => {
    const words = text.replace(/"[^"]*"|\/[^/\n]*\//g, " ").match(/@?[A-Za-z][A-Za-z0-9_]*/g) ?? [];
    const language =
      /^(fields|filter|stats|sort|limit|asc|desc|by|as|and|or|not|in|like|ispresent|count|sum|pct|bin|coalesce|\d*[hm])$/;
    const named = words.filter((word) => !language.test(word) && !word.startsWith("@"));
    const made = [...text.matchAll(/ as (\w+)/g)].map(([, name]) => name);
    // Of the gateway's own log.
    const gateway = Object.keys(
      JSON.parse(
        textOf("serverless.yml")
          .match(/format: >-\n(.*?)\n {2}\w/s)?.[1]
          ?.replaceAll("\n", "") ?? "{}",
      ),
    );
    const unknown = named.filter(
      (name) => !made.includes(name) && !gateway.includes(name) && !sources.some((source) => source.includes(name)),
    );
    expect(unknown).toEqual([]);
  },
);

test("every link within the page leads to one of its headings", () => {
  const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );
  const links = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter((anchor) => !anchors.includes(anchor ?? ""))).toEqual([]);
});

test("every parameter is in the table", () => {
  const { params } = parse(textOf("serverless.yml"), { logLevel: "error" }) as { params: { default: object } };
  const table = page.slice(page.indexOf("| parameter | default"), page.indexOf("### The application secret"));
  expect(Object.keys(params.default).filter((name) => !table.includes(`\`${name}\``))).toEqual([]);
});

describe("the operator's policy", () => {
  const policy = JSON.parse(textOf("deploy/operator-policy.json")) as {
    Statement: { Sid: string; Action: string[]; Resource: string | string[] }[];
  };
  const prefixes: Record<string, string> = {
    ...{ "AWS::SecretsManager": "secretsmanager", "AWS::SQS": "sqs", "AWS::SNS": "sns", "AWS::Events": "events" },
    ...{ "AWS::CloudWatch": "cloudwatch", "AWS::StepFunctions": "states", "AWS::S3": "s3", "AWS::Logs": "logs" },
    ...{ "AWS::IAM": "iam" },
  };

  test("speaks of every service that the stack has something of", () => {
    const files = readdirSync(`${repository}deploy`).filter((name) => name.endsWith(".yml"));
    const types = files.flatMap((name) =>
      [...textOf(`deploy/${name}`).matchAll(/Type: (AWS::\w+)::/g)].map(([, type = ""]) => type),
    );
    const needed = new Set([...types.map((type) => prefixes[type] ?? type), "cloudformation", "lambda", "apigateway"]);
    const allowed = new Set(policy.Statement.flatMap(({ Action }) => Action.map((action) => action.split(":")[0])));
    expect([...needed].filter((service) => !allowed.has(service))).toEqual([]);
  });

  test("is bound to one stage wherever AWS knows names", () => {
    const open = policy.Statement.filter(({ Resource }) => !JSON.stringify(Resource).includes("STAGE")).map(
      ({ Sid }) => Sid,
    );
    expect(open.sort()).toEqual(["Api", "Calls", "LogDelivery", "Network", "RoleOfHttpApiLogs", "Templates"]);
  });
});
