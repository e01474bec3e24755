import { fileURLToPath } from "node:url";

// One function of a fleet, as Lambda calls it: a process of its own, one event, and what it took.
const [name = "", event = ""] = process.argv.slice(2);
const { handler } = await import(fileURLToPath(new URL(`../../../dist/${name}.mjs`, import.meta.url)));
const startedAt = performance.now();
const context = { awsRequestId: "bench", getRemainingTimeInMillis: () => 900_000 };
const answer: unknown = await handler(JSON.parse(event), context);
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
process.send?.({
  answer,
  seconds: (performance.now() - startedAt) / 1_000,
  cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
  megabytes: Math.round(maxRSS / 1_024),
});
process.disconnect();
