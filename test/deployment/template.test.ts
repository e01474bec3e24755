import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { loadAwsServiceSpec } from "@aws-cdk/aws-service-spec";
import { beforeAll, describe, expect, test } from "vitest";
import { ownRoutes } from "../operations.ts";
import {
  entriesOf,
  functionsOf,
  jwtParameters,
  ofType,
  type Packaged,
  packageService,
  type Resource,
  roleOf,
  shortName,
  statementsOf,
} from "./packaging.ts";

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
      // A first deployment that fails takes them with it, so that it can be repeated.
      expect(secret.DeletionPolicy).toBe("RetainExceptOnCreate");
      expect(secret.Properties).not.toHaveProperty("SecretString");
    }
    expect(ofType(jwt, "AWS::SecretsManager::Secret")).toEqual([]);
  });

  test("encrypts the bucket under KMS with a key of the bucket's own, so that an object costs no call", () => {
    const [, bucket] = ofType(iam, "AWS::S3::Bucket").find(([id]) => id === "FleetBucket") ?? [];
    expect(bucket?.DeletionPolicy).toBe("RetainExceptOnCreate");
    expect(bucket?.Properties["BucketEncryption"]).toEqual({
      ServerSideEncryptionConfiguration: [
        { ServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" }, BucketKeyEnabled: true },
      ],
    });
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
    await expect(packageService(["authorizer=jwt"])).rejects.toThrow(/jwtIssuer "".*https/);
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

describe("the functions", () => {
  test("run on Node 24 for ARM, from a bundle of their own name", () => {
    for (const [name, { Properties }] of functionsOf(iam).map(([, one]) => [shortName(one), one] as const)) {
      expect(Properties["Runtime"]).toBe("nodejs24.x");
      expect(Properties["Architectures"]).toEqual(["arm64"]);
      expect(Properties["Handler"]).toBe(`dist/${name}.handler`);
      const own = [...(name === "ticketWebhook" ? [`dist/parts/${name}-expressions.mjs`] : []), `dist/${name}.mjs`];
      expect(entriesOf(iam.zips.get(name) ?? Buffer.alloc(0)).sort()).toEqual(own.sort());
      // Lambda's client tries the handler's path as it stands before it tries endings: no folder may have its name.
      expect(own.filter((path) => path.startsWith(`dist/${name}/`))).toEqual([]);
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
