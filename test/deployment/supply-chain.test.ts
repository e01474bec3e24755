import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

interface Bom {
  readonly components: readonly {
    readonly name: string;
    readonly purl: string;
    readonly licenses: readonly { license: { id: string } }[];
  }[];
}
interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
  /** It came inside the package above it. */
  readonly inBundle?: boolean;
}

const repository = join(import.meta.dirname, "../..");
const textOf = (path: string) => readFileSync(join(repository, path), "utf8");
const read = (path: string): unknown => JSON.parse(textOf(path));
const packagesOf = (lock: string) => (read(lock) as { packages: Readonly<Record<string, Locked>> }).packages;
const locks = globSync("**/package-lock.json", { cwd: repository, exclude: ["**/node_modules"] }).sort();
const bom = read("dist/bom.json") as Bom;
const manifest = read("package.json") as { dependencies: Record<string, string> };

test("the bill of materials names what is deployed, each with a licence that goes with ours", () => {
  const compatible = ["MIT", "Apache-2.0", "0BSD", "ISC", "BSD-2-Clause", "BSD-3-Clause"];
  const licences = bom.components.map(({ purl, licenses }) => [purl, licenses[0]?.license.id]);
  expect(licences.filter(([, id]) => !compatible.includes(id ?? ""))).toEqual([]);
  // Every direct dependency is deployed, and everything deployed is one or comes with one.
  expect(bom.components.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
  expect(
    bom.components.every(({ name }) => /^(@aws-sdk|@aws|@smithy|@middy)\/|^(zod|jsonata|csv-parse)$/.test(name)),
  ).toBe(true);
});

test("every lock file of the tree is looked at", () => {
  const folders = ["", "test/bench/runtime-client/", "test/deployment/nag/", "test/mutation/"];
  expect(locks).toEqual(folders.map((folder) => `${folder}package-lock.json`).sort());
});

describe.each(locks.map((lock) => [lock]))("the packages of %s", (lock) => {
  const packages = packagesOf(lock);
  const entries = Object.entries(packages).filter(([path]) => path !== "");

  test("are pinned by a version and a hash, and none by where it was fetched from", () => {
    expect(entries.length).toBeGreaterThan(0);
    const hashed = ([path, { integrity, inBundle }]: [string, Locked]): boolean => {
      if (integrity !== undefined) return /^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity);
      const outer = path.slice(0, path.lastIndexOf("/node_modules/"));
      return inBundle === true && packages[outer] !== undefined && hashed([outer, packages[outer]]);
    };
    expect(entries.filter((entry) => !hashed(entry))).toEqual([]);
    expect(entries.filter(([, { version, resolved }]) => version === undefined || resolved !== undefined)).toEqual([]);
  });

  test("are those whose install scripts do not run, wherever npm is called", () => {
    const configuration = join(dirname(lock), ".npmrc");
    expect(existsSync(join(repository, configuration))).toBe(true);
    expect(textOf(configuration)).toMatch(/^ignore-scripts=true$/m);
    // A script of our own before or after another would be passed over in silence.
    const { scripts = {} } = read(join(dirname(lock), "package.json")) as { scripts?: Record<string, string> };
    expect(Object.keys(scripts).filter((name) => /^(pre|post)|^install$/.test(name))).toEqual([]);
  });
});

test("one install script is run, by name: the compiler's of AWS's runtime client", () => {
  const asking = locks.flatMap((lock) => {
    const { scripts = {} } = read(join(dirname(lock), "package.json")) as { scripts?: Record<string, string> };
    return Object.values(scripts).filter((command) => /ignore-scripts|allow-scripts/.test(command));
  });
  expect(asking).toEqual(["npm rebuild aws-lambda-ric --ignore-scripts=false"]);
});

test("no package that is deployed has an install script", () => {
  const scripts = Object.entries(packagesOf("package-lock.json"));
  expect(scripts.filter(([, one]) => one.hasInstallScript === true && one.dev !== true)).toEqual([]);
});
