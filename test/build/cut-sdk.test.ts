import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { bundleClients, type Clients, type Reply, startEndpoint } from "./two-clients.ts";

// The bundles hold a cut SDK. Whatever we send and whatever comes back, it does what the whole one does.

const operations = readFileSync(new URL("../../docs/OPERATIONS.md", import.meta.url), "utf8");

let cut: Clients;
let whole: Clients;
let endpoint: Awaited<ReturnType<typeof startEndpoint>>;
beforeAll(async () => {
  [cut, whole, endpoint] = await Promise.all([bundleClients(true), bundleClients(false), startEndpoint()]);
});
afterAll(() => endpoint.close());
beforeEach(() => {
  vi.stubEnv("AWS_REGION", "eu-central-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDLOCALTEST");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
  vi.stubEnv("AWS_SESSION_TOKEN", "token");
});
afterEach(() => vi.unstubAllEnvs());

/** Every command that we send, with what it is sent with. */
const commands = {
  GetSecretValueCommand: { SecretId: "rekey/dev/application" },
  PutSecretValueCommand: {
    ...{ SecretId: "s", ClientRequestToken: "t".repeat(32), SecretString: '{"ü":"\\"\n"}', VersionStages: ["A", "B"] },
  },
  CreateSecretCommand: { Name: "s", ClientRequestToken: "t".repeat(32), SecretString: "x" },
  DescribeSecretCommand: { SecretId: "arn:aws:secretsmanager:eu-central-1:1:secret:s" },
  // In the service's own order of members, in which the whole one writes them.
  UpdateSecretVersionStageCommand: { SecretId: "s", VersionStage: "A", RemoveFromVersionId: "2", MoveToVersionId: "1" },
  StartExecutionCommand: { stateMachineArn: "arn:aws:states:eu-central-1:1:stateMachine:m", name: "n", input: "{}" },
  DescribeExecutionCommand: { executionArn: "arn:aws:states:eu-central-1:1:execution:m:n" },
} satisfies Record<string, object>;
type Command = keyof typeof commands;
const clientOf = (command: Command) => (command.includes("Execution") ? "SFNClient" : "SecretsManagerClient");

interface Settings {
  readonly maxAttempts?: number;
  /** Given up so long after its first request has arrived, in milliseconds. */
  readonly abortAfterMs?: number;
  readonly input?: object;
}

/** Moments stay the numbers that are sent where the SDK is cut. */
const asSent = (value: unknown): unknown => (value instanceof Date ? value.getTime() / 1000 : value);

/** What a client does with a command, to the endpoint and to its caller. */
async function doing(clients: Clients, command: Command, replies: readonly Reply[], settings: Settings) {
  const { maxAttempts = 3, abortAfterMs, input = commands[command] } = settings;
  endpoint.will(...replies);
  const [Client, Sent] = [clients[clientOf(command)], clients[command]];
  if (Client === undefined || Sent === undefined) throw new Error(`No ${command}`);
  const client = new Client({ endpoint: endpoint.url, maxAttempts });
  const patience = new AbortController();
  const options = abortAfterMs === undefined ? {} : { abortSignal: patience.signal };
  const timedOut = new DOMException("The operation was aborted due to timeout", "TimeoutError");
  if (abortAfterMs !== undefined)
    void endpoint.firstArrival().then(() => setTimeout(() => patience.abort(timedOut), abortAfterMs));
  const outcome = await client.send(new Sent(input), options).then(
    (output) => ({ output: Object.fromEntries(Object.entries(output).map(([name, value]) => [name, asSent(value)])) }),
    (error: Error & { $metadata?: Record<string, unknown>; $fault?: string }) => ({
      ...{ name: error.name, message: error.message, fault: error.$fault, isError: error instanceof Error },
      status: error.$metadata?.["httpStatusCode"],
      attempts: error.$metadata?.["attempts"],
    }),
  );
  client.destroy();
  // The whole one waits by chance between its attempts, as the cut one does.
  if ("output" in outcome) Object.assign(outcome.output["$metadata"] ?? {}, { totalRetryDelay: 0 });
  return { outcome: JSON.parse(JSON.stringify(outcome)) as Record<string, unknown>, arrived: [...endpoint.arrived()] };
}

