import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { loadAwsServiceSpec } from "@aws-cdk/aws-service-spec";
import { beforeAll, describe, expect, test } from "vitest";
import { operations, ownRoutes } from "../operations.ts";
import {
  entriesOf,
  functionsOf,
  ofType,
  type Packaged,
  packageService,
  type Resource,
  roleOf,
  shortName,
  statementsOf,
} from "./packaging.ts";

const jwtParameters = [
  "authorizer=jwt",
  "jwtIssuer=https://issuer.example.com",
  "jwtAudience=rekey",
  "secrets=existing",
  "subnetIds=subnet-1,subnet-2",
  "securityGroupIds=sg-1",
  "secretsKmsKeyArn=arn:aws:kms:eu-central-1:111122223333:key/1234",
  "alarmEmail=ops@example.com",
];

/** Where AWS knows no resources for an action, by the statement's Sid; nothing else may say `Resource: "*"`. */
const withoutResources: Readonly<Record<string, RegExp>> = {
  JoinNetwork: /^ec2:(Assign|Create|Delete|Describe|Unassign)[A-Za-z]+$/,
  DeliverLogs: /^logs:[A-Z][A-Za-z]+$/,
  SendTraces: /^xray:(Put|GetSampling)[A-Za-z]+$/,
};

const openRoutes = ["$default", ...ownRoutes.flatMap(({ open, key }) => (open ? [key] : []))].sort();

let iam: Packaged;
let jwt: Packaged;

beforeAll(async () => {
  // One after the other: each is a build, and the second one also shows that the bytes do not depend on the folder.
  iam = await packageService();
  jwt = await packageService(jwtParameters);
});

const variants = () => [iam, jwt].map(({ template }) => template);

