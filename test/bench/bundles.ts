import { gzipSync } from "node:zlib";
import { type BuildOptions, build, type Metafile } from "esbuild";

/** One function's bundle, taken apart. */
export interface Bundle {
  readonly name: string;
  /** Minified, in bytes. */
  readonly bytes: number;
  /** Minified and gzipped, in bytes. */
  readonly gzipped: number;
  /** What each source file puts into it, in bytes, by path. */
  readonly files: ReadonlyMap<string, number>;
  /** The imports by which a file came in: from the function, one file importing the next, to the file itself. */
  chainTo(file: string): readonly string[];
}

/** Builds in memory, as they are deployed, the functions for which somebody waits; a fleet's steps carry the whole SDK. */
export async function buildBundles(): Promise<readonly Bundle[]> {
  // It has no types; by way of a variable, tsc does not look for any.
  const configuration = "../../build/esbuild.config.mjs";
  const { builds }: { builds: readonly [BuildOptions, BuildOptions] } = await import(configuration);
  const { outputFiles, metafile } = await build({ ...builds[0], write: false, metafile: true });
  return outputFiles.map((file) => {
    const found = Object.entries(metafile.outputs).find(([path]) => file.path.endsWith(`/${path}`));
    if (found === undefined) throw new Error(`No metafile entry for ${file.path}`);
    const [path, output] = found;
    return bundleOf(path.replace(/^dist\/|\.mjs$/g, ""), file.contents, output, metafile);
  });
}

function bundleOf(
  name: string,
  contents: Uint8Array,
  output: Metafile["outputs"][string],
  { inputs }: Metafile,
): Bundle {
  const files = new Map(Object.entries(output.inputs).map(([path, { bytesInOutput }]) => [path, bytesInOutput]));
  return {
    name,
    bytes: contents.length,
    gzipped: gzipSync(contents, { level: 9 }).length,
    files,
    chainTo: (file) => shortestChain(output.entryPoint ?? "", file, inputs),
  };
}

function shortestChain(from: string, to: string, inputs: Metafile["inputs"]): readonly string[] {
  const cameBy = new Map<string, string | undefined>([[from, undefined]]);
  for (const [file] of cameBy) {
    if (file === to) break;
    for (const { path } of inputs[file]?.imports ?? []) if (!cameBy.has(path)) cameBy.set(path, file);
  }
  const chain: string[] = [];
  for (let at: string | undefined = to; at !== undefined; at = cameBy.get(at)) chain.unshift(at);
  return chain;
}

/** Bytes by owner: a package of node_modules, or a folder of ours. */
export function partsOf(bundle: Bundle): Record<string, number> {
  const parts: Record<string, number> = {};
  for (const [file, bytes] of bundle.files) {
    const part = ownerOf(file);
    parts[part] = (parts[part] ?? 0) + bytes;
  }
  return Object.fromEntries(Object.entries(parts).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** The package that a file belongs to, or the folder. */
export function ownerOf(file: string): string {
  const inPackage = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file);
  if (inPackage?.[1] !== undefined) return inPackage[1];
  return file.includes(":") ? file.split(":").slice(0, 1).join() : file.split("/").slice(0, -1).join("/");
}
