import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faultsOf, listOf, readParameters, warningsOf } from "../../deploy/parameters.ts";
import { operations } from "../operations.ts";
import { functionsOf, jwtParameters, ofType, packageService } from "./packaging.ts";

const functionNames = [...operations.keys()];
const defaults = {
  ...{ authorizer: "iam", jwtIssuer: "", jwtAudience: "", secrets: "create" },
  ...{ applicationSecret: "rekey/prod/application", sessionSecret: "rekey/prod/session" },
  ...{ webhooksSecret: "rekey/prod/webhooks", secretsKmsKeyArn: "", logLevel: "INFO", logRetentionDays: 90 },
  ...{ subnetIds: "", securityGroupIds: "", alarmTopicArn: "", alarmEmail: "" },
};

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "rekey-parameters-"));
  mkdirSync(join(directory, "deploy"));
  writeFileSync(join(directory, "deploy/alarms.yml"), "Resources: {}\n");
});
afterAll(() => rmSync(directory, { recursive: true }));

function told(commandLine: readonly string[], more: { stage?: string; region?: string; exportedRegion?: string } = {}) {
  const { stage = "prod", region = "eu-central-1", exportedRegion } = more;
  return readParameters({ directory, stage, region, exportedRegion, commandLine, defaults });
}

/** As the framework would have it: what the file says is in the defaults already. */
function toldByFile(text: string, exportedRegion?: string) {
  writeFileSync(join(directory, "deploy/prod.yml"), text);
  try {
    return told([], exportedRegion === undefined ? {} : { exportedRegion });
  } finally {
    rmSync(join(directory, "deploy/prod.yml"));
  }
}

const arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ours/platform-AbCdEf";

describe("a parameter is refused in words where", () => {
  test.each<[string, string[], RegExp]>([
    ["no parameter has its name", ["loglevel=DEBUG"], /"loglevel".*is logLevel meant\?/],
    ["it is the region", ["region=eu-west-1"], /--region or AWS_REGION/],
    ["its name is one of JavaScript's own", ["constructor=1"], /no such parameter/],
    ["it has no value", ["logLevel"], /has no value/],
    ["the authorizer is none", ["authorizer=none"], /authorizer "none": iam or jwt/],
    ["jwt has no issuer", ["authorizer=jwt", "jwtAudience=a"], /jwtIssuer "".*https address/],
    ["the issuer is not reached by https", ["authorizer=jwt", "jwtAudience=a", "jwtIssuer=http://a.b"], /jwtIssuer/],
    ["jwt has no audience", ["authorizer=jwt", "jwtIssuer=https://a.b"], /jwtAudience/],
    ["an issuer is given without jwt", ["jwtIssuer=https://a.b"], /no effect without authorizer=jwt/],
    ["secrets is neither", ["secrets=keep"], /secrets "keep": create or existing/],
    ["a secret is named by its ARN", [`applicationSecret=${arn}`], /its name is meant, not its ARN: ours\/platform$/],
    ["a secret's name has a blank", ["webhooksSecret=our secret"], /webhooksSecret "our secret"/],
    ["two secrets are one", ["sessionSecret=rekey/prod/application"], /three names/],
    ["the key is an alias", ["secretsKmsKeyArn=alias/ours"], /no alias/],
    ["the key is another region's", ["secretsKmsKeyArn=arn:aws:kms:eu-west-1:123456789012:key/1-2"], /eu-central-1/],
    ["the log level is none", ["logLevel=debug"], /logLevel "debug": DEBUG, INFO, WARN, ERROR/],
    ["CloudWatch keeps no log for so long", ["logRetentionDays=100"], /90, 120/],
    ["the days are no number", ["logRetentionDays=ever"], /logRetentionDays "ever"/],
    ["subnets come alone", ["subnetIds=subnet-1"], /subnetIds: needs securityGroupIds/],
    ["security groups come alone", ["securityGroupIds=sg-1"], /securityGroupIds: needs subnetIds/],
    ["a list has blanks", ["subnetIds=subnet-1, subnet-2", "securityGroupIds=sg-1"], /" subnet-2": has a blank/],
    ["a list ends with a comma", ["subnetIds=subnet-1,", "securityGroupIds=sg-1"], /subnetIds "": is none/],
    ["a list has something else in it", ["subnetIds=vpc-1", "securityGroupIds=sg-1"], /"vpc-1": is none/],
    ["a list names one twice", ["subnetIds=subnet-1,subnet-1", "securityGroupIds=sg-1"], /names one twice/],
    ["the address is none", ["alarmEmail=ops"], /alarmEmail "ops": one address/],
    ["there are two addresses", ["alarmEmail=a@example.com,b@example.com"], /one address/],
    ["the topic is an address", ["alarmTopicArn=ops@example.com"], /the ARN of a topic in eu-central-1/],
    ["the topic is another region's", ["alarmTopicArn=arn:aws:sns:eu-west-1:123456789012:ops"], /in eu-central-1/],
    ["the topic is FIFO", ["alarmTopicArn=arn:aws:sns:eu-central-1:123456789012:ops.fifo"], /no FIFO/],
    [
      "an address stands beside a topic",
      ["alarmEmail=ops@example.com", "alarmTopicArn=arn:aws:sns:eu-central-1:123456789012:ops"],
      /one of them/,
    ],
  ])("%s", (_, commandLine, words) => {
    const faults = faultsOf(told(commandLine), functionNames);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(words);
  });

  test("nothing is wrong there is no fault", () => {
    expect(faultsOf(told([]), functionNames)).toEqual([]);
    expect(faultsOf(told(jwtParameters), functionNames)).toEqual([]);
    expect(faultsOf(told(["alarmTopicArn=arn:aws:sns:eu-central-1:123456789012:ops"]), functionNames)).toEqual([]);
  });

  test("several things are wrong all of them are told", () => {
    expect(faultsOf(told(["logLevel=x", "secrets=x", "nonsense=1"]), functionNames)).toHaveLength(3);
  });
});

