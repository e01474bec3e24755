import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { ownerOf } from "./bundles.ts";
import { startContainer } from "./container.ts";
import { spreadOf } from "./figures.ts";

/** What a package, or a folder of ours, costs while the bundle is evaluated; a builtin's cost is whose who first asks. */
export interface Import {
  readonly owner: string;
  /** Not minified in names only, so a little more than in the bundle. */
  readonly bytes: number;
  readonly ms: number;
}

/** Dearest first, and their sum. */
export async function importsByOwner(name: string, rounds: number): Promise<readonly Import[]> {
  const folder = await mkdtemp(join(tmpdir(), "rekey-profile-"));
  try {
    const bytes = await writeMarkedBundle(name, folder);
    const found: Map<string, number>[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const marks = await evaluated(folder);
      if (round > 0) found.push(msByOwner(marks));
    }
    // What else the machine does only adds to it.
    const quarterOf = (owner: string) => spreadOf(found.map((one) => one.get(owner) ?? 0)).lower;
    const owners = [...bytes].map(([owner, size]) => ({ owner, bytes: size, ms: quarterOf(owner) }));
    const sum = owners.reduce((all, one) => ({ owner: "all", bytes: all.bytes + one.bytes, ms: all.ms + one.ms }));
    return [...owners.sort((one, other) => other.ms - one.ms), sum];
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The bundle as it is deployed but for its blanks, with a mark where each file of it begins. @returns bytes by owner */
async function writeMarkedBundle(name: string, folder: string): Promise<Map<string, number>> {
  const configuration = "../../build/esbuild.config.mjs";
  const { builds }: { builds: readonly [BuildOptions, BuildOptions] } = await import(configuration);
  // The bundler names each file in a comment, if it may keep blanks.
  const blanks = { minify: false, minifySyntax: true, minifyIdentifiers: true, minifyWhitespace: false };
  const entryPoints = { bundle: `entry:${name}` };
  const { outputFiles, metafile } = await build({ ...builds[0], ...blanks, entryPoints, write: false, metafile: true });
  const [output] = Object.values(metafile.outputs);
  const files = new Set(Object.keys(output?.inputs ?? {}));
  const marked = (outputFiles?.[0]?.text ?? "").replace(/^\/\/ (.+)$/gm, (comment, file: string) =>
    files.has(file) ? `mark(${JSON.stringify(file)});` : comment,
  );
  await writeFile(join(folder, "bundle.mjs"), marked);
  await writeFile(
    join(folder, "marked.mjs"),
    `const marks = [];
    globalThis.mark = (file) => marks.push([file, performance.now()]);
    await import(${JSON.stringify(pathToFileURL(join(folder, "bundle.mjs")).href)});
    mark("");
    export const handler = async () => marks;`,
  );
  const bytes = new Map<string, number>();
  for (const [file, { bytesInOutput }] of Object.entries(output?.inputs ?? {})) {
    bytes.set(ownerOf(file), (bytes.get(ownerOf(file)) ?? 0) + bytesInOutput);
  }
  return bytes;
}

type Marks = readonly (readonly [file: string, atMs: number])[];

async function evaluated(folder: string): Promise<Marks> {
  const environment = {
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "AKIDBENCH",
    AWS_SECRET_ACCESS_KEY: "bench-secret-access-key",
    // Nobody answers there; what is read ahead is not waited for.
    AWS_ENDPOINT_URL: "http://127.0.0.1:9",
    REKEY_SECRET_ID: "application",
    REKEY_SESSION_SECRET_ID: "session",
    REKEY_WEBHOOKS_SECRET_ID: "webhooks",
  };
  const container = await startContainer({ taskRoot: folder, handler: "marked.handler", environment }, {});
  await container.close();
  return container.firstAnswer as Marks;
}

/** From each file's mark to the next one's. */
function msByOwner(marks: Marks): Map<string, number> {
  const spent = new Map<string, number>();
  for (const [index, [file, atMs]] of marks.entries()) {
    const untilMs = marks[index + 1]?.[1];
    if (untilMs === undefined) break;
    spent.set(ownerOf(file), (spent.get(ownerOf(file)) ?? 0) + untilMs - atMs);
  }
  return spent;
}
