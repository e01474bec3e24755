import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { memberOf } from "../shared/json.ts";

// What a deployment may be told, checked before anything is built: a parameter that CloudFormation refuses costs ten
// minutes and a rollback, one that is misspelt costs the night in which it was missed.

/**
 * Days that CloudWatch Logs can keep a log group for.
 * https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
 */
const retentions = [
  ...[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
];
const logLevels = ["DEBUG", "INFO", "WARN", "ERROR"];
const longestFunctionName = 64;
const secretNames = ["applicationSecret", "sessionSecret", "webhooksSecret"];

type Values = Readonly<Record<string, unknown>>;

/** What a deployment was told, and by whom. */
export interface Parameters {
  readonly stage: string;
  /** The stage's file, whether it exists or not. */
  readonly file: string;
  readonly region: string;
  /** `AWS_REGION`, where it is set. */
  readonly exportedRegion: string | undefined;
  /** `--param`s by name; undefined where one has no value. */
  readonly commandLine: ReadonlyMap<string, string | undefined>;
  /** What the stage's file holds; empty where there is none. */
  readonly stageFile: unknown;
  /** What counts, of every parameter that exists: the command line's, else the file's, else the default. */
  readonly values: Values;
  /** Stages whose file would be a part of Rekey. */
  readonly reserved: readonly string[];
}

/** What the framework knows when it loads plugins. */
export interface Told {
  readonly directory: string;
  readonly stage: string;
  readonly region: string;
  readonly exportedRegion: string | undefined;
  /** `name=value`, as the command line has them. */
  readonly commandLine: readonly string[];
  /** `params.default` of serverless.yml, resolved: the stage's file is in it. */
  readonly defaults: Values;
}

/** Puts together what a deployment is told. @throws where the stage's file is no YAML */
export function readParameters({ directory, stage, defaults, ...told }: Told): Parameters {
  const commandLine = new Map(told.commandLine.map(partsOf));
  const file = `deploy/${stage}.yml`;
  const reserved = ownFiles.filter((name) => existsSync(join(directory, "deploy", `${name}.yml`)));
  const isThere = !reserved.includes(stage) && existsSync(join(directory, file));
  const stageFile: unknown = isThere ? (parse(readFileSync(join(directory, file), "utf8")) ?? {}) : {};
  const values: Record<string, unknown> = { ...defaults };
  for (const [name, value] of commandLine)
    if (Object.hasOwn(defaults, name) && value !== undefined) values[name] = value;
  const { region, exportedRegion } = told;
  return { stage, file, region, exportedRegion, commandLine, stageFile, values, reserved };
}

const ownFiles = ["alarms", "dashboard", "fleet", "grants", "resources", "secrets", "workflows"];

function partsOf(text: string): [string, string | undefined] {
  const at = text.indexOf("=");
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/**
 * What is wrong with the parameters, each fault a sentence that says what is meant.
 *
 * @param functionNames without service and stage
 */
export function faultsOf(parameters: Parameters, functionNames: readonly string[]): string[] {
  const { values, region } = parameters;
  return [
    ...stageFaults(parameters, functionNames),
    ...nameFaults(parameters),
    ...regionFaults(parameters),
    ...accessFaults(values),
    ...secretFaults(values, region),
    ...logFaults(values),
    ...networkFaults(values),
    ...alarmFaults(values, region),
  ];
}

/** What is allowed and hardly meant. */
export function warningsOf({ values, file }: Parameters): string[] {
  if (textOf(values, "alarmEmail") !== "" || textOf(values, "alarmTopicArn") !== "") return [];
  return [`No alarm will reach anybody: give alarmEmail or alarmTopicArn in ${file}`];
}

/** The items of a list, however it is written: a YAML list, or a text with commas. */
export function listOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return value === "" ? [] : String(value).split(",");
}

function stageFaults({ stage, reserved }: Parameters, functionNames: readonly string[]): string[] {
  if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(stage)) {
    return [`stage "${stage}": letters, digits and hyphens, a letter first`];
  }
  if (reserved.includes(stage)) return [`stage "${stage}": deploy/${stage}.yml is a part of Rekey; name it otherwise`];
  const longest = functionNames.reduce((one, other) => (other.length > one.length ? other : one), "");
  const room = longestFunctionName - `rekey--${longest}`.length;
  if (stage.length <= room) return [];
  return [
    `stage "${stage}": ${room} characters at most, since Lambda takes ${longestFunctionName} in rekey-<stage>-${longest}`,
  ];
}

