import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ownSources } from "../../local/own-sources.ts";
import { startTicketDesk, type TicketDesk } from "../../local/ticket-desk/desk.ts";

let folder: string;
let desk: TicketDesk;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rekey-own-sources-"));
  desk = await startTicketDesk();
});
afterAll(async () => {
  await desk.close();
  await rm(folder, { recursive: true });
});

const source = {
  ...{ preset: "github", secrets: ["a secret of the owner's own"], fields: { deviceId: "device" } },
  ticket: { system: "zendesk", baseUrl: "https://acme.zendesk.com", user: "u", token: "the-real-token" },
};

async function read(content: unknown) {
  const file = join(folder, "mine.json");
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
  return ownSources(file, desk);
}

test("notes of one's own sources go to the local desk, never to the system itself", async () => {
  const { mine, mute } = await read({ mine: source, mute: { ...source, ticket: undefined } });
  expect(mine).toMatchObject({ preset: "github", ticket: { system: "zendesk", baseUrl: `${desk.url}/zendesk` } });
  expect(JSON.stringify(mine)).not.toMatch(/acme|the-real-token/);
  expect(mute).not.toHaveProperty("ticket");
  // Any ticket is known there: which ones a payload will name, nobody knows.
  const credentials = Buffer.from(
    `${Reflect.get(Object(mine), "ticket").user}:${Reflect.get(Object(mine), "ticket").token}`,
  );
  const answer = await fetch(`${desk.url}/zendesk/api/v2/tickets/4711/comments.json?sort_order=desc`, {
    headers: { authorization: `Basic ${credentials.toString("base64")}` },
  });
  expect(answer.status).toBe(200);
});

test.each([
  ["{", /mine\.json is not a JSON object of sources$/],
  ["[]", /mine\.json is not a JSON object of sources$/],
  [{ mine: { ...source, limit: 7 } }, /mine\.json, source "mine": limit is unknown$/],
  [{ mine: { ...source, when: "$match((" } }, /mine\.json, source "mine": when The expression cannot be read/],
  [{ mine: { ...source, secrets: ["short"] } }, /mine\.json, source "mine": secrets\.0 must have at least 16/],
])("%j is refused, with the file and the place, and quotes no secret", async (content, words) => {
  const error: unknown = await read(content).catch((refusal: unknown) => refusal);
  expect(error).toMatchObject({ message: expect.stringMatching(words) });
  expect(String(error)).not.toMatch(/owner's own|the-real-token/);
});

test("a file that is not there is named", async () => {
  await expect(ownSources(join(folder, "none.json"), desk)).rejects.toThrow("none.json cannot be read");
});