describe("the emitted template", () => {
  test("knows every resource type and property it uses, and leaves out none that is required", async () => {
    const specification = await loadAwsServiceSpec();
    const faultsOf = ([id, { Type, Properties = {} }]: [string, Resource]): string[] => {
      const known = specification.lookup("resource", "cloudFormationType", "equals", Type)[0];
      if (known === undefined) return [`${id}: unknown type ${Type}`];
      const unknown = Object.keys(Properties).filter((name) => !Object.hasOwn(known.properties, name));
      const lacking = Object.entries(known.properties).filter(
        ([name, property]) => property.required === true && !Object.hasOwn(Properties, name),
      );
      return [
        ...unknown.map((name) => `${id}: ${Type} has no ${name}`),
        ...lacking.map(([name]) => `${id}: lacks ${name}`),
      ];
    };
    for (const { Resources } of variants()) expect(Object.entries(Resources).flatMap(faultsOf)).toEqual([]);
  });

  test("refers only to resources and conditions that it holds", () => {
    for (const template of variants()) {
      const text = JSON.stringify(template);
      const names = [
        ...text.matchAll(/"Ref":"([A-Za-z0-9]+)"/g),
        ...text.matchAll(/"Fn::GetAtt":\["([A-Za-z0-9]+)"/g),
      ].map((match) => match[1]);
      expect(names.filter((name) => !Object.hasOwn(template.Resources, name ?? ""))).toEqual([]);
      const conditions = [...text.matchAll(/"Condition":"([A-Za-z]+)"|"Fn::If":\["([A-Za-z]+)"/g)];
      expect(conditions.length).toBeGreaterThan(0);
      for (const match of conditions) expect(template.Conditions).toHaveProperty(match[1] ?? match[2] ?? "");
    }
  });

  test("retains every log, and for no longer than was said", () => {
    for (const packaged of [iam, jwt]) {
      const groups = ofType(packaged, "AWS::Logs::LogGroup");
      expect(groups.length).toBeGreaterThan(functionsOf(packaged).length);
      for (const [, group] of groups) expect(group.Properties["RetentionInDays"]).toBe(90);
    }
  });

  test("keeps the secrets when the stack goes, and creates none when they are said to exist", () => {
    const created = ofType(iam, "AWS::SecretsManager::Secret");
    expect(created.map(([, secret]) => secret.Properties["Name"])).toEqual([
      "rekey/dev/application",
      "rekey/dev/session",
      "rekey/dev/webhooks",
    ]);
    for (const [, secret] of created) {
      expect(secret.DeletionPolicy).toBe("Retain");
      expect(secret.Properties).not.toHaveProperty("SecretString");
    }
    expect(ofType(jwt, "AWS::SecretsManager::Secret")).toEqual([]);
  });
});

describe("the gateway", () => {
  const routes = ["$default", ...ownRoutes.map(({ key }) => key)].sort();

  test.each([
    ["AWS_IAM", () => iam],
    ["JWT", () => jwt],
  ])("has the promised routes, all but the open ones authorized by %s", (authorization, packaged) => {
    const found = ofType(packaged(), "AWS::ApiGatewayV2::Route").map(([, route]) => route.Properties);
    expect(found.map((route) => String(route["RouteKey"])).sort()).toEqual(routes);
    for (const route of found) {
      const open = openRoutes.includes(String(route["RouteKey"]));
      expect([route["RouteKey"], route["AuthorizationType"]]).toEqual([
        route["RouteKey"],
        open ? undefined : authorization,
      ]);
      if (authorization === "JWT" && !open) expect(route["AuthorizerId"]).toEqual({ Ref: "HttpApiAuthorizerCaller" });
    }
  });

  test("takes the issuer and the audience from the parameters, and refuses to be packaged without them", async () => {
    const [, authorizer] = ofType(jwt, "AWS::ApiGatewayV2::Authorizer")[0] ?? [];
    expect(authorizer?.Properties["JwtConfiguration"]).toEqual({
      Audience: ["rekey"],
      Issuer: "https://issuer.example.com",
    });
    await expect(packageService(["authorizer=jwt"])).rejects.toThrow(/issuerUrl/);
  });

  test("logs every access without path or query, and slows every route down, the open ones most", () => {
    for (const { Resources } of variants()) {
      const stage = Resources["HttpApiStage"]?.Properties ?? {};
      const { DestinationArn, Format } = stage["AccessLogSettings"] as { DestinationArn: unknown; Format: string };
      expect(DestinationArn).toEqual({ "Fn::GetAtt": ["HttpApiLogGroup", "Arn"] });
      expect(Object.keys(JSON.parse(Format) as object)).toContain("requestId");
      expect(Format).not.toMatch(/context\.path|rawPath|querystring/i);
      const settings = stage["RouteSettings"] as Record<string, { ThrottlingRateLimit: number }>;
      const { ThrottlingRateLimit } = stage["DefaultRouteSettings"] as { ThrottlingRateLimit: number };
      expect(Object.keys(settings).sort()).toEqual(openRoutes);
      for (const { ThrottlingRateLimit: limit } of Object.values(settings)) {
        expect(limit).toBeGreaterThan(0);
        expect(limit).toBeLessThan(ThrottlingRateLimit);
      }
    }
  });

  test("outlasts the slowest cold start and the function's own time", () => {
    const coldStartSeconds = 10;
    for (const [, integration] of ofType(iam, "AWS::ApiGatewayV2::Integration")) {
      const target = (integration.Properties["IntegrationUri"] as { "Fn::GetAtt": [string] })["Fn::GetAtt"][0];
      const seconds = Number(iam.template.Resources[target]?.Properties["Timeout"]);
      expect((seconds + coldStartSeconds) * 1000).toBeLessThanOrEqual(
        Number(integration.Properties["TimeoutInMillis"]),
      );
    }
  });
});

describe("the roles", () => {
  const secret = (name: string) => `secret:rekey/dev/${name}-??????`;
  const common = ["WriteOwnLog", "LeaveDeadLetter"];
  const session = [...common, "ReadApplicationSecret", "ShareSession"];
  const [secretId, sessionSecretId, webhooksSecretId] = ["ReadApplicationSecret", "ShareSession", "ReadWebhooksSecret"];
  const sids = { secretId, sessionSecretId, webhooksSecretId };
  const bucket = ["ReadFleet", "WriteRuns", "ListFleet"];
  const more: Record<string, string[]> = { ticketWebhook: ["StartRekeyDevice", "FindRekeyDevice"] };
  const expected = Object.fromEntries(
    [...operations].map(([name, { secrets = [], usesBucket }]) => {
      const own = [...secrets.map((one) => sids[one]), ...(usesBucket ? bucket : []), ...(more[name] ?? [])];
      return [name, [...common, ...own].sort()];
    }),
  );

  test("are one for each function, and hold exactly what it needs", () => {
    const roles = functionsOf(iam).map(([, resource]) => JSON.stringify(resource.Properties["Role"]));
    expect(new Set(roles).size).toBe(roles.length);
    const found = Object.fromEntries(
      functionsOf(iam).map(([, resource]) => [
        shortName(resource),
        statementsOf(roleOf(iam, shortName(resource)))
          .map((statement) => statement.Sid ?? "without a name")
          .sort(),
      ]),
    );
    expect(found).toEqual(expected);
  });

  test("open each secret by its own name and for its own actions only", () => {
    const actions: Record<string, [string, string[]]> = {
      ReadApplicationSecret: [secret("application"), ["secretsmanager:GetSecretValue"]],
      ReadWebhooksSecret: [secret("webhooks"), ["secretsmanager:GetSecretValue"]],
      ShareSession: [
        secret("session"),
        [
          "secretsmanager:CreateSecret",
          "secretsmanager:DescribeSecret",
          "secretsmanager:GetSecretValue",
          "secretsmanager:PutSecretValue",
          "secretsmanager:UpdateSecretVersionStage",
        ],
      ],
    };
    const statements = Object.keys(expected).flatMap((name) => statementsOf(roleOf(iam, name)));
    for (const [sid, [resource, allowed]] of Object.entries(actions)) {
      const found = statements.filter((statement) => statement.Sid === sid);
      expect(found.length).toBeGreaterThan(0);
      for (const statement of found) {
        expect(statement.Action).toEqual(allowed);
        expect(JSON.stringify(statement.Resource)).toContain(resource);
      }
    }
    const others = statements.filter((statement) => !Object.hasOwn(actions, statement.Sid ?? ""));
    expect(JSON.stringify(others)).not.toContain("secretsmanager:");
  });

  test("never say all resources or all actions, but where AWS knows no resources", () => {
    for (const packaged of [iam, jwt]) {
      const all = ofType(packaged, "AWS::IAM::Role").flatMap(([, role]) => statementsOf(role));
      expect(all.length).toBeGreaterThan(0);
      for (const statement of all.filter(({ Effect }) => Effect === "Allow")) {
        const actions = [statement.Action].flat();
        for (const action of actions) expect(action).not.toContain("*");
        if (![statement.Resource].flat().includes("*")) continue;
        const reason = withoutResources[statement.Sid ?? ""];
        expect(reason, `${statement.Sid} has no reason for all resources`).toBeDefined();
        for (const action of actions) expect(action).toMatch(reason ?? /^$/);
      }
    }
  });

  test("let the functions into the network and to the key only when there is one", () => {
    expect(statementsOf(roleOf(jwt, "authenticate")).map(({ Sid }) => Sid)).toEqual([
      ...session,
      "UseSecretsKey",
      "JoinNetwork",
      "LeaveNetworkToLambda",
    ]);
    for (const [, resource] of functionsOf(jwt)) {
      expect(resource.Properties["VpcConfig"]).toEqual({
        SecurityGroupIds: ["sg-1"],
        SubnetIds: ["subnet-1", "subnet-2"],
      });
    }
    for (const [, resource] of functionsOf(iam)) expect(resource.Properties).not.toHaveProperty("VpcConfig");
  });
});

describe("the functions", () => {
  test("run on Node 24 for ARM, from a bundle of their own name", () => {
    for (const [name, { Properties }] of functionsOf(iam).map(([, one]) => [shortName(one), one] as const)) {
      expect(Properties["Runtime"]).toBe("nodejs24.x");
      expect(Properties["Architectures"]).toEqual(["arm64"]);
      expect(Properties["Handler"]).toBe(`dist/${name}.handler`);
      const own = [...(name === "ticketWebhook" ? [`dist/${name}-expressions.mjs`] : []), `dist/${name}.mjs`];
      expect(entriesOf(iam.zips.get(name) ?? Buffer.alloc(0)).sort()).toEqual(own);
    }
    expect(iam.zips.size).toBe(functionsOf(iam).length);
  });

  test("are packed into the same bytes in another folder at another time", () => {
    expect([...jwt.zips.keys()]).toEqual([...iam.zips.keys()]);
    for (const [name, zip] of iam.zips) expect([name, jwt.zips.get(name)?.equals(zip)]).toEqual([name, true]);
  });

  test("tell the webhooks' secret to the webhook functions alone", () => {
    const told = functionsOf(iam)
      .filter(([, resource]) => JSON.stringify(resource.Properties["Environment"]).includes("REKEY_WEBHOOKS_SECRET_ID"))
      .map(([, resource]) => shortName(resource));
    expect(told).toEqual(
      Object.keys(Object.fromEntries(functionsOf(iam).map(([, resource]) => [shortName(resource), true]))).filter(
        (name) => statementsOf(roleOf(iam, name)).some(({ Sid }) => Sid === "ReadWebhooksSecret"),
      ),
    );
  });

  test("are given only variables that the configuration reads", async () => {
    const source = await readFile(join(import.meta.dirname, "../../shared/runtime/config.ts"), "utf8");
    for (const [, resource] of functionsOf(iam)) {
      const { Variables } = resource.Properties["Environment"] as { Variables: Record<string, unknown> };
      expect(Object.keys(Variables).filter((name) => !source.includes(name))).toEqual([]);
    }
  });

  test("are never silently repeated, and leave a letter when an asynchronous invocation fails", () => {
    const configurations = ofType(iam, "AWS::Lambda::EventInvokeConfig");
    expect(configurations).toHaveLength(functionsOf(iam).length);
    for (const [, { Properties }] of configurations) {
      expect(Properties["MaximumRetryAttempts"]).toBe(0);
      expect(JSON.stringify(Properties["DestinationConfig"])).toContain("DeadLetters");
    }
  });
});
