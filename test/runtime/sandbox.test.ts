import { afterEach, describe, expect, test, vi } from "vitest";
import { startSecretsEndpoint } from "../../local/secrets-endpoint/server.ts";
import { deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { openSandbox, openSandboxReadingAhead, openSandboxWithSecrets } from "../../shared/runtime/sandbox.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe("a sandbox", () => {
  /** The lines that a sandbox writes under this environment, as they leave the process. */
  function written(
    environment: Readonly<Record<string, string>>,
    work: (made: ReturnType<typeof openSandbox>) => void,
  ) {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    let text = "";
    const write = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
      text += String(chunk);
      return true;
    });
    work(openSandbox());
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

  test("has the environment's configuration, the machine's clock and, when it is to, a store of secrets", async () => {
    vi.stubEnv("REKEY_SECRET_ID", "application");
    const { config, clock, secrets } = openSandboxWithSecrets();
    expect(config.secretId).toBe("application");
    expect(clock).toBe(systemClock);
    await expect(secrets.read("", { remaining: () => 1_000 })).rejects.toMatchObject({ name: "ConfigurationError" });
    expect(openSandbox()).not.toHaveProperty("secrets");
  });

  test("begins to read the secrets that it is told by name, before anybody asks", async () => {
    const store = await startSecretsEndpoint({ secrets: { application: "A", session: "S" } });
    vi.stubEnv("AWS_ENDPOINT_URL_SECRETS_MANAGER", store.url);
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, "AKIDLOCALTEST");
    for (const [name, value] of [
      ["AWS_REGION", "eu-central-1"],
      ["REKEY_SECRET_ID", "application"],
      ["REKEY_SESSION_SECRET_ID", "session"],
    ] as const) {
      vi.stubEnv(name, value);
    }
    const { secrets, clock } = openSandboxReadingAhead(["secretId", "sessionSecretId"]);
    await expect.poll(() => store.counters.calls()).toBe(2);
    expect(await secrets.read("session", deadlineIn(5_000, clock))).toMatchObject({ text: "S" });
    expect(store.counters.calls()).toBe(2);
    await store.close();
  });
});