function nameFaults({ commandLine, stageFile, file, values }: Parameters): string[] {
  const known = Object.keys(values);
  const hint = (name: string) => {
    if (name === "region") return "the region is given by --region or AWS_REGION";
    if (name === "stage") return "the stage is given by --stage";
    const near = known.find((one) => one.toLowerCase() === name.toLowerCase());
    return near === undefined ? `known are ${known.join(", ")}` : `is ${near} meant?`;
  };
  if (typeof stageFile !== "object" || stageFile === null || Array.isArray(stageFile)) {
    return [`${file}: has no "name: value" in it`];
  }
  const inFile = Object.entries(stageFile);
  return [
    ...[...commandLine].flatMap(([name, value]) => {
      if (!known.includes(name)) return [`--param "${name}": there is no such parameter; ${hint(name)}`];
      return value === undefined ? [`--param "${name}": has no value, as in --param="${name}=..."`] : [];
    }),
    ...inFile
      .filter(([name]) => name !== "region" && !known.includes(name))
      .map(([name]) => `${file}, ${name}: there is no such parameter; ${hint(name)}`),
    ...inFile
      .filter(([, value]) => value === null)
      .map(([name]) => `${file}, ${name}: has no value; leave the line out for the default`),
    ...inFile
      .filter(([, value]) => typeof value === "object" && value !== null && !Array.isArray(value))
      .map(([name]) => `${file}, ${name}: is neither a text nor a list`),
  ];
}

function regionFaults({ stageFile, file, region, exportedRegion }: Parameters): string[] {
  if (!/^[a-z]{2,}(-[a-z]+)+-\d+$/.test(region)) return [`region "${region}": is none, such as eu-central-1`];
  const named = memberOf(stageFile, "region");
  if (named === undefined || exportedRegion === undefined || exportedRegion === named) return [];
  return [`region: ${file} says ${String(named)} and AWS_REGION says ${exportedRegion}; which one is meant?`];
}

function accessFaults(values: Values): string[] {
  const authorizer = textOf(values, "authorizer");
  const jwtIssuer = textOf(values, "jwtIssuer");
  const jwtAudience = textOf(values, "jwtAudience");
  if (authorizer === "jwt") {
    return [
      ...(/^https:\/\/[^\s]+$/.test(jwtIssuer)
        ? []
        : [`jwtIssuer "${jwtIssuer}": authorizer=jwt needs its https address`]),
      ...(/^\S+$/.test(jwtAudience) ? [] : [`jwtAudience "${jwtAudience}": authorizer=jwt needs one, without blanks`]),
    ];
  }
  if (authorizer !== "iam") return [`authorizer "${authorizer}": iam or jwt`];
  return Object.entries({ jwtIssuer, jwtAudience })
    .filter(([, value]) => value !== "")
    .map(([name]) => `${name}: has no effect without authorizer=jwt`);
}

