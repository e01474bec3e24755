import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counterNames, createMetrics } from "../../shared/runtime/metrics.ts";

const now = Date.UTC(2026, 10, 23, 18, 0, 0);

function metricsInto(lines: string[]) {
  return createMetrics({ write: (line) => lines.push(line), clock: { now: () => now }, stage: "test" });
}

interface Emf extends Record<string, unknown> {
  _aws: {
    Timestamp: number;
    CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string; Unit: string }[] }[];
  };
}

const parse = (line: string | undefined) => JSON.parse(line ?? "") as Emf;

describe("metrics", () => {
  test("an invocation is one line with its outcome, duration and counters", () => {
    const lines: string[] = [];
    const metrics = metricsInto(lines);

    metrics.count("PlatformCalls");
    metrics.count("PlatformCalls");
    metrics.count("Logins");
    metrics.flush({ operation: "refreshDeviceKey", outcome: "DeviceOnlineError", durationMs: 41, requestId: "r-1" });

    expect(lines).toHaveLength(1);
    expect(parse(lines[0])).toEqual({
      level: "INFO",
      message: "Invocation measured",
      requestId: "r-1",
      stage: "test",
      operation: "refreshDeviceKey",
      outcome: "DeviceOnlineError",
      Outcomes: 1,
      DurationMs: 41,
      PlatformCalls: 2,
      Logins: 1,
      _aws: {
        Timestamp: now,
        CloudWatchMetrics: [
          {
            Namespace: "Rekey",
            Dimensions: [
              ["stage", "operation", "outcome"],
              ["stage", "outcome"],
            ],
            Metrics: [{ Name: "Outcomes", Unit: "Count" }],
          },
          {
            Namespace: "Rekey",
            Dimensions: [["stage", "operation"]],
            Metrics: [{ Name: "DurationMs", Unit: "Milliseconds" }],
          },
          {
            Namespace: "Rekey",
            Dimensions: [["stage"]],
            Metrics: [
              { Name: "PlatformCalls", Unit: "Count" },
              { Name: "Logins", Unit: "Count" },
            ],
          },
        ],
      },
    });
  });

  test("the next invocation of the sandbox starts from zero", () => {
    const lines: string[] = [];
    const metrics = metricsInto(lines);
    metrics.count("Throttles");
    metrics.flush({ operation: "authenticate", outcome: "PlatformThrottledError", durationMs: 3 });

    metrics.flush({ operation: "authenticate", outcome: "ok", durationMs: 1 });

    const second = parse(lines[1]);
    expect(second).not.toHaveProperty("Throttles");
    expect(
      second._aws.CloudWatchMetrics.flatMap((directive) => directive.Metrics.map((metric) => metric.Name)),
    ).toEqual(["Outcomes", "DurationMs"]);
  });

  test("whatever is counted, every metric and dimension named has its value in the same line, on one line", () => {
    const counts = fc.array(fc.constantFrom(...counterNames), { maxLength: 30 });
    fc.assert(
      fc.property(counts, fc.string(), fc.nat(), (counted, requestId, durationMs) => {
        const lines: string[] = [];
        const metrics = metricsInto(lines);
        for (const name of counted) metrics.count(name);
        metrics.flush({ operation: "statusCheck", outcome: "ok", durationMs, requestId });

        const line = parse(lines[0]);
        expect(lines[0]).not.toContain("\n");
        for (const { Dimensions, Metrics } of line._aws.CloudWatchMetrics) {
          expect(Metrics.length).toBeGreaterThan(0);
          for (const dimension of Dimensions.flat()) expect(typeof line[dimension]).toBe("string");
          for (const { Name } of Metrics) expect(typeof line[Name]).toBe("number");
        }
        for (const name of counterNames) {
          const sum = counted.filter((counter) => counter === name).length;
          expect(line[name] ?? 0).toBe(sum);
        }
      }),
    );
  });
});
