import { readdirSync } from "node:fs";
import { builtinModules } from "node:module";
import { build } from "esbuild";
import { writeBom } from "./bom.build.mjs";
import { writeDescriptions } from "./openapi.build.mjs";

/**
 * Imports of Node's builtins become `process.getBuiltinModule(...)`: the ESM face of a builtin touches every export,
 * and that of node:http loads all of undici (23 to 33 ms and 9.5 MB of a cold start).
 */
const builtinsWithoutFace = {
  name: "builtins-without-their-esm-face",
  setup(build) {
    const builtins = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));
    build.onResolve({ filter: /^(node:)?[a-z_/0-9]+$/ }, ({ path }) =>
      builtins.has(path) ? { path: path.replace(/^node:/, ""), namespace: "builtin" } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(`node:${path}`)});`,
      loader: "js",
    }));
  },
};

/**
 * The SDK's chain of credential providers becomes the one that Lambda serves, the environment: no SSO, no profiles, no
 * metadata service in the bundle (14 ms of a cold start).
 */
const environmentCredentials = {
  name: "environment-credentials",
  setup(build) {
    build.onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, () => ({
      path: "environment-credentials",
      namespace: "environment-credentials",
    }));
    build.onLoad({ filter: /.*/, namespace: "environment-credentials" }, () => ({
      contents: `
        import { fromEnv } from "@aws-sdk/credential-provider-env";
        export const defaultProvider = () => fromEnv();
      `,
      resolveDir: import.meta.dirname,
      loader: "js",
    }));
  },
};

const functions = readdirSync(new URL("functions/", import.meta.url))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => `functions/${file}`);

/** How the deployed bundles are built; the gates on them build the same in memory. */
export const options = {
  absWorkingDir: import.meta.dirname,
  entryPoints: functions,
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
  plugins: [builtinsWithoutFace, environmentCredentials],
  logLevel: "warning",
};

if (import.meta.main) {
  const { metafile } = await build(options);
  for (const [file, { bytes, entryPoint }] of Object.entries(metafile.outputs)) {
    if (entryPoint !== undefined) process.stdout.write(`${file} ${Math.round(bytes / 1024)} kB\n`);
  }
  const folder = `${import.meta.dirname}/dist`;
  writeDescriptions(folder);
  writeBom(folder, metafile);
}
