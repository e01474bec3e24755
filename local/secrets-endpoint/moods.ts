import { invalidParameter, notFound } from "./service-error.ts";

/**
 * How a store answers where AWS's page leaves room, or where stand-ins differ from it:
 * `documented` by the letter of the API reference; `moto` as that stand-in's code does, and what builds on it; `lenient`
 * takes a move to where the label already rests for done, whatever source it names; `careless` makes every move.
 */
export const moods = ["documented", "moto", "lenient", "careless"] as const;

/** One of {@link moods}. */
export type Mood = (typeof moods)[number];

/** What of a secret matters here: its versions, oldest first. */
interface Labelled {
  readonly versions: ReadonlyMap<string, { readonly id: string; readonly labels: Set<string> }>;
}

/** A label's way; at least one end is there. */
export interface Way {
  readonly label: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** Whether a text names a mood. */
export function isMood(text: string): text is Mood {
  return moods.some((mood) => mood === text);
}

/** The mood of this name. @throws TypeError for any other */
export function moodOf(text: string): Mood {
  if (isMood(text)) return text;
  throw new TypeError(`There is no mood ${JSON.stringify(text)}; known are ${moods.join(", ")}`);
}

/**
 * Moves, adds or removes one label in this mood.
 *
 * @param attach puts the label on a version and takes it from the one before, with what follows for AWSPREVIOUS
 * @throws {ServiceError} InvalidParameterException, ResourceNotFoundException
 */
export function moveLabel(mood: Mood, secret: Labelled, way: Way, attach: () => void): void {
  if (mood === "moto") moveAsMoto(secret, way);
  else moveByRule(mood, secret, way, attach);
}

function moveByRule(mood: Mood, secret: Labelled, way: Way, attach: () => void): void {
  for (const versionId of [way.from, way.to]) {
    if (versionId !== undefined && !secret.versions.has(versionId)) {
      throw notFound(`Secrets Manager can't find the specified secret version: ${versionId}.`);
    }
  }
  const holder = holderOf(secret, way.label);
  const isDone = way.from !== undefined && way.to !== undefined && holder === way.to;
  if (mood === "lenient" && isDone) return;
  if (mood !== "careless") refuse(way, holder);
  if (way.to === undefined) secret.versions.get(holder ?? "")?.labels.delete(way.label);
  else attach();
}

function refuse({ label, from, to }: Way, holder: string | undefined): void {
  if (from === undefined && holder !== undefined && holder !== to) {
    throw invalidParameter(
      `The parameter RemoveFromVersionId can't be empty. Staging label ${label} is currently attached to version ${holder}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  }
  if (from !== undefined && holder !== from) {
    throw invalidParameter(
      `When you move staging label ${label}, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label ${label}.`,
    );
  }
  if (to === undefined && label === "AWSCURRENT") {
    throw invalidParameter(
      "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
    );
  }
}

/** Without a source it adds the label to a second version, and it has taken the label away before it looks at the target. */
function moveAsMoto(secret: Labelled, { label, from, to }: Way): void {
  const labelsOf = (versionId: string) => {
    const labels = secret.versions.get(versionId)?.labels;
    if (labels === undefined) throw invalidParameter(`Not a valid version: ${versionId}`);
    return labels;
  };
  if (from !== undefined) {
    if (!labelsOf(from).delete(label)) {
      throw invalidParameter(`Version stage ${label} not found in version ${from}`);
    }
  } else if (label === "AWSCURRENT") {
    throw invalidParameter(`The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is attached.`);
  }
  if (to !== undefined) labelsOf(to).add(label);
  if (label !== "AWSCURRENT") return;
  if (from !== undefined) {
    for (const version of secret.versions.values()) version.labels.delete("AWSPREVIOUS");
    labelsOf(from).add("AWSPREVIOUS");
  }
  if (to !== undefined) labelsOf(to).delete("AWSPREVIOUS");
}

/**
 * Labels a new version as moto does: the version that was current loses every label that it had, and a label beside
 * AWSCURRENT stays where else it rests.
 */
export function labelAsMoto(secret: Labelled, versionId: string, labels: readonly string[]): void {
  const isCurrent = labels.includes("AWSCURRENT");
  for (const version of secret.versions.values()) {
    if (isCurrent) {
      version.labels.delete("AWSPREVIOUS");
      if (version.labels.has("AWSCURRENT")) {
        version.labels.clear();
        version.labels.add("AWSPREVIOUS");
      }
    } else for (const label of labels) version.labels.delete(label);
  }
  for (const label of labels) secret.versions.get(versionId)?.labels.add(label);
}

function holderOf(secret: Labelled, label: string): string | undefined {
  return [...secret.versions.values()].find(({ labels }) => labels.has(label))?.id;
}
