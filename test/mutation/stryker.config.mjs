// `npm run mutate`: changes functions/ and shared/ in every small way and sees whether a test notices.
// -- --mutate 'shared/webhook/**' tries a part.
export default {
  plugins: [import.meta.resolve("@stryker-mutator/vitest-runner")],
  testRunner: "vitest",
  vitest: { configFile: "test/mutation/vitest.config.ts", related: false },
  // TypeScript 7 has no interface for others to rewrite a tsconfig with, and nothing here needs one.
  tsconfigFile: "none.json",
  mutate: ["functions/**/*.ts", "shared/**/*.ts"],
  coverageAnalysis: "perTest",
  // Tables are wrong or right as a whole, and a change to one at module level needs a process of its own.
  ignoreStatic: true,
  concurrency: 2,
  timeoutMS: 10_000,
  reporters: ["clear-text", "json", "progress-append-only"],
  jsonReporter: { fileName: "reports/mutation.json" },
  clearTextReporter: { logTests: false, allowColor: false },
  tempDirName: ".local/stryker",
  ignorePatterns: ["dist", "reports", ".serverless", "test/deployment/nag", "test/bench", "local/page"],
  thresholds: { high: 95, low: 85, break: 85 },
};
