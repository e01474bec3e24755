import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { endsWithItsReader, flagsOf, helpedBy } from "../local/command-line.ts";
import { RekeyError } from "../shared/errors.ts";
import { expressionFaults, malformed, readSource, type Source } from "../shared/webhook/source.ts";
import { describeEvents, type Row, type Verdict } from "./source-report.ts";

const help = `npm run check-source -- sources.json <source> payload.json [--header 'Name: value']...

Says what a source of the webhooks secret would make of a delivery: what each place finds, what would be sent and what the
ticket would be told. Nothing is sent to anybody, and signatures are not looked at.

  --header 'Name: value'   a header of the delivery, as often as there are: some presets read their sender's event or id there
  --help

Exit code: 0 the device would be re-keyed, or the condition does not hold; 1 the delivery would be refused, it or the source
cannot be read, or a place of the source is not in the payload; 2 wrong use.`;

endsWithItsReader();
const { values, positionals } = flagsOf(
  () =>
    parseArgs({
      allowPositionals: true,
      options: {
        header: { type: "string", multiple: true, default: [] },
        help: { type: "boolean", default: false },
      },
    }),
  "npm run check-source",
);
helpedBy(values.help, help);
const [configurationFile, name, payloadFile] = positionals;

if (configurationFile === undefined || name === undefined || payloadFile === undefined || positionals.length > 3) {
  console.error(help.replace(/\n.*/s, "").replace(/^/, "Usage: "));
  process.exit(2);
}
try {
  const source = await sourceOf(configurationFile, name);
  print(described(source));
  const { rows, isAmiss } = await outcomeOf(source, payloadFile);
  print(rows);
  if (isAmiss) process.exitCode = 1;
} catch (error) {
  console.error(visible(reasonOf(error)));
  process.exitCode = 1;
}

async function sourceOf(file: string, source: string): Promise<Source> {
  const sources = jsonIn(file, (await contentOf(file)).toString("utf8"));
  if (typeof sources !== "object" || sources === null || !Object.hasOwn(sources, source)) {
    const names = Object.keys(Object(sources));
    throw new Error(`${file} has no source "${source}"${names.length === 0 ? "" : `; it has ${names.join(", ")}`}`);
  }
  try {
    const read = await readSource(source, Reflect.get(sources, source));
    const faults = await expressionFaults(read, 60_000);
    if (faults.length > 0) throw malformed(source, faults);
    return read;
  } catch (error) {
    throw new Error(`${file}, source "${source}": ${reasonOf(error)}`);
  }
}

async function outcomeOf(source: Source, file: string): Promise<Verdict> {
  const headers = Object.fromEntries(
    values.header.map((line) => {
      const [header = "", ...rest] = line.split(":");
      return [header.trim(), rest.join(":").trim()];
    }),
  );
  const proof = { secret: source.secrets[0] ?? "", id: undefined, time: undefined };
  const body = await contentOf(file);
  try {
    return await describeEvents(source, { headers, body, proof });
  } catch (error) {
    throw new Error(`${file}: ${reasonOf(error)}`);
  }
}

async function contentOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new Error(`${file} cannot be read: ${error instanceof Error && "code" in error ? error.code : "unknown"}`);
  }
}

/** The parser's own words quote the file, which may be a secret; the place they name is enough. */
function jsonIn(file: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    const place = /line \d+ column \d+/.exec(String(error))?.[0];
    throw new Error(`${file} is not JSON${place === undefined ? "" : `: see ${place}`}`);
  }
}

function described(source: Source): Row[] {
  const { secrets, reply, ticket } = source;
  return [
    ["source", source.name],
    ["secrets", secrets.length === 0 ? "none: every delivery gets 401" : String(secrets.length)],
    ["answer", reply === "ack" ? "202 with an operation id, never the code" : "200 with the code"],
    ["answer within", `${source.preset.answerWithinMs} ms`],
    ["note", ticket === undefined ? "none: no ticket is configured" : `on ${ticket.system}`],
  ];
}

function print(rows: readonly Row[]): void {
  for (const [label, value] of rows) {
    console.log(`${label.padEnd(16)}${visible(value).replaceAll("\n", `\n${" ".repeat(16)}`)}`);
  }
}

/** Without what a terminal would act upon: a payload may hold any character. */
function visible(text: string): string {
  return text.replace(/(?!\n)\p{C}/gu, (one) => `\\u{${one.codePointAt(0)?.toString(16) ?? ""}}`);
}

function reasonOf(error: unknown): string {
  if (error instanceof RekeyError && error.cause instanceof Error) return `${error.message}: ${error.cause.message}`;
  return error instanceof Error ? error.message : String(error);
}
