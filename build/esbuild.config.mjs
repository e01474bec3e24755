import { builtinModules } from "node:module";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { writeBom } from "./bom.mjs";
import { entries, entryPoints } from "./entries.mjs";
import { environmentCredentials, sdkWithoutWhatIsNotCalled } from "./esbuild.sdk.mjs";
import { writeDescriptions } from "./openapi.mjs";
import { operations } from "./operations.mjs";

/**
 * Imports of Node's builtins become `process.getBuiltinModule(...)`, one property for each name that is imported: the
 * ESM face of a builtin touches every export, and that of node:http loads all of undici (23 to 33 ms and 9.5 MB of a
 * cold start).
 */
const builtinsWithoutFace = {
  name: "builtins-without-their-esm-face",
  setup(build) {
    const builtins = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));
    build.onResolve({ filter: /^(node:)?[a-z_/0-9]+$/ }, ({ path, kind }) => {
      if (!builtins.has(path)) return undefined;
      // What is not imported by name is the whole module, and none of its properties touched.
      const namespace = kind === "import-statement" ? "builtin" : "whole-builtin";
      return { path: path.replace(/^node:/, ""), namespace, sideEffects: false };
    });
    build.onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(`node:${path}`)).filter((name) =>
        /^(?!default$)\w+$/.test(name),
      );
      const contents = [
        `const builtin = /* @__PURE__ */ process.getBuiltinModule("node:${path}");`,
        "export default builtin;",
        ...names.map((name) => `export const ${name} = /* @__PURE__ */ (() => builtin.${name})();`),
      ];
      return { contents: contents.join("\n"), loader: "js" };
    });
    build.onLoad({ filter: /.*/, namespace: "whole-builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule("node:${path}");`,
      loader: "js",
    }));
  },
};

const repository = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

// They carry the SDK as it is: nobody waits for a cold start of theirs, and S3's client needs what was cut.
const overBucket = (name) => operations.get(name)?.usesBucket === true;
const entriesThat = (accept) => Object.fromEntries(Object.entries(entryPoints).filter(([name]) => accept(name)));

const common = {
  absWorkingDir: repository,
  outdir: "dist",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  minify: true,
  platform: "node",
  target: "node24",
  format: "esm",
  // Packages by their ES modules, which can be shaken; esbuild's default for Node takes CommonJS first.
  mainFields: ["module", "main"],
  conditions: ["module", "import", "node"],
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
};

/** How the deployed bundles are built; the gates on the first ones build the same in memory. */
export const builds = [
  {
    ...common,
    entryPoints: entriesThat((name) => !overBucket(name)),
    plugins: [entries, builtinsWithoutFace, environmentCredentials, sdkWithoutWhatIsNotCalled],
  },
  { ...common, entryPoints: entriesThat(overBucket), plugins: [entries, builtinsWithoutFace] },
];

if (import.meta.main) {
  const built = await Promise.all(builds.map((options) => build(options)));
  const metafile = {
    inputs: Object.assign({}, ...built.map((one) => one.metafile.inputs)),
    outputs: Object.assign({}, ...built.map((one) => one.metafile.outputs)),
  };
  // What is started behind it has the first word with `--quiet`; and nobody has to read on (`| head`).
  const told = process.argv.includes("--quiet") ? [] : Object.entries(metafile.outputs);
  process.stdout.on("error", () => undefined);
  for (const [file, { bytes, entryPoint }] of told) {
    if (entryPoint !== undefined) process.stdout.write(`${file} ${Math.round(bytes / 1024)} kB\n`);
  }
  const folder = `${repository}/dist`;
  writeDescriptions(folder);
  writeBom(folder, metafile);
}
