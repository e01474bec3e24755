import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { takeUpExistingSecrets } from "./existing-secrets.ts";
import { faultsOf, listOf, readParameters, warningsOf } from "./parameters.ts";

/**
 * What serverless.yml asks for that the framework does not do by itself: it checks what a deployment is told before
 * anything is done, takes up the secrets that exist, builds before it packages, gives every
 * function a role of its own made of the `grants` its block names, puts the functions into a network when there is one,
 * and the definitions into the state machines of deploy/workflows.yml.
 */
export default class RekeyPlugin {
  constructor(serverless, _options, { log }) {
    this.serverless = serverless;
    this.log = log;
    this.checkParameters();
    serverless.configSchemaHandler.defineFunctionProperties("aws", {
      type: "object",
      properties: { grants: { type: "array", items: { type: "string" }, uniqueItems: true } },
    });
    this.hooks = {
      initialize: () => {
        this.completeFunctions();
        this.putInDefinitions();
      },
      "before:package:initialize": () => this.takeUpSecrets(),
      "before:package:createDeploymentArtifacts": () => build(serverless.serviceDir),
    };
  }

  /** @throws the framework's error, with every fault of the parameters in words */
  checkParameters() {
    const { serverless } = this;
    const { params, provider, functions } = serverless.configurationInput;
    const parameters = readParameters({
      directory: serverless.serviceDir,
      stage: provider.stage,
      region: provider.region,
      exportedRegion: process.env.AWS_REGION,
      commandLine: serverless.processedInput.options.param ?? [],
      defaults: params.default,
    });
    const faults = faultsOf(parameters, Object.keys(functions));
    if (faults.length > 0) {
      throw new serverless.classes.Error(`Nothing was done:\n  ${faults.join("\n  ")}`, "REKEY_PARAMETERS");
    }
    if (["package", "deploy"].includes(serverless.processedInput.commands[0])) {
      for (const warning of warningsOf(parameters)) this.log.warning(warning);
    }
  }

  /** Secrets that a removed stack has left behind are used again; `serverless package` asks no account and creates all. */
  async takeUpSecrets() {
    const { service, processedInput } = this.serverless;
    if (processedInput.commands.join(" ") !== "deploy") return;
    const provider = this.serverless.getProvider("aws");
    const config = await provider.getAwsSdkV3Config();
    const taken = await takeUpExistingSecrets(service.resources, {
      secrets: new SecretsManagerClient(config),
      stacks: new CloudFormationClient(config),
      stackName: provider.naming.getStackName(),
    });
    for (const name of taken) this.log.notice(`The secret ${name} exists and is used as it is`);
  }

  /** Roles, network, crash counters: all that follows from the function blocks alone. */
  completeFunctions() {
    const { service } = this.serverless;
    // `resources` is a list of files in serverless.yml; the framework merges it into one before plugins initialize.
    const { Resources } = service.resources;
    const naming = this.serverless.getProvider("aws").naming;
    const { grants, network, secretsKmsKeyArn } = service.custom;
    const [subnetIds, securityGroupIds] = [listOf(network.subnetIds), listOf(network.securityGroupIds)];
    const vpc = subnetIds.length > 0;
    if (vpc) service.provider.vpc = { subnetIds, securityGroupIds };
    for (const [name, block] of Object.entries(service.functions)) {
      const title = naming.getNormalizedFunctionName(name);
      const arn = `arn:\${AWS::Partition}:lambda:\${AWS::Region}:\${AWS::AccountId}:function:${block.name}`;
      const statements = [writeOwnLog(naming.getLogGroupLogicalId(name)), ...grants.deadLetters];
      for (const grant of block.grants ?? []) {
        if (!Object.hasOwn(grants, grant)) throw new Error(`Function "${name}" names an unknown grant "${grant}"`);
        statements.push(...grants[grant]);
      }
      if (secretsKmsKeyArn !== "" && (block.grants ?? []).some((grant) => grant.endsWith("Secret"))) {
        statements.push(useSecretsKey(secretsKmsKeyArn));
      }
      if (vpc) statements.push(...joinNetwork(arn));
      Resources[`${title}Role`] = lambdaRole(statements);
      Resources[`${title}CrashFilter`] = crashFilter(naming.getLogGroupLogicalId(name), service.custom.crashNamespace);
      block.role = `${title}Role`;
      // The framework's default of two silent repeats would send a change again without being asked to.
      block.maximumRetryAttempts = 0;
      block.destinations = { onFailure: { type: "sqs", arn: { "Fn::GetAtt": ["DeadLetters", "Arn"] } } };
    }
  }

