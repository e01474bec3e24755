import { defineConfig } from "vitest/config";

/** The tests that run functions/ and shared/ in their own process; the end-to-end ones run bundles, in which nothing is mutated. */
export default defineConfig({
  test: {
    include: ["test/{functions,simulation,fleet,http,platform,runtime,webhook}/**/*.test.ts"],
    testTimeout: 30_000,
    maxWorkers: 1,
  },
});
