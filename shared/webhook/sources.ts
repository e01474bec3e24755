import * as z from "zod/mini";
import { type Fault, RekeyError } from "../errors.ts";
import { listed } from "../input-faults.ts";
import { jsonOf, memberOf } from "../json.ts";
import { type Clock, type Deadline, isRecent } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Secrets } from "../runtime/secrets.ts";
import { type Gate, gateOf, isSourceName, readSource, type Source, sourceFaults } from "./source.ts";

/** The webhook sources of the webhooks secret. */
export interface Sources {
  /**
   * The source of a name; undefined where there is none.
   *
   * @throws ConfigurationError the secret cannot be read; SecretsUnavailableError
   */
  get(name: string, deadline: Deadline): Promise<ConfiguredSource | undefined>;
  /**
   * All of them by their names, also those that cannot be used, as the secret is now: for whoever has just changed it.
   *
   * @throws ConfigurationError the secret cannot be read; SecretsUnavailableError
   */
  all(deadline: Deadline): Promise<ReadonlyMap<string, ConfiguredSource>>;
}

/** A source as it is configured: well or not. */
export interface ConfiguredSource {
  /** What verifies its deliveries; undefined where its configuration does not say that. */
  readonly gate: Gate | undefined;
  /** @throws ConfigurationError it is malformed; the log has said once how */
  ready(): Source;
  /** What is wrong with it; in words that hold nothing of a secret. */
  readonly faults: readonly Fault[];
}

/** What is kept of the secret, for a minute: its sources, or why there are none. */
interface Kept {
  readonly versionId: string;
  readonly document: object;
  readonly failure: RekeyError | undefined;
}

// A changed secret is heeded within a minute, at one call a minute and sandbox: also where it cannot be read, or
// strangers could have the store asked without end.
const maxAgeMs = 60_000;

/** Sources kept for a minute. One that is malformed harms no other, and is told in the log once a version of the secret. */
export function createSources(secrets: Secrets, secretId: string, clock: Clock, log: Log): Sources {
  let kept: (Kept & { readonly readAtMs: number }) | undefined;
  const read = new Map<string, Promise<ConfiguredSource>>();

  async function document(deadline: Deadline, ageMs = maxAgeMs): Promise<object> {
    if (kept === undefined || !isRecent(kept.readAtMs, ageMs, clock)) {
      const readAtMs = clock.now();
      const next = await readDocument(secrets, secretId, deadline);
      if (kept?.versionId !== next.versionId || next.failure !== undefined) read.clear();
      kept = { ...next, readAtMs };
      if (next.failure !== undefined) throw next.failure;
    }
    // Its cause has been told with the first one.
    if (kept.failure !== undefined) throw new RekeyError(kept.failure.name, kept.failure.message);
    return kept.document;
  }

  function readOnce(name: string, all: object): Promise<ConfiguredSource> {
    const before = read.get(name);
    if (before !== undefined) return before;
    const source = readOne(name, all, log);
    read.set(name, source);
    return source;
  }

  return {
    async get(name, deadline) {
      const all = await document(deadline);
      if (!isSourceName(name) || !Object.hasOwn(all, name)) return undefined;
      return readOnce(name, all);
    },
    async all(deadline) {
      const sources = await document(deadline, 0);
      const names = Object.keys(sources);
      return new Map(await Promise.all(names.map(async (name) => [name, await readOnce(name, sources)] as const)));
    },
  };
}

/** @throws SecretsUnavailableError, which is not kept: the next delivery may find the store again */
async function readDocument(secrets: Secrets, secretId: string, deadline: Deadline): Promise<Kept> {
  try {
    const version = await secrets.read(secretId, deadline);
    if (version === undefined) return { versionId: "", document: {}, failure: undefined };
    const { versionId, text } = version;
    const value = jsonOf(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return { versionId, document: value, failure: undefined };
    }
    const failure = new RekeyError("ConfigurationError", "The webhooks secret is not a JSON object");
    return { versionId, document: {}, failure };
  } catch (error) {
    if (!(error instanceof RekeyError) || error.name !== "ConfigurationError") throw error;
    return { versionId: "", document: {}, failure: error };
  }
}

async function readOne(name: string, all: object, log: Log): Promise<ConfiguredSource> {
  const configuration = memberOf(all, name);
  const gate = gateOf(configuration);
  const faults: Fault[] = sharedSecrets(name, all);
  let source: Source | undefined;
  try {
    source = await readSource(name, configuration);
  } catch (error) {
    const found = sourceFaults(error);
    if (found.length === 0) throw error;
    faults.push(...found);
  }
  if (faults.length > 0) log.error("Webhook source is malformed", { source: name, cause: listed(faults) });
  return {
    gate,
    faults,
    ready() {
      if (source !== undefined && faults.length === 0) return source;
      throw new RekeyError("ConfigurationError", "The webhook source is not configured rightly");
    },
  };
}

/**
 * Secrets that an earlier source has too: what was sent to the one could be sent on to the other. The earlier one
 * goes on working, so that nobody's source is harmed by a new one.
 */
function sharedSecrets(name: string, all: object): Fault[] {
  const owners = new Map<string, string>();
  for (const [other, configuration] of Object.entries(all)) {
    if (other === name) break;
    for (const secret of gateOf(configuration)?.secrets ?? []) {
      if (!owners.has(bare(secret))) owners.set(bare(secret), other);
    }
  }
  const faults: Fault[] = [];
  for (const [index, secret] of (secretsConfiguration.safeParse(memberOf(all, name)).data?.secrets ?? []).entries()) {
    const owner = typeof secret === "string" ? owners.get(bare(secret)) : undefined;
    if (owner === undefined) continue;
    faults.push({ path: `secrets.${index}`, message: `is the same as one of the source ${owner.slice(0, 40)}` });
  }
  return faults;
}

const secretsConfiguration = z.object({ secrets: z.array(z.unknown()) });

function bare(secret: string): string {
  return secret.replace(/^(v1,)?whsec_/, "");
}
