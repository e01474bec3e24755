import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Where the cut SDK was cut: for each module that is replaced (build/esbuild.sdk.mjs), what it exports and who imports
 * it, as they were when the cut was last compared with the whole SDK. A newer SDK in which one of them is different
 * stops the build, whatever the bundles seem to do.
 *
 * `node build/sdk-seams.mjs` writes them down anew, once `vitest run test/build` is green.
 */
const file = fileURLToPath(new URL("sdk-seams.json", import.meta.url));

/** The names that a module exports, `*` for all of another's. */
export function exportsOf(source) {
  const names = [
    ...[...source.matchAll(/^\s*export (?:async )?(?:const|let|var|class|function\*?) ([\w$]+)/gm)].map(
      ([, name]) => name,
    ),
    ...[...source.matchAll(/^\s*export \{([^}]*)\}/gm)].flatMap(([, list]) =>
      list.split(",").map((one) => one.trim().split(" as ").at(-1)),
    ),
    ...[...source.matchAll(/^\s*export \* from "([^"]+)"/gm)].map(([, from]) => `* of ${from}`),
    ...(/^\s*export default /m.test(source) ? ["default"] : []),
  ];
  return [...new Set(names.filter((name) => name !== ""))].sort();
}

/** A path within its package, by which it is known wherever it is installed. */
export function withinPackages(path) {
  return path.replaceAll("\\", "/").replace(/^.*node_modules\//, "");
}

/**
 * The seams of one build.
 *
 * @param {ReadonlyMap<string, string>} replaced sources by path
 * @param {import("esbuild").Metafile} metafile
 */
export function seamsOf(replaced, metafile) {
  const seams = {};
  for (const [path, source] of replaced) seams[withinPackages(path)] = { exports: exportsOf(source), callers: [] };
  for (const [importer, { imports }] of Object.entries(metafile.inputs)) {
    for (const { path } of imports) {
      const callers = seams[withinPackages(path)]?.callers;
      const caller = withinPackages(importer);
      if (callers !== undefined && !callers.includes(caller)) callers.push(caller);
    }
  }
  return seams;
}

/** What is different from what was written down, in words; nothing where all is as it was. */
export function changesOf(seams, known = JSON.parse(readFileSync(file, "utf8"))) {
  return Object.entries(seams).flatMap(([path, { exports, callers }]) => {
    const before = known[path];
    if (before === undefined) return [`${path} is replaced for the first time`];
    const added = exports.filter((name) => !before.exports.includes(name));
    const gone = before.exports.filter((name) => !exports.includes(name));
    return [
      ...(added.length === 0 ? [] : [`${path} now exports ${added.join(", ")}`]),
      ...(gone.length === 0 ? [] : [`${path} no longer exports ${gone.join(", ")}`]),
      ...callers.filter((one) => !before.callers.includes(one)).map((one) => `${path} is now imported by ${one}`),
    ];
  });
}

/** What to do about a change, for whoever sees the build stop. */
export const whatHelps =
  "The SDK has changed where it is cut. Compare the replacement in build/esbuild.sdk.mjs with the module, run " +
  "`vitest run test/build`, then `node build/sdk-seams.mjs`.";

async function write() {
  const { build } = await import("esbuild");
  const { cut } = await import("./esbuild.sdk.mjs");
  const { builds } = await import("./esbuild.config.mjs");
  const { replaced, plugin } = cut(() => []);
  const plugins = builds[0].plugins.map((one) => (one.name === plugin.name ? plugin : one));
  const { metafile } = await build({ ...builds[0], plugins, write: false });
  const seams = Object.entries(seamsOf(replaced, metafile)).sort(([one], [other]) => (one < other ? -1 : 1));
  for (const [, seam] of seams) seam.callers.sort();
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(seams), null, 2)}\n`);
  process.stdout.write(`${seams.length} replaced modules\n`);
}

// Not awaited here: the modules that it loads import this one.
if (import.meta.main) write();