describe("a stage", () => {
  test.each([
    ["my_stage", /letters, digits and hyphens/],
    ["1", /a letter first/],
    ["alarms", /a part of Rekey/],
    [`p${"x".repeat(41)}`, /41 characters at most, since Lambda takes 64 in rekey-<stage>-\w+$/],
  ])("is not called %s", (stage, words) => {
    expect(faultsOf(told([], { stage }), functionNames)).toEqual([expect.stringMatching(words)]);
  });

  test("may be as long as leaves the longest function its 64 characters", () => {
    const stage = "p".repeat(41);
    expect(faultsOf(told([], { stage }), functionNames)).toEqual([]);
    const names = functionNames.map((name) => `rekey-${stage}-${name}`.length);
    expect(Math.max(...names)).toBe(64);
  });
});

describe("a stage's file", () => {
  test.each([
    ["subnets: subnet-1\n", /deploy\/prod.yml, subnets: there is no such parameter/],
    ["alarmEmail:\n", /alarmEmail: has no value/],
    ["subnetIds: { a: subnet-1 }\n", /neither a text nor a list/],
    ["- logLevel\n", /has no "name: value" in it/],
    ["just a text\n", /has no "name: value" in it/],
  ])("with %j in it is refused", (text, words) => {
    expect(faultsOf(toldByFile(text), functionNames)).toEqual([expect.stringMatching(words)]);
  });

  test("may be empty, and may say the region, as long as nobody says another one", () => {
    expect(faultsOf(toldByFile(""), functionNames)).toEqual([]);
    expect(faultsOf(toldByFile("region: eu-central-1\n", "eu-central-1"), functionNames)).toEqual([]);
    expect(faultsOf(toldByFile("region: eu-central-1\n", "eu-west-1"), functionNames)).toEqual([
      expect.stringMatching(/says eu-central-1 and AWS_REGION says eu-west-1/),
    ]);
  });

  test("is warned of where no alarm would reach anybody", () => {
    expect(warningsOf(told([]))).toEqual([expect.stringMatching(/No alarm will reach anybody.*deploy\/prod\.yml/)]);
    expect(warningsOf(told(["alarmEmail=ops@example.com"]))).toEqual([]);
  });
});

test("a list is a YAML list or a text with commas", () => {
  expect([listOf(["a", "b"]), listOf("a,b"), listOf("")]).toEqual([["a", "b"], ["a", "b"], []]);
});

describe("npx serverless package", () => {
  test("takes a stage's parameters from its file, lists as lists, and those of the command line before them", async () => {
    const file = [
      ...["logLevel: WARN", "logRetentionDays: 30", "region: eu-west-1", "alarmEmail: ops@example.com"],
      ...["subnetIds: [subnet-1, subnet-2]", "securityGroupIds: [sg-1]"],
    ].join("\n");
    const packaged = await packageService(["logRetentionDays=60"], { "deploy/dev.yml": file });
    for (const [, { Properties }] of functionsOf(packaged)) {
      expect(Properties["Environment"]).toMatchObject({ Variables: { LOG_LEVEL: "WARN" } });
      expect(Properties["VpcConfig"]).toEqual({ SubnetIds: ["subnet-1", "subnet-2"], SecurityGroupIds: ["sg-1"] });
    }
    for (const [, group] of ofType(packaged, "AWS::Logs::LogGroup")) {
      expect(Number(group.Properties["RetentionInDays"])).toBe(60);
    }
  });

  test("refuses what is wrong in words, all of it at once, before anything is built", async () => {
    const wrong = packageService(["authorizer=none", "secrets=keep", "logLevel=x", "nonsense=1"]);
    await expect(wrong).rejects.toThrow(/"nonsense".*authorizer "none".*secrets "keep".*logLevel "x"/s);
    await expect(wrong).rejects.not.toThrow(/Packaging/);
  });
});
