import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const repository = join(import.meta.dirname, "../..");
const filesIn = (folder: string): string[] =>
  readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|mjs)$/.test(name) && !name.includes("node_modules"))
    .map((name) => join(folder, name));
const product = [...filesIn("functions"), ...filesIn("shared")];
const all = [...product, ...["local", "tools", "build", "deploy", "test"].flatMap(filesIn)];
const text = new Map(all.map((file) => [file, readFileSync(join(repository, file), "utf8")]));
const textOf = (file: string) => text.get(file) ?? "";
/** Without comments and the content of texts, so that prose is not taken for code. */
const codeOf = (file: string) => textOf(file).replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");
const importsOf = (file: string): string[] =>
  [...codeOf(file).matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map(([, path = ""]) =>
    relative(repository, join(repository, dirname(file), path)),
  );

// The floors of the house, from the top: a room may look into those below, never up or sideways.
const floors = [
  ["test"],
  ["tools"],
  ["local"],
  ["functions"],
  ["shared/http", "shared/webhook", "shared/platform", "shared/fleet"],
  ["shared/runtime"],
  ["shared"],
];
const roomOf = (file: string) => /^(test|tools|local|functions|shared\/\w+(?=\/)|shared)/.exec(file)?.[0] ?? file;
const floorOf = (room: string) => floors.findIndex((rooms) => rooms.includes(room));

describe("imports", () => {
  test.each([...product, ...filesIn("local"), ...filesIn("tools")].map((file) => [file]))(
    "of %s go down only",
    (file) => {
      const room = roomOf(file);
      expect(floorOf(room)).toBeGreaterThanOrEqual(0);
      const wrong = importsOf(file).filter((path) => roomOf(path) !== room && floorOf(roomOf(path)) <= floorOf(room));
      // An operation that does another one's work would drag its sandbox along.
      const sideways = room === "functions" ? importsOf(file).filter((path) => roomOf(path) === "functions") : [];
      expect([...wrong, ...sideways]).toEqual([]);
    },
  );

  test("make no circle", () => {
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      expect(path, `circle over ${file}`).not.toContain(file);
      if (done.has(file)) return;
      for (const next of importsOf(file)) if (text.has(next)) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of product) visit(file, []);
    expect(done.size).toBe(product.length);
  });
});

describe("what is outside has one owner", () => {
  test.each([
    ["the environment", /process\.env/, ["shared/runtime/config.ts"]],
    ["the clock", /Date\.now\(|new Date\(\)|performance\.now\(|hrtime/, ["shared/runtime/clock.ts"]],
    ["timers that wait", /timers\/promises|setTimeout\(resolve\b/, ["shared/runtime/clock.ts"]],
    ["the log's stream", /\bconsole\.|process\.stdout/, ["shared/runtime/log.ts"]],
    [
      "the AWS SDK",
      /"@aws-sdk\//,
      ["shared/runtime/objects.ts", "shared/runtime/secrets.ts", "shared/runtime/workflow.ts"],
    ],
    ["fetch", /\bfetch\(/, ["shared/webhook/notes.ts"]],
    ["processes", /child_process/, ["shared/webhook/expressions.ts"]],
    [
      "connections",
      /"node:(https?|tls|net)"/,
      ["certificates", "connection-ahead", "credentials", "transport", "trust"].map(
        (file) => `shared/platform/${file}.ts`,
      ),
    ],
  ])("%s", (_, pattern, owners) => {
    expect(product.filter((file) => pattern.test(codeOf(file)))).toEqual(owners);
  });
});

describe("a reader can hold it", () => {
  test("no file has more than 300 lines", () => {
    const long = all.filter((file) => textOf(file).split("\n").length > 301);
    expect(long).toEqual([]);
  });

  test("the named import of zod, which keeps every language, is nowhere", () => {
    expect(product.filter((file) => /import \{[^}]*\bz\b[^}]*\} from "zod/.test(codeOf(file)))).toEqual([]);
  });

  test("nothing depends on the language that a machine is set to", () => {
    const files = [...product, ...["local", "tools", "build", "deploy"].flatMap(filesIn)];
    const localized = (file: string) => /\blocaleCompare\b|\btoLocale|\bIntl\./.test(codeOf(file));
    expect(files.filter(localized)).toEqual([]);
  });

  test("nothing is cast, and nothing is any", () => {
    const cast = /[^\w.]as (?!const\b)(any|unknown|never|typeof|[A-Z{(])|: any\b|@ts-(ignore|expect-error)/;
    const bare = (file: string) => codeOf(file).replace(/import[^;]*;|"[^"\n]*"|`[^`]*`/g, "");
    const files = [...product, ...["local", "tools", "build", "deploy"].flatMap(filesIn)];
    expect(files.filter((file) => cast.test(bare(file)))).toEqual([]);
  });
});
