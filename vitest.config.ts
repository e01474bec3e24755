import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/bundles.ts"],
    // How long things take on a loaded machine is not what is tested: these only end what hangs.
    testTimeout: 300_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 60_000 } },
    // Two cores are the smallest machine this has to pass on; more workers only make the timings noisier.
    maxWorkers: 2,
  },
});
