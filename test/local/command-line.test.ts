import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const programs = [
  ["npm start", "local/main.ts"],
  ["npm run demo", "local/demo.ts"],
  ["npm run check-source", "tools/check-source.ts"],
  ["npm run verify", "tools/verify/main.ts"],
  ["npm run fleet", "tools/fleet.ts"],
] as const;

/** Runs a command; with `deaf`, nobody reads what it says. */
async function run(program: string, flag: string, { deaf = false } = {}) {
  const file = fileURLToPath(new URL(`../../${program}`, import.meta.url));
  const child = spawn(process.execPath, [file, flag], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stderr.on("data", (chunk) => (errors += chunk));
  if (deaf) child.stdout.destroy();
  else child.stdout.on("data", (chunk) => (output += chunk));
  const [code] = await once(child, "close");
  return { code, output, errors };
}

describe.each(programs)("%s", (command, program) => {
  test("says with --help what may be given, and ends with 0", async () => {
    const { code, output, errors } = await run(program, "--help");
    expect([code, errors, output.startsWith(command)]).toEqual([0, "", true]);
  });

  test("says of a flag that there is not which it is, without a stack, and ends with 2", async () => {
    const { code, output, errors } = await run(program, "--no-such-flag");
    expect([code, output, errors.trim().split("\n").at(-1)]).toEqual([
      ...[2, "", expect.stringMatching(`^${command} -- --help says`)],
    ]);
    expect(errors).toMatch(/^Unknown option '--no-such-flag'/);
    expect(errors).not.toMatch(/^ +at /m);
  });
});

// A fleet's run that is followed goes on, and its command says so by its code.
test.each(programs.filter(([command]) => command !== "npm run fleet"))(
  "%s ends without a word where nobody reads what it says",
  async (_, program) => {
    expect(await run(program, "--help", { deaf: true })).toEqual({ code: 0, output: "", errors: "" });
  },
);
