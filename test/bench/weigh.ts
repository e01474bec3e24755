import { writeFileSync } from "node:fs";
import { buildBundles, partsOf } from "./bundles.ts";

// Writes down what each bundle holds today; a gate that fails compares with it. `node test/bench/weigh.ts`
const bundles = await buildBundles();
const weights = Object.fromEntries(bundles.map((bundle) => [bundle.name, partsOf(bundle)]));
writeFileSync(new URL("weights.json", import.meta.url), `${JSON.stringify(weights, null, 2)}\n`);
for (const { name, bytes, gzipped } of bundles) console.log(`${name} ${bytes} ${gzipped}`);
