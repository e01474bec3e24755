import { afterEach, describe, expect, test, vi } from "vitest";
import { readConfig } from "../../shared/runtime/config.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const nothingConfigured = {
  ...{ secretId: "", sessionSecretId: "", webhooksSecretId: "", workflowArn: "", fleetBucket: "", objectsEndpoint: "" },
  ...{ logLevel: "INFO", stage: "dev" },
};

const settings = [
  ["REKEY_SECRET_ID", "secretId"],
  ["REKEY_SESSION_SECRET_ID", "sessionSecretId"],
  ["REKEY_WEBHOOKS_SECRET_ID", "webhooksSecretId"],
  ["REKEY_WORKFLOW_ARN", "workflowArn"],
  ["REKEY_FLEET_BUCKET", "fleetBucket"],
  ["LOG_LEVEL", "logLevel"],
  ["REKEY_STAGE", "stage"],
] as const;

describe("the configuration", () => {
  test("of an empty environment names nothing, logs from INFO on, and is of the stage dev", () => {
    expect(readConfig({})).toEqual(nothingConfigured);
  });

  test.each(settings)("takes %s, and nothing else, for its %s", (variable, setting) => {
    expect(readConfig({ [variable]: "said" })).toEqual({ ...nothingConfigured, [setting]: "said" });
    vi.stubEnv(variable, "in the process");
    expect(readConfig()[setting]).toBe("in the process");
  });

  test("takes an address in place of S3's from AWS's own variables, its own before the one of all services", () => {
    expect(readConfig({ AWS_ENDPOINT_URL: "all" })).toEqual({ ...nothingConfigured, objectsEndpoint: "all" });
    const both = { AWS_ENDPOINT_URL: "all", AWS_ENDPOINT_URL_S3: "own" };
    expect(readConfig(both)).toEqual({ ...nothingConfigured, objectsEndpoint: "own" });
    // Empty is absent, as it is to the SDK.
    expect(readConfig({ ...both, AWS_ENDPOINT_URL_S3: "" }).objectsEndpoint).toBe("all");
  });
});
