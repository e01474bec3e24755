import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LocalSystem, startLocalSystem } from "../../local/local-system.ts";
import { startPlatformSimulator } from "../../local/platform-simulator/simulator.ts";

// The examples of README.md and docs/api.md, sent as they stand there: every curl that names the local system, and the
// answer that is printed below it.

interface Example {
  readonly command: string;
  /** The JSON that the page shows; undefined where it shows none. */
  readonly shown: unknown;
}

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), "utf8");

/** Each curl command of a page's sh blocks; the last one of a block has the JSON block that follows. */
function examplesIn(page: string): Example[] {
  return [...page.matchAll(/```sh\n(.*?)```(?:[^`]*?```json\n(.*?)```)?/gs)].flatMap(([, block = "", json]) => {
    const commands = block
      .replace(/\\\n\s*/g, "")
      .split("\n")
      .filter((line) => line.startsWith("curl ") && line.includes("http://127.0.0.1:3000"));
    return commands.map((command, at) => ({
      command,
      shown:
        json !== undefined && at === (commands.length > 1 ? 0 : commands.length - 1) ? JSON.parse(json) : undefined,
    }));
  });
}

/** What a shell would make of a command: words, quoted or not. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain = ""]) => quoted ?? plain);
}

function requestOf(command: string, url: string): Request {
  const headers = new Headers();
  const init: RequestInit = { headers };
  let address = "";
  const words = wordsOf(command).slice(1);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "-X") init.method = words.shift() ?? "";
    else if (word === "-d") init.body = words.shift() ?? "";
    else if (word === "-H") {
      const [name = "", value = ""] = (words.shift() ?? "").split(/: (.*)/);
      headers.set(name, value);
    } else if (word.startsWith("http")) address = word.replace("http://127.0.0.1:3000", url);
    else throw new Error(`What does curl make of ${word}?`);
  }
  return new Request(address, init);
}

/** The same text wherever a value differs each time. */
function settled(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const changing = /^(verifyCode|expiresAt|expiresIn|accessToken|requestId|advice|ms)$/;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, changing.test(name) ? typeof member : settled(member)]),
  );
}

let system: LocalSystem;
beforeAll(async () => {
  system = await startLocalSystem({ platform: () => startPlatformSimulator({}) });
});
afterAll(() => system.close());

describe.each(["README.md", "docs/api.md"])("%s", async (path) => {
  const examples = examplesIn(await read(path));

  test("has examples", () => {
    expect(examples.length).toBeGreaterThan(2);
    expect(examples.filter(({ shown }) => shown !== undefined).length).toBeGreaterThan(0);
  });

  test.each(examples)("$command is answered as shown", async ({ command, shown }) => {
    const answer = await fetch(requestOf(command, system.url));
    const body: unknown = await answer.json();
    if (shown === undefined) expect([200, 404]).toContain(answer.status);
    else expect(settled(body)).toEqual(settled(shown));
  });
});

test("docs/tickets.md: a system of one's own is answered with the code, by the source and the command that stand there", async () => {
  const page = (await read("docs/tickets.md")).split("## A system of your own")[1]?.split("\n## ")[0] ?? "";
  const [source = "", command = ""] = [...page.matchAll(/(?:^ {4}.*\n)+/gm)].map(([block]) => block);
  const own = await startLocalSystem({
    platform: () => startPlatformSimulator({}),
    webhookSources: JSON.parse(source),
  });
  const answer = await fetch(requestOf(command.replace(/\\\n\s*/g, "").trim(), own.url));
  const body: unknown = await answer.json();
  await own.close();
  expect([answer.status, body]).toEqual([
    200,
    expect.objectContaining({
      deviceId: "device-3",
      nodeId: "urn:imei:860000000000025",
      verifyCode: expect.any(String),
    }),
  ]);
});
