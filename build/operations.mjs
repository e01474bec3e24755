import { readdirSync } from "node:fs";

const folder = new URL("../functions/", import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -".ts".length));

/** What the files of functions/ export, by their names. */
export const modules = new Map(
  await Promise.all(names.map(async (name) => [name, await import(new URL(`${name}.ts`, folder).href)])),
);

/** Every operation by its name, which is its file's and its export's. */
export const operations = new Map(
  [...modules].map(([name, { [name]: operation }]) => {
    if (operation === undefined) throw new Error(`functions/${name}.ts exports no operation "${name}"`);
    return [name, operation];
  }),
);

/** Every route of every operation: `{ key, name, open }`, by the operation's name. */
export const routes = [...operations].flatMap(([name, operation]) =>
  Object.entries(operation.routes ?? {}).map(([key, { open = false }]) => ({ key, name, open })),
);
