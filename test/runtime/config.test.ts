import { afterEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../shared/runtime/clock.ts";
import { readAwsAccess, readConfig } from "../../shared/runtime/config.ts";
import { createRuntime } from "../../shared/runtime/runtime.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const nothingConfigured = {
  ...{ secretId: "", sessionSecretId: "", webhooksSecretId: "", workflowArn: "", fleetBucket: "" },
  ...{ logLevel: "INFO", stage: "dev" },
};
const noAccess = { region: "", accessKeyId: "", secretAccessKey: "", sessionToken: "", s3Endpoint: "" };

const settings = [
  ["REKEY_SECRET_ID", "secretId"],
  ["REKEY_SESSION_SECRET_ID", "sessionSecretId"],
  ["REKEY_WEBHOOKS_SECRET_ID", "webhooksSecretId"],
  ["REKEY_WORKFLOW_ARN", "workflowArn"],
  ["REKEY_FLEET_BUCKET", "fleetBucket"],
  ["LOG_LEVEL", "logLevel"],
  ["REKEY_STAGE", "stage"],
] as const;
const awsSettings = [
  ["AWS_REGION", "region"],
  ["AWS_ACCESS_KEY_ID", "accessKeyId"],
  ["AWS_SECRET_ACCESS_KEY", "secretAccessKey"],
  ["AWS_SESSION_TOKEN", "sessionToken"],
  ["AWS_ENDPOINT_URL_S3", "s3Endpoint"],
] as const;

describe("the configuration", () => {
  test("of an empty environment names nothing, logs from INFO on, and is of the stage dev", () => {
    expect(readConfig({})).toEqual(nothingConfigured);
    expect(readAwsAccess({})).toEqual(noAccess);
  });

  test.each(settings)("takes %s, and nothing else, for its %s", (variable, setting) => {
    expect(readConfig({ [variable]: "said" })).toEqual({ ...nothingConfigured, [setting]: "said" });
    vi.stubEnv(variable, "in the process");
    expect(readConfig()[setting]).toBe("in the process");
  });

  test.each(awsSettings)("takes AWS's own %s, and nothing else, for its %s", (variable, setting) => {
    expect(readAwsAccess({ [variable]: "said" })).toEqual({ ...noAccess, [setting]: "said" });
    vi.stubEnv(variable, "in the process");
    expect(readAwsAccess()[setting]).toBe("in the process");
  });
});

describe("the runtime of a sandbox", () => {
  /** The lines that a runtime writes under this environment, as they leave the process. */
  function written(
    environment: Readonly<Record<string, string>>,
    work: (made: ReturnType<typeof createRuntime>) => void,
  ) {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    let text = "";
    const write = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
      text += String(chunk);
      return true;
    });
    work(createRuntime());
    write.mockRestore();
    return text;
  }

  test("logs to standard output, a line each, from the configured level on", () => {
    const text = written({ LOG_LEVEL: "warn" }, ({ log }) => {
      log.info("Not this");
      log.warn("This");
      log.error("And this", { requestId: "r" });
    });
    expect(text).toBe('{"level":"WARN","message":"This"}\n{"level":"ERROR","message":"And this","requestId":"r"}\n');
  });

  test("measures an invocation there too, whatever the level is, for its stage and in its own time", () => {
    const before = systemClock.now();
    const text = written({ LOG_LEVEL: "SILENT", REKEY_STAGE: "prod" }, ({ metrics }) =>
      metrics.flush({ operation: "statusCheck", outcome: "ok", durationMs: 1 }),
    );
    const line = JSON.parse(text);
    expect(text.endsWith("}\n")).toBe(true);
    expect(line).toMatchObject({ message: "Invocation measured", stage: "prod", operation: "statusCheck" });
    expect(line._aws.Timestamp).toBeGreaterThanOrEqual(before);
    expect(line._aws.Timestamp).toBeLessThanOrEqual(systemClock.now());
  });

  test("has the environment's configuration, the machine's clock and a store of secrets", async () => {
    vi.stubEnv("REKEY_SECRET_ID", "application");
    const { config, clock, secrets } = createRuntime();
    expect(config.secretId).toBe("application");
    expect(clock).toBe(systemClock);
    await expect(secrets.read("", { remaining: () => 1_000 })).rejects.toMatchObject({ name: "ConfigurationError" });
  });
});
