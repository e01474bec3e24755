import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

interface Bom {
  readonly components: readonly {
    readonly name: string;
    readonly purl: string;
    readonly licenses: readonly { license: { id: string } }[];
  }[];
}
interface Lock {
  readonly packages: Readonly<
    Record<
      string,
      { version?: string; integrity?: string; hasInstallScript?: boolean; dev?: boolean; resolved?: string }
    >
  >;
}

const read = (path: string): unknown =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8"));
const bom = read("dist/bom.json") as Bom;
const { packages } = read("package-lock.json") as Lock;
const manifest = read("package.json") as { dependencies: Record<string, string> };

test("the bill of materials names what is deployed, each with a licence that goes with ours", () => {
  const compatible = ["MIT", "Apache-2.0", "0BSD", "ISC", "BSD-2-Clause", "BSD-3-Clause"];
  const licences = bom.components.map(({ purl, licenses }) => [purl, licenses[0]?.license.id]);
  expect(licences.filter(([, id]) => !compatible.includes(id ?? ""))).toEqual([]);
  // Every direct dependency is deployed, and everything deployed is one or comes with one.
  expect(bom.components.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
  expect(bom.components.every(({ name }) => /^(@aws-sdk|@aws|@smithy|@middy)\/|^(zod|jsonata)$/.test(name))).toBe(true);
});

test("every package of the lock is pinned by a hash, and none by where it was fetched from", () => {
  const entries = Object.entries(packages).filter(([path]) => path !== "");
  expect(entries.filter(([, { integrity, version }]) => integrity === undefined || version === undefined)).toEqual([]);
  expect(entries.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});

test("no package that is deployed has an install script", () => {
  const scripts = Object.entries(packages).filter(([, one]) => one.hasInstallScript === true && one.dev !== true);
  expect(scripts).toEqual([]);
});
