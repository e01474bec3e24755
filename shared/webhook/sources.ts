import { RekeyError } from "../errors.ts";
import { jsonOf, memberOf } from "../json.ts";
import { type Clock, type Deadline, isRecent } from "../runtime/clock.ts";
import type { Secrets } from "../runtime/secrets.ts";
import { isSourceName, readSource, type Source } from "./source.ts";

/** The webhook sources of the webhooks secret. */
export interface Sources {
  /**
   * The source of a name; undefined where there is none.
   *
   * @throws ConfigurationError the secret cannot be read, or the source is malformed; SecretsUnavailableError
   */
  get(name: string, deadline: Deadline): Promise<Source | undefined>;
}

// A changed secret is heeded within a minute, at one call a minute and sandbox.
const maxAgeMs = 60_000;

/** Sources kept for a minute; one that is malformed does not harm the others. */
export function createSources(secrets: Secrets, secretId: string, clock: Clock): Sources {
  let kept: { readonly versionId: string; readonly document: object; readAtMs: number } | undefined;
  const compiled = new Map<string, Promise<Source>>();

  async function document(deadline: Deadline): Promise<object> {
    if (kept !== undefined && isRecent(kept.readAtMs, maxAgeMs, clock)) return kept.document;
    const readAtMs = clock.now();
    const version = await secrets.read(secretId, deadline);
    const versionId = version?.versionId ?? "";
    if (kept?.versionId !== versionId) {
      kept = { versionId, document: version === undefined ? {} : objectOf(version.text), readAtMs };
      compiled.clear();
    }
    kept.readAtMs = readAtMs;
    return kept.document;
  }

  return {
    async get(name, deadline) {
      const sources = await document(deadline);
      if (!isSourceName(name) || !Object.hasOwn(sources, name)) return undefined;
      const before = compiled.get(name);
      if (before !== undefined) return before;
      const source = readSource(name, memberOf(sources, name));
      compiled.set(name, source);
      return source;
    },
  };
}

function objectOf(text: string): object {
  const value = jsonOf(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new RekeyError("ConfigurationError", "The webhooks secret is not a JSON object");
}
