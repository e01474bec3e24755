import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  PutSecretValueCommand,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { nameOf } from "../../shared/errors.ts";
import type { Deployment } from "./deployment.ts";
import { type Line, noSuchService, notTried, ok, reasonOf, red } from "./line.ts";

const label = "REKEY_VERIFY";
const versions = ["a", "b", "c"].map((name) => `rekey-verify-throw-away-version-${name}`);
const [holder = "", other = "", third = ""] = versions;

/**
 * Tries on a throw-away secret what the shared session rests on: what the store must refuse, and what it lists. The
 * secret is deleted for good afterwards.
 */
export async function verifySecretsStore({ clients, settings, nonce }: Deployment): Promise<Line[]> {
  if (clients.secrets === undefined) return [notTried("secrets store", noSuchService)];
  const secretId = `rekey/${settings.stage}/verify-${nonce}`;
  const lines: Line[] = [];
  let created = false;
  try {
    await clients.secrets.send(
      new CreateSecretCommand({ Name: secretId, Description: "Thrown away by npm run verify within a minute" }),
    );
    created = true;
    lines.push(...(await tryWrites(clients.secrets, secretId)), ...(await tryMoves(clients.secrets, secretId)));
  } catch (error) {
    lines.push(red("secrets store", reasonOf(error)));
  }
  if (created) lines.push(await thrownAway(clients.secrets, secretId));
  return lines;
}

async function tryWrites(client: SecretsManagerClient, secretId: string): Promise<Line[]> {
  const put = (version: string, text: string, stages: string[]) =>
    client.send(
      new PutSecretValueCommand({
        ...{ SecretId: secretId, ClientRequestToken: version, SecretString: text, VersionStages: stages },
      }),
    );
  await put(holder, "a", [label]);
  await put(other, "b", [`${label}_B`]);
  await put(third, "c", [`${label}_C`]);
  await put(holder, "a", [label]);
  const repeat = "the same content under a token that is used";
  const what = "other content under a token that is used";
  try {
    await put(holder, "not a", [label]);
  } catch (error) {
    if (nameOf(error) === "ResourceExistsException") return [ok(repeat, "ignored"), ok(what, "refused")];
    return [red(what, `refused in another way than documented: ${reasonOf(error)}`)];
  }
  return [red(what, `taken, and it must be refused. ${unusable}`)];
}

const unusable =
  "Two renewals at once would overwrite each other's token: do not use Rekey on this store, and report it as an issue.";

interface Move {
  readonly what: string;
  readonly from: string | undefined;
  readonly to: string;
  /** What follows where the store does it. */
  readonly help: string;
}

const refusedMoves: readonly Move[] = [
  {
    what: "a label moved without a source while another version holds it",
    from: undefined,
    to: other,
    help: "Rekey makes no such move, but this store is not as AWS documents its own: report it as an issue.",
  },
  {
    what: "a label moved from a version that does not hold it",
    from: other,
    to: third,
    help: "Rekey notices by itself and goes on without a lease: renewals at once may cost more than one login. Report it as an issue.",
  },
  {
    what: "a label moved to where it is, from a version that does not hold it",
    from: other,
    to: holder,
    help: "Rekey notices by itself and goes on without a lease: renewals at once may cost more than one login. Report it as an issue.",
  },
];

async function tryMoves(client: SecretsManagerClient, secretId: string): Promise<Line[]> {
  const lines: Line[] = [];
  for (const move of refusedMoves) {
    lines.push(await tryRefusedMove(client, secretId, move));
    await putBack(client, secretId);
  }
  await client.send(moveOf(secretId, { from: holder, to: other }));
  const at = await holdersOf(client, secretId);
  lines.push(
    at.join() === other
      ? ok("a label moved from the version that holds it", "DescribeSecret lists it where it is now")
      : red(
          "a label moved from the version that holds it",
          `DescribeSecret lists it at ${at.join(", ") || "no version"}: no lease can be seen. Report it as an issue.`,
        ),
  );
  return lines;
}

async function tryRefusedMove(client: SecretsManagerClient, secretId: string, move: Move): Promise<Line> {
  try {
    await client.send(moveOf(secretId, move));
  } catch (error) {
    if (nameOf(error) !== "InvalidParameterException" && nameOf(error) !== "InvalidRequestException") {
      return red(move.what, `refused in another way than documented: ${reasonOf(error)}`);
    }
    const at = await holdersOf(client, secretId);
    if (at.join() === holder) return ok(move.what, "refused");
    return red(move.what, `refused, but the label is at ${at.join(", ") || "no version"} now. ${move.help}`);
  }
  const at = await holdersOf(client, secretId);
  return red(move.what, `done (the label is at ${at.length} versions now), and it must be refused.\n${move.help}`);
}

/** The label rests on its holder alone, whatever a move that should have been refused has done. */
async function putBack(client: SecretsManagerClient, secretId: string): Promise<void> {
  for (const at of (await holdersOf(client, secretId)).filter((version) => version !== holder)) {
    await client.send(moveOf(secretId, { from: at, to: holder }));
  }
}

function moveOf(secretId: string, { from, to }: { from: string | undefined; to: string }) {
  const source = from === undefined ? {} : { RemoveFromVersionId: from };
  return new UpdateSecretVersionStageCommand({
    ...{ SecretId: secretId, VersionStage: label, MoveToVersionId: to, ...source },
  });
}

async function holdersOf(client: SecretsManagerClient, secretId: string): Promise<string[]> {
  const { VersionIdsToStages = {} } = await client.send(new DescribeSecretCommand({ SecretId: secretId }));
  return Object.entries(VersionIdsToStages).flatMap(([version, labels]) => (labels.includes(label) ? [version] : []));
}

async function thrownAway(client: SecretsManagerClient, secretId: string): Promise<Line> {
  const what = "the throw-away secret";
  try {
    await client.send(new DeleteSecretCommand({ SecretId: secretId, ForceDeleteWithoutRecovery: true }));
    return ok(what, "deleted");
  } catch (error) {
    return red(what, `${reasonOf(error)}\nDelete ${secretId} yourself.`);
  }
}