function secretFaults(values: Values, region: string): string[] {
  const secrets = textOf(values, "secrets");
  const secretsKmsKeyArn = textOf(values, "secretsKmsKeyArn");
  const faults = ["create", "existing"].includes(secrets) ? [] : [`secrets "${secrets}": create or existing`];
  for (const name of secretNames) {
    const value = textOf(values, name);
    const [, bare] = /^arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.+?)(?:-[A-Za-z0-9]{6})?$/.exec(value) ?? [];
    if (bare !== undefined) faults.push(`${name} "${value}": its name is meant, not its ARN: ${bare}`);
    else if (!/^[A-Za-z0-9/_+=.@-]{1,512}$/.test(value)) {
      faults.push(`${name} "${value}": a secret's name has letters, digits and /_+=.@- only`);
    }
  }
  if (new Set(secretNames.map((name) => textOf(values, name))).size < secretNames.length) {
    faults.push(`${secretNames.join(", ")}: are three secrets with three names`);
  }
  if (secretsKmsKeyArn !== "" && !isArn(secretsKmsKeyArn, "kms", region, "key/[A-Za-z0-9-]+")) {
    faults.push(
      `secretsKmsKeyArn "${secretsKmsKeyArn}": the ARN of a key in ${region} is meant (arn:aws:kms:${region}:...:key/...), no alias`,
    );
  }
  return faults;
}

function logFaults(values: Values): string[] {
  const logLevel = textOf(values, "logLevel");
  const logRetentionDays = textOf(values, "logRetentionDays");
  return [
    ...(logLevels.includes(logLevel) ? [] : [`logLevel "${logLevel}": ${logLevels.join(", ")}`]),
    ...(retentions.includes(Number(logRetentionDays))
      ? []
      : [`logRetentionDays "${logRetentionDays}": CloudWatch keeps logs for ${retentions.join(", ")} days`]),
  ];
}

function networkFaults(values: Values): string[] {
  const subnetIds = listOf(values["subnetIds"] ?? "");
  const securityGroupIds = listOf(values["securityGroupIds"] ?? "");
  const faults = [
    ...itemFaults("subnetIds", subnetIds, /^subnet-[0-9a-z]+$/, "subnet-1,subnet-2"),
    ...itemFaults("securityGroupIds", securityGroupIds, /^sg-[0-9a-z]+$/, "sg-1"),
  ];
  const lacks = (one: string, other: string) => `${one}: needs ${other} beside it, or the functions join no network`;
  if (subnetIds.length > 0 && securityGroupIds.length === 0) faults.push(lacks("subnetIds", "securityGroupIds"));
  if (securityGroupIds.length > 0 && subnetIds.length === 0) faults.push(lacks("securityGroupIds", "subnetIds"));
  return faults;
}

function itemFaults(name: string, items: readonly string[], pattern: RegExp, example: string): string[] {
  const wrong = items.filter((item) => !pattern.test(item));
  return [
    ...wrong.map((item) => `${name} "${item}": ${/\s/.test(item) ? "has a blank" : "is none"}; right is ${example}`),
    ...(new Set(items).size < items.length ? [`${name}: names one twice`] : []),
  ];
}

function alarmFaults(values: Values, region: string): string[] {
  const alarmEmail = textOf(values, "alarmEmail");
  const alarmTopicArn = textOf(values, "alarmTopicArn");
  const faults: string[] = [];
  if (alarmEmail !== "" && alarmTopicArn !== "") {
    faults.push("alarmEmail, alarmTopicArn: one of them; subscribe the address to the topic yourself");
  }
  if (alarmEmail !== "" && !/^[^\s@,;]+@[^\s@,;]+\.[^\s@,;]+$/.test(alarmEmail)) {
    faults.push(`alarmEmail "${alarmEmail}": one address, as in ops@example.com`);
  }
  if (alarmTopicArn !== "" && !isArn(alarmTopicArn, "sns", region, "[A-Za-z0-9_-]+")) {
    faults.push(
      `alarmTopicArn "${alarmTopicArn}": the ARN of a topic in ${region} is meant (arn:aws:sns:${region}:...:name), no FIFO topic`,
    );
  }
  return faults;
}

function textOf(values: Values, name: string): string {
  return String(values[name] ?? "");
}

function isArn(text: string, service: string, region: string, resource: string): boolean {
  return new RegExp(`^arn:aws[a-z-]*:${service}:${region}:\\d{12}:${resource}$`).test(text);
}
