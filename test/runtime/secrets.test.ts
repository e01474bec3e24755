import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startSecretsEndpoint } from "../../local/secrets-endpoint/server.ts";
import { RekeyError } from "../../shared/errors.ts";
import { type Deadline, deadlineIn, systemClock } from "../../shared/runtime/clock.ts";
import { createSecrets, type Secrets } from "../../shared/runtime/secrets.ts";
import { SimulatedStore } from "../simulation/store.ts";
import { SimulatedTime } from "../simulation/time.ts";

const [first, second, third] = ["1", "2", "3"].map((digit) => digit.repeat(32)) as [string, string, string];
const arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nowhere-AbCdEf";
const underArn =
  "The session secret does not exist, and under an ARN none can be made: give its name, or another's ARN";
const forbidden = "The session secret does not exist and may not be made: create it, or allow CreateSecret";
let time: SimulatedTime;
let store: SimulatedStore;
let secrets: Secrets;

beforeEach(() => {
  time = new SimulatedTime();
  vi.spyOn(AbortSignal, "timeout").mockImplementation((milliseconds) => time.timeout(milliseconds));
  store = new SimulatedStore(time, { session: null });
  store.store.put("session", { text: "first" }, first);
  secrets = createSecrets(store.client(), time.clock());
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const within = (milliseconds = 10_000) => deadlineIn(milliseconds, time.clock());
const failure = async (work: Promise<unknown>) =>
  work.then(
    (value) => value,
    (error: unknown) => (error instanceof RekeyError ? `${error.name}: ${error.message}` : String(error)),
  );
const holderOf = async (id: string, label: string) =>
  [...(await secrets.labels(id, within()))].find(([, labels]) => labels.includes(label))?.[0];
const labelsOf = (versionId: string) => [...(store.store.find("session").versions.get(versionId)?.labels ?? [])];

describe("a read", () => {
  test("brings the current version and its id", async () => {
    store.store.put("session", { text: "second" }, second);
    expect(await secrets.read("session", within())).toEqual({ versionId: second, text: "second" });
  });

  test("leaves off the byte order mark and the blanks around it", async () => {
    store.store.put("session", { text: "\ufeff \r\n{ }\u00a0\n" }, second);
    expect((await secrets.read("session", within()))?.text).toBe("{ }");
  });

  test.each(["missing", "empty"])("of a secret that is %s brings nothing", async (id) => {
    store.store.create("empty", undefined);
    expect(await secrets.read(id, within())).toBeUndefined();
  });

  test("of a binary secret brings an empty text", async () => {
    store.store.put("session", { binary: "AAAA" }, second);
    expect(await secrets.read("session", within())).toEqual({ versionId: second, text: "" });
  });

  test("of a secret that the environment does not name is a ConfigurationError, without a call", async () => {
    expect(await failure(secrets.read("", within()))).toBe(
      "ConfigurationError: The environment does not name a secret that is needed",
    );
    expect(store.calls).toEqual([]);
  });

  test("of a secret that is marked for deletion is a ConfigurationError", async () => {
    store.store.delete("session", 7);
    expect(await failure(secrets.read("session", within()))).toMatch(/^ConfigurationError/);
  });
});

describe("a write", () => {
  test("makes the text the current one", async () => {
    expect(await secrets.write("session", { token: second, text: "second" }, within())).toBe("written");
    expect(await secrets.read("session", within())).toEqual({ versionId: second, text: "second" });
  });

  test("with labels of its own leaves the current version as it is", async () => {
    expect(await secrets.write("session", { token: second, text: "second", labels: ["LEASE"] }, within())).toBe(
      "written",
    );
    expect((await secrets.read("session", within()))?.text).toBe("first");
    expect(labelsOf(second)).toEqual(["LEASE"]);
  });

  test.each([
    ["the same text is written", "first", "written"],
    ["another text is taken", "second", "taken"],
  ])("that was made before, now with %s", async (_, text, outcome) => {
    expect(await secrets.write("session", { token: first, text }, within())).toBe(outcome);
    expect((await secrets.read("session", within()))?.text).toBe("first");
  });

  test("beyond the number of versions that a secret may have is limited", async () => {
    store = new SimulatedStore(time, { session: "first" }, { versionLimit: 1 });
    const outcome = createSecrets(store.client(), time.clock()).write(
      "session",
      { token: second, text: "second" },
      within(),
    );
    expect(await outcome).toBe("limited");
  });

  test("into a secret that is missing creates it under the same token", async () => {
    expect(await secrets.write("fresh", { token: second, text: "second" }, within())).toBe("written");
    expect(store.calls).toEqual(["PutSecretValue", "CreateSecret"]);
    expect(await secrets.read("fresh", within())).toEqual({ versionId: second, text: "second" });
  });

  test("by two at once into a secret that is missing is done by one, and taken for the other", async () => {
    const write = (token: string) => secrets.write("fresh", { token, text: token }, within());
    expect(await Promise.all([write(second), write(third)])).toEqual(["written", "taken"]);
  });

  test("into an ARN that is missing creates nothing: an ARN is no name", async () => {
    const outcome = await failure(secrets.write(arn, { token: second, text: "second" }, within()));
    expect(outcome).toBe(`ConfigurationError: ${underArn}`);
    expect(store.calls).toEqual(["PutSecretValue"]);
  });

  test("of an ARN that is missing is told apart from one that has no version yet", async () => {
    expect(await failure(secrets.labels(arn, within()))).toBe(`ConfigurationError: ${underArn}`);
    expect(await secrets.labels("nowhere", within())).toEqual(new Map());
    const { arn: known } = store.store.create("new", undefined);
    expect(await secrets.labels(known, within())).toEqual(new Map());
  });

  test("into a secret that is missing, by somebody who may not create it, says that it does not exist", async () => {
    store.faults.add({ kind: "refuse", operation: "CreateSecret", type: "AccessDeniedException" });
    await expect(secrets.write("fresh", { token: second, text: "second" }, within())).rejects.toMatchObject({
      ...{ name: "ConfigurationError", message: forbidden },
      cause: { name: "AccessDeniedException" },
    });
  });
});

describe("a label", () => {
  const move = (from: string | undefined, to: string, id = "session") =>
    secrets.moveLabel(id, { label: "LEASE", to, ...(from === undefined ? {} : { from }) }, within());
  beforeEach(() => {
    store.store.put("session", { text: "second" }, second, ["LEASE"]);
  });

  test("moves from the version that holds it", async () => {
    expect(await move(second, first)).toBe("moved");
    expect(await holderOf("session", "LEASE")).toBe(first);
  });

  test("does not move from one that does not hold it, nor from one that is not named", async () => {
    expect([await move(first, first), await move(undefined, first)]).toEqual(["refused", "refused"]);
    expect(await holderOf("session", "LEASE")).toBe(second);
  });

  test("that nobody holds is given to whoever wants it", async () => {
    store.store.moveLabel("session", "LEASE", second, undefined);
    expect(await move(undefined, first)).toBe("moved");
    expect(await holderOf("session", "LEASE")).toBe(first);
  });

  test("does not move to a version, or in a secret, that is unknown", async () => {
    expect([await move(second, third), await move(second, first, "missing")]).toEqual([
      "unknownVersion",
      "unknownVersion",
    ]);
  });

  test.each([
    ["session", "NOBODY'S"],
    ["missing", "LEASE"],
    ["empty", "LEASE"],
  ])("in %s named %s is held by nobody", async (id, label) => {
    store.store.create("empty", undefined);
    expect(await holderOf(id, label)).toBeUndefined();
  });
});

const operations: Readonly<Record<string, (deadline: Deadline) => Promise<unknown>>> = {
  GetSecretValue: (deadline) => secrets.read("session", deadline),
  PutSecretValue: (deadline) => secrets.write("session", { token: second, text: "second" }, deadline),
  CreateSecret: (deadline) => secrets.write("fresh", { token: second, text: "second" }, deadline),
  UpdateSecretVersionStage: (deadline) =>
    secrets.moveLabel("session", { label: "AWSCURRENT", from: first, to: first }, deadline),
  DescribeSecret: (deadline) => secrets.labels("session", deadline),
};
/** What each name comes to where `special` says nothing else. */
const usual: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...[
        "AccessDeniedException",
        "DecryptionFailure",
        "EncryptionFailure",
        "UnrecognizedClientException",
        "InvalidSignatureException",
      ],
      ...["ExpiredTokenException", "InvalidParameterException", "InvalidRequestException", "ValidationException"],
      ...["InvalidClientTokenId", "SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken"],
    ].map((name) => [name, "ConfigurationError: The secrets store refuses to hand out a secret"]),
  ),
  ...Object.fromEntries(
    [
      ...["InternalServiceError", "InternalServiceErrorException", "ThrottlingException", "LimitExceededException"],
      ...["InternalFailure", "ServiceUnavailable", "TooManyRequestsException", "Unknown", "SlowDown", "404"],
      ...["ResourceExistsException", "UnknownOperationException", "SomethingNew"],
    ].map((name) => [name, "SecretsUnavailableError: The secrets store does not answer"]),
  ),
};
const special: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  PutSecretValue: { ResourceExistsException: "taken", LimitExceededException: "limited" },
  CreateSecret: {
    ...{ ResourceExistsException: "taken", LimitExceededException: "limited" },
    AccessDeniedException: `ConfigurationError: ${forbidden}`,
  },
  UpdateSecretVersionStage: {
    ...{ InvalidParameterException: "refused", InvalidRequestException: "refused" },
    ...{ ThrottlingException: "refused", LimitExceededException: "refused" },
  },
};

