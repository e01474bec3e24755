import { readdirSync } from "node:fs";
import type * as z from "zod/mini";
import type { Operation, Route, Wiring } from "../shared/http/operation.ts";

/** An operation of functions/, whatever its schemas and dependencies are. */
export type AnyOperation = Operation<z.ZodMiniType, z.ZodMiniType, unknown> & Wiring<unknown>;

const folder = new URL("../functions/", import.meta.url);

/** Every operation by the name of its file. */
export const operations: ReadonlyMap<string, AnyOperation> = new Map(
  await Promise.all(
    readdirSync(folder)
      .filter((file) => file.endsWith(".ts"))
      .map(async (file): Promise<[string, AnyOperation]> => {
        const name = file.slice(0, -".ts".length);
        const exported = (await import(new URL(file, folder).href)) as Record<string, AnyOperation | undefined>;
        const operation = exported[name];
        if (operation === undefined) throw new Error(`functions/${file} exports no operation of its name`);
        return [name, operation];
      }),
  ),
);

/** Every route of every operation. */
export const ownRoutes: readonly (Route & { readonly key: string; readonly name: string })[] = [...operations].flatMap(
  ([name, { routes = {} }]) => Object.entries(routes).map(([key, route]) => ({ ...route, key, name })),
);