async function bothDo(command: Command, replies: readonly Reply[], settings: Settings = {}) {
  const byCut = await doing(cut, command, replies, settings);
  const byWhole = await doing(whole, command, replies, settings);
  return { byCut, byWhole };
}

describe.each(Object.keys(commands) as Command[])("%s", (command) => {
  test("is sent, and answered, as by the whole SDK", async () => {
    const { byCut, byWhole } = await bothDo(command, [
      {
        body: {
          ARN: "a",
          Name: "n",
          VersionId: "1",
          SecretString: "ü",
          startDate: 1.5e9,
          VersionIdsToStages: { 1: ["A"] },
        },
      },
    ]);
    expect(byCut.arrived).toEqual(byWhole.arrived);
    expect(byCut.arrived[0]?.body).toEqual(commands[command]);
    expect(byCut.outcome).toMatchObject({ output: { $metadata: { httpStatusCode: 200, attempts: 1 } } });
    // The whole one leaves out what it has no shape for; nobody reads that.
    const { output } = byWhole.outcome;
    expect(byCut.outcome).toMatchObject({ output });
  });

  test("is asked again as often as by the whole SDK, and as seldom", async () => {
    const { byCut, byWhole } = await bothDo(command, [{ status: 500, body: { __type: "InternalServiceError" } }, {}]);
    expect(byCut).toEqual(byWhole);
    expect(byCut.arrived.map(({ headers }) => headers["amz-sdk-request"])).toEqual([
      "attempt=1; max=3",
      "attempt=2; max=3",
    ]);
  });
});

/** Errors that we tell apart, and some that we do not, with the ways in which a service names them. */
const errors: readonly [Command, Reply][] = [
  ...["ResourceNotFoundException", "AccessDeniedException", "DecryptionFailure", "InvalidParameterException"].map(
    (name): [Command, Reply] => ["GetSecretValueCommand", { status: 400, body: { __type: name, Message: "No" } }],
  ),
  ...["InvalidRequestException", "UnrecognizedClientException", "ExpiredTokenException", "ValidationException"].map(
    (name): [Command, Reply] => ["GetSecretValueCommand", { status: 400, body: { __type: name, message: "No" } }],
  ),
  ...["ResourceExistsException", "LimitExceededException", "EncryptionFailure"].map((name): [Command, Reply] => [
    "PutSecretValueCommand",
    { status: 400, body: { __type: name, Message: "No" } },
  ]),
  ["StartExecutionCommand", { status: 400, body: { __type: "ExecutionAlreadyExists", message: "Again" } }],
  ["DescribeExecutionCommand", { status: 400, body: { __type: "ExecutionDoesNotExist", message: "None" } }],
  ["GetSecretValueCommand", { status: 400, body: { __type: "com.amazonaws.x#ResourceNotFoundException" } }],
  ["GetSecretValueCommand", { status: 400, body: { __type: "ResourceNotFoundException:http://internal/x" } }],
  ["GetSecretValueCommand", { status: 400, body: { code: "ResourceNotFoundException" } }],
  ["GetSecretValueCommand", { status: 400, headers: { "x-amzn-errortype": "AccessDeniedException:" }, body: {} }],
  ["GetSecretValueCommand", { status: 400, body: {} }],
  ["GetSecretValueCommand", { status: 403, body: { __type: "SomethingNew", Message: "No", Extra: 1 } }],
];

test.each(errors)("%s that is refused by %j fails as with the whole SDK", async (command, reply) => {
  const { byCut, byWhole } = await bothDo(command, [reply]);
  expect(byCut).toEqual(byWhole);
  expect(byCut.outcome).toMatchObject({ isError: true, status: reply.status });
});

