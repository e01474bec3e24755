import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { errorNames, isErrorName } from "../../shared/errors.ts";
import { counterNames, metricsNamespace } from "../../shared/runtime/metrics.ts";
import { ofType, type Packaged, packageService } from "./packaging.ts";

let iam: Packaged;

beforeAll(async () => {
  iam = await packageService();
}, 60_000);

describe("alarms and workflows", () => {
  test("an alarm on an outcome names an error of the family, one on a counter a counter", () => {
    const alarms = ofType(iam, "AWS::CloudWatch::Alarm").map(([, { Properties }]) => Properties);
    expect(alarms.length).toBeGreaterThan(10);
    for (const alarm of alarms.filter(({ Namespace }) => Namespace === metricsNamespace)) {
      const dimensions = Object.fromEntries(
        (alarm["Dimensions"] as { Name: string; Value: string }[]).map(({ Name, Value }) => [Name, Value]),
      );
      expect(dimensions["stage"]).toBe("dev");
      if (alarm["MetricName"] === "Outcomes")
        expect([...errorNames, "UnexpectedError"]).toContain(dimensions["outcome"]);
      else expect(counterNames).toContain(alarm["MetricName"]);
    }
  });

  test("every alarm is explained on the operations page", async () => {
    const page = await readFile(join(import.meta.dirname, "../../docs/OPERATIONS.md"), "utf8");
    const missing = ofType(iam, "AWS::CloudWatch::Alarm").filter(([id]) => !page.includes(id.replace(/Alarm$/, "")));
    expect(missing.map(([id]) => id)).toEqual([]);
  });

  test("the dashboard is JSON", () => {
    const [, dashboard] = ofType(iam, "AWS::CloudWatch::Dashboard")[0] ?? [];
    const body = dashboard?.Properties["DashboardBody"] as { "Fn::Sub": string } | undefined;
    expect(JSON.parse(body?.["Fn::Sub"] ?? "")).toHaveProperty("widgets");
  });

  test("a workflow retries and catches only errors that exist", async () => {
    const folder = join(import.meta.dirname, "../../functions");
    for (const file of (await readdir(folder)).filter((name) => name.endsWith(".asl.json"))) {
      const text = await readFile(join(folder, file), "utf8");
      const named = [...text.matchAll(/"ErrorEquals"\s*:\s*\[([^\]]*)\]/g)].flatMap(
        (match) => JSON.parse(`[${match[1]}]`) as string[],
      );
      expect(named.length, file).toBeGreaterThan(0);
      const foreign = /^(States|Lambda|Runtime|Sandbox|StepFunctions|S3|SecretsManager)\./;
      expect(named.filter((name) => !foreign.test(name) && !isErrorName(name))).toEqual([]);
    }
  });
});
