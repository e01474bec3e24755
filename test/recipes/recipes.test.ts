import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// docs/recipes.md, followed in a copy of the sources: what its steps say is written there, and the house's checks run.

const repository = join(import.meta.dirname, "../..");
const page = await readFile(join(repository, "docs/recipes.md"), "utf8");

interface Step {
  readonly path: string;
  /** The beginning of the line above which the text goes; undefined for a new file. */
  readonly above: string | undefined;
  readonly text: string;
}

/** The steps of a recipe by its title. */
const recipes = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section): [string, Step[]] => {
      const steps = section.matchAll(
        /^(?:New file `([^`]+)`|In `([^`]+)`, above the line (?:``(.+?)``|`([^`]+)`)):\n```\w+\n(.*?)^```$/gms,
      );
      return [
        section.split("\n")[0] ?? "",
        [...steps].map(([, created, changed = "", quoted, plain, text = ""]) => ({
          path: created ?? changed,
          above: created === undefined ? (quoted ?? plain)?.replace(/ $/, "") : undefined,
          text,
        })),
      ];
    }),
);

async function follow(directory: string, { path, above, text }: Step): Promise<void> {
  const file = join(directory, path);
  if (above === undefined) {
    await mkdir(dirname(file), { recursive: true });
    return writeFile(file, text, { flag: "wx" });
  }
  const lines = (await readFile(file, "utf8")).split("\n");
  const at = lines.findIndex((line) => line.startsWith(above));
  if (at === -1) throw new Error(`${path} has no line that begins with ${above}`);
  lines.splice(at, 0, ...text.replace(/\n$/, "").split("\n"));
  await writeFile(file, lines.join("\n"));
}

test("the page has its three recipes, and no step that is not understood", () => {
  expect([...recipes.keys()]).toEqual(["An operation", "An error", "A preset"]);
  expect([...recipes.values()].flat()).toHaveLength(page.match(/^```\w+$/gm)?.length ?? 0);
});

describe("in a copy of the sources, all recipes followed", () => {
  let directory = "";

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "rekey-recipes-"));
    const left = /(^|\/)(node_modules|dist|reports|results|coverage|\.git|\.serverless|\.local)$/;
    for (const name of (await readdir(repository)).filter((one) => !left.test(one))) {
      const filter = (source: string) => !left.test(source);
      await cp(join(repository, name), join(directory, name), { recursive: true, filter });
    }
    await symlink(join(repository, "node_modules"), join(directory, "node_modules"), "dir");
    for (const step of [...recipes.values()].flat()) await follow(directory, step);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  /** What a command prints where it fails; empty where it succeeds. */
  async function run(command: string, ...args: string[]): Promise<string> {
    try {
      await promisify(execFile)(process.execPath, [join(repository, "node_modules", command), ...args], {
        cwd: directory,
        maxBuffer: 50_000_000,
      });
      return "";
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      return `${stdout}${stderr}`.slice(-4_000);
    }
  }

  test("the types hold", async () => {
    expect(await run("typescript/bin/tsc", "-p", ".")).toBe("");
  });

  test("what was written is formatted, and the linter finds nothing", async () => {
    const written = [...new Set([...recipes.values()].flat().map(({ path }) => path))].filter((path) =>
      /\.ts$/.test(path),
    );
    const flags = ["--vcs-enabled=false", "--error-on-warnings"];
    expect(await run("@biomejs/biome/bin/biome", "check", ...flags, ...written)).toBe("");
  });

  test("the tests of the house, of the operations, errors, descriptions and presets pass", async () => {
    const rooms = [
      "test/house",
      "test/functions/operations.test.ts",
      "test/functions/deviceName.test.ts",
      "test/deployment/operations.test.ts",
      "test/openapi",
      "test/runtime/errors.test.ts",
      "test/http",
      "test/platform/error-table.test.ts",
      "test/webhook/verify.test.ts",
      "test/webhook/source.test.ts",
      "test/webhook/note.test.ts",
    ];
    expect(await run("vitest/vitest.mjs", "run", "--maxWorkers=1", ...rooms)).toBe("");
  });

  test("the new error is answered end to end, and the new sender's ticket has its note", async () => {
    const rooms = ["test/end-to-end/errors.test.ts", "test/end-to-end/tickets.test.ts"];
    expect(await run("vitest/vitest.mjs", "run", "--maxWorkers=1", ...rooms, "-t", "100613|halo")).toBe("");
  });
});