/** Ways in which an answer does not come, or not at once. */
const troubles: readonly [string, readonly Reply[], Settings?][] = [
  ["throttled", [{ status: 400, body: { __type: "ThrottlingException", message: "Slower" } }, {}]],
  ["throttled by status", [{ status: 429, body: {} }, {}]],
  ["throttled until the end", [{ status: 400, body: { __type: "ThrottlingException" } }], { maxAttempts: 2 }],
  ["told when to come again", [{ status: 503, headers: { "retry-after": "1" }, body: {} }, {}]],
  ["answered 502 without a body", [{ status: 502, body: "" }, {}]],
  ["answered 503 with a page", [{ status: 503, body: "<html>Busy</html>" }, {}]],
  ["answered 500 until the end", [{ status: 500, body: { __type: "InternalServiceError", Message: "Oh" } }]],
  ["answered 500 when it may be asked once", [{ status: 500, body: {} }], { maxAttempts: 1 }],
  ["cut off before an answer", [{ instead: "reset" }, {}]],
  ["cut off amid an answer", [{ instead: "cut", body: { SecretString: "x".repeat(100) } }, {}]],
  ["cut off amid every answer", [{ instead: "cut", body: { SecretString: "x" } }], { maxAttempts: 2 }],
  ["left without an answer", [{ instead: "hang" }], { abortAfterMs: 300 }],
  [
    "given up between two attempts",
    [{ status: 503, headers: { "retry-after": "5" }, body: {} }],
    { abortAfterMs: 300 },
  ],
  ["answered nothing at all", [{ body: "" }]],
];

test.each(troubles)("a request that is %s ends as with the whole SDK", async (_, replies, settings) => {
  const { byCut, byWhole } = await bothDo("GetSecretValueCommand", replies, settings);
  expect(byCut).toEqual(byWhole);
});

test("an answer that is no JSON is an error, as with the whole SDK", async () => {
  const { byCut, byWhole } = await bothDo("GetSecretValueCommand", [{ body: "<html>Proxy</html>" }]);
  expect(byCut).toEqual(byWhole);
  expect(byCut.outcome).toMatchObject({ isError: true, name: "SyntaxError" });
});

test.each([60, -60])(
  "a clock that is %d minutes off is corrected by the service's, as by the whole SDK",
  async (minutes) => {
    const date = new Date(Date.now() + minutes * 60_000).toUTCString();
    const { byCut, byWhole } = await bothDo("GetSecretValueCommand", [
      { status: 400, headers: { date }, body: { __type: "InvalidSignatureException", message: "Signature expired" } },
      { headers: { date } },
    ]);
    expect(byCut).toEqual(byWhole);
    expect(byCut.arrived.map(({ aheadMinutes }) => aheadMinutes)).toEqual([0, minutes]);
  },
);

test("without credentials both fail under one name", async () => {
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]) vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  vi.stubEnv("HOME", "/nonexistent");
  const { byCut, byWhole } = await bothDo("GetSecretValueCommand", [{}]);
  expect([byCut.outcome, byWhole.outcome]).toMatchObject([
    { name: "CredentialsProviderError" },
    { name: "CredentialsProviderError" },
  ]);
});

