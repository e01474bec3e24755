import { parseArgs } from "node:util";
import { startPlatformSimulator } from "./simulator.ts";

// The simulator alone: node local/platform-simulator/main.ts [--port n] [--control-port n]; ends on Ctrl-C.
const { values } = parseArgs({
  options: { port: { type: "string", default: "8743" }, "control-port": { type: "string", default: "8744" } },
});
const simulator = await startPlatformSimulator({
  port: Number(values.port),
  controlPort: Number(values["control-port"]),
});
console.log(`Platform (simulated) ${simulator.url}\nControl ${simulator.controlUrl}\nApplication secret:`);
console.log(JSON.stringify(simulator.applicationSecret()));
process.once("SIGINT", () => void simulator.close().then(() => process.exit(0)));
