import { afterEach, describe, expect, test, vi } from "vitest";
import { readAwsAccess, readConfig } from "../../shared/runtime/config.ts";

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
