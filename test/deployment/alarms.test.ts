import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { errorNames, isErrorName, traitsOf } from "../../shared/errors.ts";
import { counterNames, metricsNamespace } from "../../shared/runtime/metrics.ts";
import { ofType, type Packaged, packageService } from "./packaging.ts";

let iam: Packaged;

beforeAll(async () => {
  iam = await packageService();
});

interface Rule {
  readonly ErrorEquals: readonly string[];
}
interface State {
  readonly Retry?: readonly Rule[];
}

/** A state of a definition, however deep it stands. */
async function stateOf(definition: string, name: string): Promise<State> {
  const file = join(import.meta.dirname, `../../functions/${definition}.asl.json`);
  let found: State | undefined;
  JSON.parse(await readFile(file, "utf8"), (key, value: State) => {
    if (key === name && typeof value === "object") found = value;
    return value;
  });
  return found ?? expect.fail(`${definition} has no state ${name}`);
}

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

  test("an outage has an alarm of its own; what passes with the device or the call does not wake anybody at once", () => {
    const alarms = ofType(iam, "AWS::CloudWatch::Alarm").flatMap(([, { Properties }]) => {
      const dimensions = (Properties["Dimensions"] ?? []) as { Name: string; Value: string }[];
      const outcome = dimensions.find(({ Name }) => Name === "outcome")?.Value ?? "";
      return isErrorName(outcome) ? [{ outcome, threshold: Number(Properties["Threshold"]) }] : [];
    });
    // One ends an invocation only after the refusal was counted by itself, which TokenRefused looks at.
    const counted = "AccessTokenRejectedError";
    const outages = errorNames.filter((name) => traitsOf(name).passing === "outage" && name !== counted);
    expect(alarms.map(({ outcome }) => outcome)).toEqual(expect.arrayContaining(outages));
    for (const { outcome, threshold } of alarms) {
      const { passing } = traitsOf(outcome);
      expect(passing).not.toBe("device");
      if (passing === "call") expect(threshold).toBeGreaterThan(1);
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

  test("a batch repeats an outage by its error's trait", async () => {
    const { Retry = [] } = await stateOf("rekeyFleet", "Batch");
    // One ends an invocation only after the refusal was counted by itself, which TokenRefused looks at.
    const counted = "AccessTokenRejectedError";
    const outages = errorNames.filter((name) => traitsOf(name).passing === "outage" && name !== counted);
    const repeated = Retry.flatMap(({ ErrorEquals }) => ErrorEquals);
    expect(repeated).toEqual(expect.arrayContaining(outages));
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
