import { spawn } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const repository = join(import.meta.dirname, "../..");

/** Everything that can be turned the other way than by default: JWT, secrets that exist, a network, a key, an address. */
export const jwtParameters = [
  "authorizer=jwt",
  "jwtIssuer=https://issuer.example.com",
  "jwtAudience=rekey",
  "secrets=existing",
  "subnetIds=subnet-1,subnet-2",
  "securityGroupIds=sg-1",
  "secretsKmsKeyArn=arn:aws:kms:eu-central-1:111122223333:key/1234",
  "alarmEmail=ops@example.com",
];

/** One resource of the emitted template. */
export interface Resource {
  Type: string;
  Properties: Record<string, unknown>;
  DependsOn?: string | string[];
  DeletionPolicy?: string;
}

/** What CloudFormation would be given. */
export interface Template {
  Resources: Record<string, Resource>;
  Outputs: Record<string, unknown>;
  Conditions: Record<string, unknown>;
}

/** What one packaging left. */
export interface Packaged {
  readonly template: Template;
  /** The zips by function name. */
  readonly zips: ReadonlyMap<string, Buffer>;
}

/**
 * Runs `serverless package` on a copy of the sources in a folder of its own, so that neither dist nor .serverless of
 * the working tree is touched, with nothing in the environment that could stand for an account.
 *
 * @param parameters as given by `--param`, for instance `["authorizer=jwt"]`
 * @param files texts that are put over the sources, by path
 * @throws Error with the framework's own words when it refuses
 */
export async function packageService(
  parameters: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
): Promise<Packaged> {
  return onCopy(files, async (directory) => {
    await run(directory, ["package", ...parameters.map((parameter) => `--param=${parameter}`)]);
    return collect(join(directory, ".serverless"));
  });
}

/**
 * Runs `serverless deploy` as far as it comes with these variables in the environment, which name stand-ins for AWS.
 *
 * @returns what would have been deployed, and what was said
 */
export async function deployService(
  environment: Readonly<Record<string, string>>,
): Promise<Pick<Packaged, "template"> & { readonly said: string }> {
  return onCopy({}, async (directory) => {
    const said = await run(directory, ["deploy"], environment).catch((error: unknown) => String(error));
    return { ...(await collect(join(directory, ".serverless"))), said };
  });
}

async function onCopy<Result>(
  files: Readonly<Record<string, string>>,
  work: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), "rekey-package-"));
  try {
    for (const name of await readdir(repository)) {
      if (/^(functions|shared|build|deploy|serverless\.yml|package\.json|tsconfig\.json)$/.test(name)) {
        await cp(join(repository, name), join(directory, name), { recursive: true });
      }
    }
    await symlink(join(repository, "node_modules"), join(directory, "node_modules"), "dir");
    for (const [path, text] of Object.entries(files)) await writeFile(join(directory, path), text);
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function collect(output: string): Promise<Packaged> {
  const text = await readFile(join(output, "cloudformation-template-update-stack.json"), "utf8");
  const zips = new Map<string, Buffer>();
  for (const name of (await readdir(output)).filter((file) => file.endsWith(".zip"))) {
    zips.set(name.slice(0, -".zip".length), await readFile(join(output, name)));
  }
  return { template: JSON.parse(text) as Template, zips };
}

function run(directory: string, args: readonly string[], environment = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const serverless = join(repository, "node_modules/serverless/bin/serverless.js");
    const child = spawn(process.execPath, [serverless, ...args], {
      cwd: directory,
      env: {
        PATH: `${join(repository, "node_modules/.bin")}:${process.env["PATH"]}`,
        HOME: directory,
        TMPDIR: directory,
        npm_config_offline: "true",
        AWS_EC2_METADATA_DISABLED: "true",
        ...environment,
      },
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (said = said.concat(String(chunk))));
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(said) : reject(new Error(`serverless ended with ${code}: ${said}`)),
    );
  });
}

/** The names of a zip's entries, from its central directory. */
export function entriesOf(zip: Buffer): string[] {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  const names: string[] = [];
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const length = zip.readUInt16LE(at + 28);
    names.push(zip.toString("utf8", at + 46, at + 46 + length));
    at += 46 + length + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return names;
}

/** The resources of a type, with their logical ids. */
export const ofType = (packaged: Packaged, type: string): [string, Resource][] =>
  Object.entries(packaged.template.Resources).filter(([, resource]) => resource.Type === type);
/** The functions of a template. */
export const functionsOf = (packaged: Packaged) => ofType(packaged, "AWS::Lambda::Function");
/** A function's name without service and stage. */
export const shortName = (resource: Resource) => String(resource.Properties["FunctionName"]).replace("rekey-dev-", "");

/** A statement of a policy. */
export interface Statement {
  Sid?: string;
  Effect: string;
  Action: string | string[];
  Resource: unknown;
}

/** All that a role says. */
export function statementsOf(role: Resource | undefined): Statement[] {
  const policies = (role?.Properties["Policies"] ?? []) as { PolicyDocument: { Statement: Statement[] } }[];
  return policies.flatMap((policy) => policy.PolicyDocument.Statement);
}

/** The role of the function with this short name. */
export function roleOf(packaged: Packaged, name: string): Resource | undefined {
  const [, resource] = functionsOf(packaged).find(([, candidate]) => shortName(candidate) === name) ?? [];
  const role = resource?.Properties["Role"] as { "Fn::GetAtt": [string, string] } | undefined;
  return packaged.template.Resources[role?.["Fn::GetAtt"][0] ?? ""];
}
