import { type CloudFormationClient, ListStackResourcesCommand } from "@aws-sdk/client-cloudformation";
import { DescribeSecretCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

// The secrets outlive the stack on purpose, so their names are taken when the stack is made again. What exists and is not
// the stack's own is left out of the template and used as it is; CloudFormation would refuse to create it.

/** A template, as far as it matters here. */
export interface Resources {
  readonly Resources: Record<string, { readonly Type: string; readonly Properties?: object }>;
  readonly Outputs: Record<string, unknown>;
}

/** Where to look. */
export interface Account {
  readonly secrets: Pick<SecretsManagerClient, "send">;
  readonly stacks: Pick<CloudFormationClient, "send">;
  readonly stackName: string;
}

/**
 * Takes the secrets that exist outside the stack out of a template, with the outputs that name them.
 *
 * @returns the names of what is used as it is
 * @throws Error where one is marked for deletion, and what the SDK throws
 */
export async function takeUpExistingSecrets(template: Resources, account: Account): Promise<string[]> {
  const created = Object.entries(template.Resources).flatMap(([id, { Type, Properties = {} }]) =>
    Type === "AWS::SecretsManager::Secret" && "Name" in Properties ? [{ id, name: String(Properties.Name) }] : [],
  );
  if (created.length === 0) return [];
  const own = await ownResources(account);
  const taken: string[] = [];
  for (const { id, name } of created) {
    if (own.has(id) || !(await exists(name, account))) continue;
    taken.push(name);
    delete template.Resources[id];
    for (const [output, value] of Object.entries(template.Outputs)) {
      if (JSON.stringify(value).includes(`"Ref":"${id}"`)) delete template.Outputs[output];
    }
  }
  return taken;
}

/** Logical ids of what the stack has; none where there is no stack. */
async function ownResources({ stacks, stackName }: Account): Promise<ReadonlySet<string>> {
  const own = new Set<string>();
  try {
    // In pages: the stack has more than the hundred resources that the other call tells.
    let token: string | undefined;
    do {
      const { StackResourceSummaries = [], NextToken } = await stacks.send(
        new ListStackResourcesCommand({ StackName: stackName, ...(token === undefined ? {} : { NextToken: token }) }),
      );
      for (const { LogicalResourceId = "", ResourceStatus = "" } of StackResourceSummaries) {
        if (!/^(DELETE_|CREATE_FAILED)/.test(ResourceStatus)) own.add(LogicalResourceId);
      }
      token = NextToken;
    } while (token !== undefined);
  } catch (error) {
    if (error instanceof Error && /does not exist/.test(error.message)) return own;
    throw error;
  }
  return own;
}

async function exists(name: string, { secrets }: Account): Promise<boolean> {
  try {
    const { DeletedDate } = await secrets.send(new DescribeSecretCommand({ SecretId: name }));
    if (DeletedDate === undefined) return true;
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") return false;
    throw error;
  }
  throw new Error(
    `The secret ${name} is marked for deletion, and its name is taken until then. ` +
      `Either keep it: aws secretsmanager restore-secret --secret-id ${name}; or be rid of it, for good: ` +
      `aws secretsmanager delete-secret --force-delete-without-recovery --secret-id ${name}. Then deploy again`,
  );
}
