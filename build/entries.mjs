import { fileURLToPath } from "node:url";
import { operations, routes } from "./operations.mjs";

/** What is bundled, by the name of the bundle: an entry for each operation, and what one starts in a process of its own. */
export const entryPoints = {
  ...Object.fromEntries([...operations.keys()].map((name) => [name, `entry:${name}`])),
  "parts/ticketWebhook-expressions": "shared/webhook/expression-process.ts",
};

/**
 * The function of an operation: what binds it to its environment, so that the operation itself does nothing when it is
 * imported. The sandbox is opened first of all, before a schema is evaluated: reads ahead begin there. What is under way
 * gets a turn of the event loop before the operation is evaluated, and another before the chain around it is: nothing is
 * waited for.
 */
function entryOf(name) {
  const { isDefault } = operations.get(name);
  const others = routes.filter((route) => route.name !== name).map(({ key }) => key);
  return `
    import { sandbox } from "sandbox:${name}";
    import { operation, dependencies } from "bound:${name}";
    import { createHandler } from "./shared/http/handler.ts";
    export const handler = createHandler(operation, {
      ...sandbox,
      name: "${name}",
      dependencies,
      ${isDefault ? `otherRoutes: ${JSON.stringify(others)},` : ""}
    });
  `;
}

function sandboxOf(name) {
  const { secrets, readAhead = [] } = operations.get(name);
  const readsAhead = readAhead.length > 0;
  const open = secrets === undefined ? "openSandbox" : `openSandbox${readsAhead ? "ReadingAhead" : "WithSecrets"}`;
  return `
    import { ${open} } from "./shared/runtime/sandbox.ts";
    import { nextTurn } from "./shared/runtime/clock.ts";
    export const sandbox = ${open}(${readsAhead ? JSON.stringify(readAhead) : ""});
    ${readsAhead ? "await nextTurn();" : ""}
  `;
}

function boundOf(name) {
  return `
    import { sandbox } from "sandbox:${name}";
    import { nextTurn } from "./shared/runtime/clock.ts";
    import { ${name} as operation } from "./functions/${name}.ts";
    export { operation };
    export const dependencies = operation.dependencies(sandbox);
    ${operations.get(name).readAhead?.length > 0 ? "await nextTurn();" : ""}
  `;
}

/** Makes the entries, which are files of no folder. */
export const entries = {
  name: "entries",
  setup(build) {
    const resolveDir = fileURLToPath(new URL("..", import.meta.url));
    for (const [namespace, contentsOf] of Object.entries({ entry: entryOf, sandbox: sandboxOf, bound: boundOf })) {
      const filter = new RegExp(`^${namespace}:`);
      build.onResolve({ filter }, ({ path }) => ({ path: path.slice(namespace.length + 1), namespace }));
      build.onLoad({ filter: /.*/, namespace }, ({ path }) => ({
        contents: contentsOf(path),
        resolveDir,
        loader: "js",
      }));
    }
  },
};