/** What an operator, or Lambda, says by the environment, and a way in which it shows. */
const environments: readonly [Readonly<Record<string, string>>, readonly Reply[], Settings?][] = [
  [{ AWS_REGION: "cn-north-1" }, [{}]],
  [{ AWS_REGION: "" }, [{}]],
  [{ AWS_REGION: "no.region" }, [{}]],
  [{ AWS_MAX_ATTEMPTS: "1" }, [{ status: 500, body: {} }]],
  [{ AWS_ACCOUNT_ID: "123456789012" }, [{}]],
  [{ AWS_CREDENTIAL_SCOPE: "eu-west-1" }, [{}]],
  [{ AWS_CREDENTIAL_EXPIRATION: "2001-01-01T00:00:00Z" }, [{}]],
  [{ AWS_SESSION_TOKEN: "" }, [{}]],
  [{ AWS_SDK_UA_APP_ID: "rekey" }, [{}]],
  [{ AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x" }, [{}]],
  [{ AWS_LAMBDA_FUNCTION_NAME: "rekey", _X_AMZN_TRACE_ID: "Root=1-5;Parent=6;Sampled=1" }, [{}]],
  [{ AWS_LAMBDA_FUNCTION_NAME: "", _X_AMZN_TRACE_ID: "Root=1-5;Parent=6;Sampled=1" }, [{}]],
  [{ AWS_AUTH_SCHEME_PREFERENCE: "sigv4a" }, [{}]],
  [{ AWS_USE_FIPS_ENDPOINT: "false", AWS_USE_DUALSTACK_ENDPOINT: "false" }, [{}]],
  [{ AWS_ENDPOINT_URL: "http://127.0.0.1:9", AWS_ENDPOINT_URL_SECRETS_MANAGER: "http://127.0.0.1:9" }, [{}]],
];

test.each(environments)("%j has the effect that it has on the whole SDK", async (environment, replies, settings) => {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const { byCut, byWhole } = await bothDo("GetSecretValueCommand", replies, settings);
  expect(byCut.arrived).toEqual(byWhole.arrived);
  // The whole one leaves out what it has no shape for.
  expect(byCut.outcome).toMatchObject(byWhole.outcome);
});

/** What has an effect on the whole SDK alone; docs/OPERATIONS.md says so of each. */
const ignored = {
  AWS_RETRY_MODE: "adaptive",
  AWS_DEFAULTS_MODE: "in-region",
  AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true",
} as const;

test.each(Object.entries(ignored))("%s has no effect, and the operator's page says so", async (name, value) => {
  const replies: readonly Reply[] = [{ status: 503, body: {} }, {}];
  const before = await doing(cut, "GetSecretValueCommand", replies, {});
  vi.stubEnv(name, value);
  expect(await doing(cut, "GetSecretValueCommand", replies, {})).toEqual(before);
  expect(operations).toMatch(new RegExp(`^\\|.*\`${name}\`.*without effect`, "m"));
});

test.each([
  ["AWS_USE_FIPS_ENDPOINT", "true"],
  ["AWS_USE_DUALSTACK_ENDPOINT", "true"],
  ["AWS_REGION", "fips-us-east-1"],
])("%s=%s is refused beside an address, and the operator's page says when else", async (name, value) => {
  vi.stubEnv(name, value);
  const { byCut, byWhole } = await bothDo("GetSecretValueCommand", [{}]);
  expect([byCut.arrived, byWhole.arrived]).toEqual([[], []]);
  expect(byCut.outcome).toMatchObject({ name: "ValidationException" });
  expect(operations).toMatch(/^\|.*`AWS_USE_FIPS_ENDPOINT`.*refused/m);
});

test("AWS_DISABLE_CLOCK_SKEW_CORRECTION is heeded as by the whole SDK, which reads it once a process", async () => {
  vi.stubEnv("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "true");
  const late = {
    headers: { date: new Date(Date.now() + 3_600_000).toUTCString() },
    ...{ status: 400, body: { __type: "InvalidSignatureException", message: "Signature expired" } },
  };
  const byWhole = await doing(await bundleClients(false), "GetSecretValueCommand", [late], { maxAttempts: 2 });
  expect(await doing(cut, "GetSecretValueCommand", [late], { maxAttempts: 2 })).toEqual(byWhole);
  expect(byWhole.arrived.map(({ aheadMinutes }) => aheadMinutes)).not.toContain(60);
});

test.each([["AWS_ENDPOINT_URL"], ["AWS_ENDPOINT_URL_SECRETS_MANAGER"]])(
  "the address is taken from %s",
  async (variable) => {
    vi.stubEnv(variable, endpoint.url);
    for (const clients of [cut, whole]) {
      endpoint.will({ body: { SecretString: "there" } });
      const [Client, Command] = [clients["SecretsManagerClient"], clients["GetSecretValueCommand"]];
      if (Client === undefined || Command === undefined) throw new Error("No client");
      const client = new Client({});
      expect(await client.send(new Command({ SecretId: "s" }))).toMatchObject({ SecretString: "there" });
      client.destroy();
    }
  },
);
