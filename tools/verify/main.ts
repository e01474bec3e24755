import { endsWithItsReader, flagsOf } from "../../local/command-line.ts";
import { type Line, shown } from "./line.ts";
import { settingsOf, usage } from "./settings.ts";
import { verify } from "./verify.ts";

// `npm run verify`: what could only be read about, tried on the operator's own account in a minute. `--help` has more.
endsWithItsReader();
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<number> {
  const settings = flagsOf(() => settingsOf(args), "npm run verify");
  if (settings === undefined) {
    console.log(usage);
    return 0;
  }
  const counts = { ok: 0, red: 0, "not tried": 0 };
  const tell = (lines: readonly Line[]) => {
    for (const line of lines) {
      counts[line.state] += 1;
      console.log(shown(line));
    }
  };
  await verify(settings, tell);
  console.log(`${counts.ok} ok, ${counts.red} red, ${counts["not tried"]} not tried`);
  return counts.red === 0 ? 0 : 1;
}