describe.each(Object.keys(operations))("%s", (operation) => {
  const call = (deadline = within()) => operations[operation]?.(deadline) ?? expect.fail();

  test.each(Object.entries({ ...usual, ...special[operation] }))("refused with %s comes to: %s", async (type, said) => {
    store.faults.add({ kind: "refuse", operation, type, count: 0 });
    expect(await failure(call())).toBe(said);
  });

  test("refused keeps the store's own error for the log", async () => {
    store.faults.add({ kind: "refuse", operation, type: "DecryptionFailure" });
    await expect(call()).rejects.toMatchObject({ cause: { name: "DecryptionFailure" } });
  });

  test("cut off can be tried again in five seconds", async () => {
    store.faults.add({ kind: "cut", operation });
    await expect(call()).rejects.toMatchObject({
      ...{ name: "SecretsUnavailableError", retryAfterSeconds: 5 },
      cause: { message: "socket hang up" },
    });
  });

  test.each([
    [15_000, 5_000],
    [3_000, 3_000],
    [0, 1],
  ])("not answered, with %d ms left, is given up after %d ms", async (leftMs, givenUpMs) => {
    store.faults.add({ kind: "hang", operation, count: 0 });
    expect(await failure(call(within(leftMs)))).toBe("SecretsUnavailableError: The secrets store does not answer");
    // Only the write before it, which took ten, has shown that there is a secret to create.
    const askedMs = operation === "CreateSecret" && leftMs === 15_000 ? 10 : 0;
    expect(time.elapsedMs).toBe(givenUpMs + askedMs);
  });
});