  /** Every state machine's definition, as the file has it; each of its placeholders must have its substitution. */
  putInDefinitions() {
    const { service, serviceDir } = this.serverless;
    for (const { Type, Properties } of Object.values(service.resources.Resources)) {
      if (Type !== "AWS::StepFunctions::StateMachine") continue;
      const name = Properties.StateMachineName.split("-").at(-1);
      Properties.DefinitionString = definitionOf(name, Properties.DefinitionSubstitutions, serviceDir);
    }
  }
}

function definitionOf(name, substitutions, serviceDir) {
  const file = `functions/${name}.asl.json`;
  const definition = readFileSync(join(serviceDir, file), "utf8");
  const used = new Set([...definition.matchAll(/\$\{([^}]+)\}/g)].map(([, key]) => key));
  for (const key of used) {
    if (!Object.hasOwn(substitutions, key))
      throw new Error(`${file} names \${${key}}, which nothing in deploy/workflows.yml answers`);
  }
  const unused = Object.keys(substitutions).filter((key) => !used.has(key));
  if (unused.length > 0) throw new Error(`deploy/workflows.yml gives ${file} what it does not name: ${unused}`);
  return definition;
}

function lambdaRole(statements) {
  return {
    Type: "AWS::IAM::Role",
    Properties: {
      AssumeRolePolicyDocument: {
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
      },
      Policies: [{ PolicyName: "own", PolicyDocument: { Version: "2012-10-17", Statement: statements } }],
    },
  };
}

function writeOwnLog(logGroup) {
  return {
    Sid: "WriteOwnLog",
    Effect: "Allow",
    Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
    Resource: { "Fn::GetAtt": [logGroup, "Arn"] },
  };
}

function useSecretsKey(keyArn) {
  return {
    Sid: "UseSecretsKey",
    Effect: "Allow",
    Action: ["kms:Decrypt", "kms:GenerateDataKey"],
    Resource: keyArn,
    Condition: {
      StringEquals: { "kms:ViaService": { "Fn::Sub": `secretsmanager.\${AWS::Region}.amazonaws.com` } },
    },
  };
}

/** EC2 knows no resources for these, so they are allowed on all and denied to the function's own code. */
function joinNetwork(functionArn) {
  const Action = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
  ];
  return [
    { Sid: "JoinNetwork", Effect: "Allow", Action, Resource: "*" },
    {
      Sid: "LeaveNetworkToLambda",
      Effect: "Deny",
      Action,
      Resource: "*",
      Condition: { ArnEquals: { "lambda:SourceFunctionArn": { "Fn::Sub": functionArn } } },
    },
  ];
}

/** A time-out or a crash leaves no line of ours; Lambda's own REPORT line tells of it. */
function crashFilter(logGroup, namespace) {
  return {
    Type: "AWS::Logs::MetricFilter",
    Properties: {
      LogGroupName: { Ref: logGroup },
      FilterPattern: '?"Status: timeout" ?"Task timed out" ?"Runtime exited"',
      MetricTransformations: [{ MetricNamespace: namespace, MetricName: "Crashes", MetricValue: "1", Unit: "Count" }],
    },
  };
}

function build(directory) {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", ["run", "--silent", "build"], {
      cwd: directory,
      stdio: ["ignore", "ignore", "inherit"],
      shell: process.platform === "win32",
    });
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`npm run build ended with ${code}`))));
  });
}
