import { readdirSync } from "node:fs";

const folder = new URL("../functions/", import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -".ts".length));

/** Every operation of functions/ by its name, which is its file's and its export's. */
export const operations = new Map(
  await Promise.all(
    names.map(async (name) => {
      const { [name]: operation } = await import(new URL(`${name}.ts`, folder).href);
      if (operation === undefined) throw new Error(`functions/${name}.ts exports no operation "${name}"`);
      return [name, operation];
    }),
  ),
);

/** Every route of every operation: `{ key, name, open }`, by the operation's name. */
export const routes = [...operations].flatMap(([name, operation]) =>
  Object.entries(operation.routes ?? {}).map(([key, { open = false }]) => ({ key, name, open })),
);
