import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Builds the bundles once before the tests: what is tested is what is deployed. */
export default function setup(): void {
  const repository = fileURLToPath(new URL("../", import.meta.url));
  execFileSync(process.execPath, ["build/esbuild.config.mjs"], {
    cwd: repository,
    stdio: ["ignore", "ignore", "inherit"],
  });
}
