import { build } from "esbuild";
import { describe, expect, test } from "vitest";

interface Seam {
  readonly exports: readonly string[];
  readonly callers: readonly string[];
}
interface Seams {
  exportsOf(source: string): readonly string[];
  changesOf(seams: Readonly<Record<string, Seam>>, known: Readonly<Record<string, Seam>>): readonly string[];
  readonly whatHelps: string;
}

// They have no types; by way of a variable, tsc does not look for any.
const [seamsFile, sdkFile, configuration] = ["sdk-seams", "esbuild.sdk", "esbuild.config"].map(
  (name) => `../../build/${name}.mjs`,
);
const { changesOf, exportsOf, whatHelps } = (await import(seamsFile ?? "")) as Seams;

describe("a replaced module of the SDK", () => {
  const known = { "x/a.js": { exports: ["one", "two"], callers: ["x/b.js", "x/c.js"] } };
  const changed = (changes: Partial<Seam>, path = "x/a.js") =>
    changesOf({ [path]: { exports: ["one", "two"], callers: ["x/b.js"], ...changes } }, known);

  test("that exports the same, to callers that were known, has not changed", () => {
    expect(changed({})).toEqual([]);
  });

  test.each<[Partial<Seam>, string]>([
    [{ exports: ["one", "three", "two"] }, "x/a.js now exports three"],
    [{ exports: ["one"] }, "x/a.js no longer exports two"],
    [{ callers: ["x/b.js", "x/d.js"] }, "x/a.js is now imported by x/d.js"],
  ])("with %j has changed", (changes, words) => {
    expect(changed(changes)).toEqual([words]);
  });

  test("that was not known is told", () => {
    expect(changed({}, "y/a.js")).toEqual(["y/a.js is replaced for the first time"]);
  });

  test("is read for all that it exports", () => {
    const source = `
      export const one = 1, unread = 2;
      export async function two() {}
      export class Three$ {}
      export { four, inner as five };
      export * from "./six";
      export default {};
    `;
    expect(exportsOf(source)).toEqual(["* of ./six", "Three$", "default", "five", "four", "one", "two"]);
  });
});

test("a change stops the build, in words that say what helps", async () => {
  const { cut } = await import(sdkFile ?? "");
  const { builds } = await import(configuration ?? "");
  const { plugin } = cut(() => ["@smithy/core/x.js now exports more"]);
  const plugins = builds[0].plugins.map((one: { name: string }) => (one.name === plugin.name ? plugin : one));
  const entryPoints = { writeTicketNote: "entry:ticketWebhook" };
  const running = build({ ...builds[0], entryPoints, plugins, write: false, logLevel: "silent" });
  await expect(running).rejects.toMatchObject({
    errors: [{ text: "@smithy/core/x.js now exports more", notes: [{ text: whatHelps }] }],
  });
});

test("the deployed clients of the SDK are of exact versions: a newer one comes by a change that these tests have seen", async () => {
  const { default: manifest } = await import("../../package.json", { with: { type: "json" } });
  const versions = Object.entries(manifest.dependencies);
  const clients = versions.filter(([name]) => name.startsWith("@aws-sdk/client-"));
  expect(clients.length).toBeGreaterThan(1);
  for (const [name, version] of clients) expect(`${name} ${version}`).toMatch(/ \d+\.\d+\.\d+$/);
});
