import { beforeAll, describe, expect, test } from "vitest";
import { operations } from "../operations.ts";
import {
  functionsOf,
  jwtParameters,
  ofType,
  type Packaged,
  packageService,
  roleOf,
  shortName,
  statementsOf,
} from "./packaging.ts";

/** Where AWS knows no resources for an action, by the statement's Sid; nothing else may say `Resource: "*"`. */
const withoutResources: Readonly<Record<string, RegExp>> = {
  JoinNetwork: /^ec2:(Assign|Create|Delete|Describe|Unassign)[A-Za-z]+$/,
  DeliverLogs: /^logs:[A-Z][A-Za-z]+$/,
  SendTraces: /^xray:(Put|GetSampling)[A-Za-z]+$/,
};

let iam: Packaged;
let jwt: Packaged;

beforeAll(async () => {
  iam = await packageService();
  jwt = await packageService(jwtParameters);
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