describe.each(Object.keys(operations))("one trouble at %s", (operation) => {
  const call = (deadline = within()) => operations[operation]?.(deadline) ?? expect.fail();

  test.each([
    [15_000, 2_500],
    [2_400, 1_200],
  ])("is over when, with %d ms left, nobody answered the first attempt within %d", async (leftMs, firstMs) => {
    store.faults.add({ kind: "hang", operation });
    expect(String(await failure(call(within(leftMs))))).not.toContain("Error");
    expect(time.elapsedMs).toBeGreaterThanOrEqual(firstMs);
    expect(time.elapsedMs).toBeLessThanOrEqual(firstMs + 30);
  });

  test("is over when it throttled three times", async () => {
    store.faults.add({ kind: "throttle", operation, count: 3 });
    expect(String(await failure(call()))).not.toContain("Error");
    expect(time.elapsedMs).toBeGreaterThanOrEqual(250 + 500 + 750);
  });
});

test("the store of AWS's own variables is asked three times before it counts as down", async () => {
  vi.restoreAllMocks();
  const endpoint = await startSecretsEndpoint({ secrets: { session: "first" } });
  vi.stubEnv("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint.url);
  vi.stubEnv("AWS_REGION", "eu-central-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "local");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "local");
  endpoint.faults.add({ kind: "error", count: 5 });
  const own = createSecrets();
  const read = () => own.read("session", deadlineIn(5_000, systemClock));
  await expect(read()).rejects.toMatchObject({ name: "SecretsUnavailableError" });
  expect(endpoint.counters.calls()).toBe(3);
  expect((await read())?.text).toBe("first");
  await endpoint.close();
});
