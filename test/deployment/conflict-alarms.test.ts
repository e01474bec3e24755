import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { RekeyError } from "../../shared/errors.ts";
import { createSession } from "../../shared/platform/session.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { createMetrics, type InvocationOutcome } from "../../shared/runtime/metrics.ts";
import { createSecrets } from "../../shared/runtime/secrets.ts";
import { createWorld, secretId } from "../platform/stored-session.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

interface Alarm {
  readonly MetricName: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
  readonly Period: number;
  readonly EvaluationPeriods: number;
  readonly DatapointsToAlarm?: number;
  readonly Threshold: number;
}

const file = await readFile(new URL("../../deploy/alarms.yml", import.meta.url), "utf8");
const resources: Record<string, { readonly Properties: Alarm }> = parse(file).Resources;
const names = ["LoginStorm", "TokenRefused", "TokenWar"] as const;
const alarmOf = (name: (typeof names)[number]) => resources[`${name}Alarm`]?.Properties ?? expect.fail(name);

/** One line of metrics, and when it was written. */
interface Line {
  readonly atMs: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** When an alarm goes off, looked at each minute over windows that end then, in minutes; undefined for never. */
function firesAfter({ MetricName, Dimensions, ...rules }: Alarm, lines: readonly Line[]): number | undefined {
  const outcome = Dimensions.find(({ Name }) => Name === "outcome")?.Value;
  const counted = lines.filter(({ fields }) => outcome === undefined || fields["outcome"] === outcome);
  const sum = (fromMs: number, toMs: number) =>
    counted
      .filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
      .reduce((total, { fields }) => total + Number(fields[MetricName] ?? 0), 0);
  const lastMs = lines.at(-1)?.atMs ?? 0;
  for (let minute = 1; minute * 60_000 <= lastMs; minute += 1) {
    const windows = Array.from({ length: rules.EvaluationPeriods }, (_, index) => {
      const toMs = minute * 60_000 - index * rules.Period * 1_000;
      return sum(toMs - rules.Period * 1_000, toMs);
    });
    const breaching = windows.filter((one) => one >= rules.Threshold).length;
    if (breaching >= (rules.DatapointsToAlarm ?? rules.EvaluationPeriods)) return minute;
  }
  return undefined;
}

/** Requests every few seconds while a stranger logs in every few seconds, for so long; the lines that they leave. */
async function play(strangerEverySeconds: number, requestEverySeconds: number, forSeconds: number): Promise<Line[]> {
  const world = createWorld();
  const { time, logins } = world;
  const clock = time.clock();
  const lines: Line[] = [];
  const write = (line: string) => lines.push({ atMs: time.elapsedMs, fields: JSON.parse(line) });
  const metrics = createMetrics({ write, clock, stage: "dev" });
  const session = createSession({
    ...{ secrets: createSecrets(world.store.client(), clock), secretId, clock, metrics, log: createLog("SILENT") },
    random: () => 0.5,
    logIn: (request) => {
      metrics.count("Logins");
      return logins.logIn(request);
    },
  });
  const request = async (): Promise<InvocationOutcome> => {
    const deadline = world.within(15_000);
    const token = await session.token(deadline);
    if (token.accessToken === logins.current) return "ok";
    const granted = await session.replace(token, deadline);
    return granted.token.accessToken === logins.current ? "ok" : "AccessTokenRejectedError";
  };
  const strange = async () => {
    while (time.elapsedMs < forSeconds * 1_000) {
      await time.sleep(strangerEverySeconds * 1_000);
      logins.current = "the stranger's";
    }
  };
  const ask = async () => {
    while (time.elapsedMs < forSeconds * 1_000) {
      const outcome = await request().catch((error: unknown) =>
        error instanceof RekeyError ? error.name : ("UnexpectedError" as const),
      );
      metrics.flush({ operation: "refreshDeviceKey", outcome, durationMs: 1 });
      await time.sleep(requestEverySeconds * 1_000);
    }
  };
  await Promise.all([strange(), ask()]);
  return lines;
}

describe("as a conflict grows", () => {
  test.each([
    [1, 2],
    [10, 5],
    [60, 10],
    [90, 10],
    [119, 10],
    [30, 120],
  ])(
    "with a login of another's every %d s and a request every %d s, LoginStorm, TokenRefused and TokenWar fire in this order",
    async (strangerSeconds, requestSeconds) => {
      const lines = await play(strangerSeconds, requestSeconds, requestSeconds < 10 ? 2_400 : 2 * 3_600);
      const minutes = names.map((name) => firesAfter(alarmOf(name), lines));
      console.log(
        `every ${strangerSeconds} s, requests every ${requestSeconds} s: ${names.map((name, index) => `${name} after ${minutes[index]} min`).join(", ")}`,
      );
      const [storm = Number.NaN, refused = Number.POSITIVE_INFINITY, war = Number.NaN] = minutes;
      expect(storm).toBeLessThan(Math.min(refused, war));
      expect(refused === Number.POSITIVE_INFINITY || refused < war).toBe(true);
    },
  );

  test("of which there is none, no alarm fires: one login an hour, one on request, one stranger's", async () => {
    const lines = await play(5_000, 10, 3 * 3_600);
    expect(names.map((name) => firesAfter(alarmOf(name), lines))).toEqual([undefined, undefined, undefined]);
  });
});
