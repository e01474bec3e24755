import { verifyAlarms } from "./alarms.ts";
import { verifyApi } from "./api.ts";
import { clientsOf, type Deployment, outputsOf } from "./deployment.ts";
import { verifyFunctions } from "./functions.ts";
import { isUnknownService, type Line, noSuchService, notTried, ok, reasonOf, red, tried } from "./line.ts";
import { verifySecretsStore } from "./secrets-store.ts";
import type { Settings } from "./settings.ts";
import { verifyWorkflows } from "./workflows.ts";

/** Tries everything, and tells it in the order in which it is mended. */
export async function verify(settings: Settings, tell: (lines: readonly Line[]) => void): Promise<void> {
  const clients = clientsOf(settings);
  const stack = await outputsOf(clients.stacks, settings.stage).catch((error: unknown) =>
    isUnknownService(error) ? new Map<string, string>() : reasonOf(error),
  );
  const name = `the stack rekey-${settings.stage}`;
  if (typeof stack === "string") {
    // Without it nothing says where the rest is.
    tell([red(name, `${stack}\nIs it deployed, by this account, in this region?`)]);
    return;
  }
  tell([stack.size === 0 ? notTried(name, noSuchService) : ok(name, `${stack.size} outputs`)]);
  const nonce = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;
  const deployment: Deployment = { settings, clients, outputs: stack, nonce };
  const store = tried("secrets store", () => verifySecretsStore(deployment));
  const alarms = tried("alarms", () => verifyAlarms(deployment));
  const functions = await verifyFunctions(deployment).catch((error: unknown) => ({
    lines: [red("functions", reasonOf(error))],
    platformWorks: false,
    sources: [],
  }));
  const api = verifyApi(deployment, functions.sources);
  const workflows = tried("workflows", () => verifyWorkflows(deployment, functions.platformWorks));
  for (const lines of [store, functions.lines, api, workflows, alarms]) tell(await lines);
}
