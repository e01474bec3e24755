import { describe, expect, test } from "vitest";
import { readCommand, UsageError } from "../../tools/fleet-command.ts";

const workflow = "arn:aws:states:eu-central-1:123456789012:stateMachine:rekey-dev-rekeyFleet";

function saidOf(args: readonly string[]): string {
  try {
    readCommand(args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return "";
}

describe("npm run fleet", () => {
  test.each<[readonly string[], string]>([
    [[], "Name a file of devices, or a verb and a run"],
    [[""], "Name a file of devices, or a verb and a run"],
    [["stauts", "june"], "stauts is no verb (status, pause, stop, pace, resume are)"],
    [["one.csv", "two.csv"], "no more than one file makes a run"],
    [["status"], "Which run? npm run fleet -- status RUN"],
    [["pace", "june"], "Say it so: npm run fleet -- pace RUN 50"],
    [["pace", "june", "50", "60"], "Say it so"],
    [["stop", "june", "july"], "Say it so: npm run fleet -- stop RUN"],
    [["status", "../june"], "A run's name must be letters, digits, - and _, 80 at most"],
    ...["0", "1.5", "100001"].map((pace): [string[], string] => [
      ["pace", "june", pace],
      "The pace must be a whole number, 1 to",
    ]),
    ...["soon", "1e3", "", "0x10"].map((pace): [string[], string] => [
      ["pace", "june", pace],
      "The pace must be a number",
    ]),
    [["pause", "june", "--canary=3"], "pause takes no --canary"],
    [["resume", "june", "--new"], "resume takes no --new"],
    [["resume", "june", "--imei=urn"], "resume takes no --imei"],
  ])("refuses the words %j", (args, words) => {
    expect(saidOf(args)).toContain(words);
  });

  test.each([
    [["--limit=soon"], "--limit must be a number"],
    [["--limit=1.5"], "--limit must be a whole number"],
    [["--limit=2592001"], "--limit must be at most 2592000"],
    [["--timeout=-5"], "--timeout must be at least 0"],
    [["--timeout", "-5"], "--timeout needs a value"],
    [["--timeout"], "--timeout needs a value"],
    [["--timeout="], "--timeout must be a number"],
    [[`--timeout=${"9".repeat(30)}`], "--timeout must be at most 2147483647"],
    [[`--canary=${"9".repeat(400)}`], "--canary must be a"],
    [["--tolerated=101"], "--tolerated must be at most 100"],
    [["--canary=1001"], "--canary must be at most 1000"],
    [["--max-failures=1.5"], "--max-failures must be a whole number"],
    [["--calls-per-minute=0"], "--calls-per-minute must be at least 1"],
    [["--patience=0"], "--patience must be a whole number, 1 to 86400"],
    [["--code=imei"], "--code must be derived or nodeId"],
    [["--imei=none"], "--imei must be urn or bare"],
    [["--app-id= x"], "--app-id must not begin or end with a blank"],
    [["--run=a b"], "--run must be letters, digits"],
    [["--run=june", "--new"], "--run goes on with a run, --new begins one"],
    [["--include-code=yes"], "Option '--include-code' does not take an argument"],
    [["--colour=red"], "Unknown option '--colour'"],
    [["-x"], "Unknown option '-x'"],
    [["--bucket=fleets"], "both --bucket and --workflow"],
    [["--bucket=", `--workflow=${workflow}`], "--bucket must be the name of a bucket"],
    [["--bucket=fleets", "--workflow=rekeyFleet"], "--workflow must be the ARN of a state machine"],
    [["--limit=soon", "--help"], ""],
  ])("refuses the flags %j in one line", (flags, words) => {
    const said = saidOf(["devices.csv", ...flags]);
    expect(said.startsWith(words) || said.includes(words)).toBe(true);
    expect(said).not.toContain("\n");
  });

  test.each([["--help"], ["-h"], ["help"], ["status", "--help"], ["--nonsense", "-h"]])(
    "explains itself for %s",
    (...args) => {
      expect(readCommand(args).verb).toBe("help");
    },
  );

  test("takes what is right as it was meant", () => {
    const flags = ["--timeout=0", "--tolerated=2.5", "--canary=20", "--include-code", `--workflow=${workflow}`];
    expect(readCommand(["devices.csv", ...flags, "--bucket=fleets"])).toMatchObject({
      ...{ verb: "start", subject: "devices.csv", bucket: "fleets", workflow, patienceSeconds: 600 },
      input: { timeout: 0, toleratedFailurePercentage: 2.5, canary: 20, includeCode: true },
    });
    expect(readCommand(["pace", "june", "50"])).toMatchObject({ verb: "pace", subject: "june", callsPerMinute: 50 });
  });
});
