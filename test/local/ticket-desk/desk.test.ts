import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTicketDesk, type TicketDesk } from "../../../local/ticket-desk/desk.ts";
import { deskAccount } from "../../../local/ticket-desk/note-apis.ts";

const { user, token, from } = deskAccount;
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
const document = (text: string) => ({
  type: "doc",
  version: 1,
  content: [{ type: "paragraph", content: [{ type: "text", text }] }],
});
const graphql = { id: "u-1" };
const createComment = "mutation ($id: String!, $body: String!) { commentCreate(input: {}) { success } }";
const role = { type: "role", value: "Technicians" };

/** By each system's pages: how a note is written that only those who work on the ticket see, and how one others see. */
const systems: [string, string, string, string, Record<string, string>, object, object][] = [
  [
    ...(["zendesk", "1", "PUT", "/api/v2/tickets/1.json"] as const),
    { authorization: basic(`${user}/token:${token}`) },
    { ticket: { comment: { body: "A note", public: false } } },
    { ticket: { comment: { body: "A note" } } },
  ],
  [
    ...(["jira", "F-1", "POST", "/rest/api/3/issue/F-1/comment"] as const),
    { authorization: basic(`${user}:${token}`) },
    { body: document("A note"), visibility: role },
    { body: document("A note") },
  ],
  [
    ...(["jira-service-management", "F-1", "POST", "/rest/servicedeskapi/request/F-1/comment"] as const),
    { authorization: basic(`${user}:${token}`) },
    { body: "A note", public: false },
    { body: "A note", public: true },
  ],
  ...["freshdesk", "freshservice"].map((system): (typeof systems)[number] => [
    ...([system, "1", "POST", "/api/v2/tickets/1/notes"] as const),
    { authorization: basic(`${token}:X`) },
    { body: "A note", private: true },
    { body: "A note", private: false },
  ]),
  [
    ...(["github", "1", "POST", "/repos/acme/devices/issues/1/comments"] as const),
    { authorization: `Bearer ${token}`, "user-agent": "test" },
    {},
    { body: "A note" },
  ],
  [
    ...(["linear", "u-1", "POST", "/graphql"] as const),
    { authorization: token },
    {},
    { query: createComment, variables: { ...graphql, body: "A note" } },
  ],
  [
    ...(["pagerduty", "Q1", "POST", "/incidents/Q1/notes"] as const),
    { authorization: `Token token=${token}`, from },
    { note: { content: "A note" } },
    {},
  ],
];

let desk: TicketDesk;
beforeAll(async () => {
  desk = await startTicketDesk();
  for (const [system, ticketId] of systems) desk.open(system, ticketId);
});
afterAll(() => desk.close());

async function send(system: string, method: string, path: string, headers: Record<string, string>, body?: object) {
  const response = await fetch(`${desk.url}/${system}${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

describe.each(systems)("the desk's %s", (system, ticketId, method, path, headers, internal, open) => {
  test.each([
    ["only those who work on the ticket see", internal, true],
    ["others see", open, false],
  ])("takes a note that %s for what it is, and refuses one without a text", async (_, body, hidden) => {
    const before = desk.on(system, ticketId).length;
    const { status } = await send(system, method, path, headers, body);
    const written = desk.on(system, ticketId).slice(before);
    if (Object.keys(body).length === 0) expect([status, written]).toEqual([400, []]);
    else expect([status, written]).toMatchObject([expect.any(Number), [{ text: "A note", internal: hidden }]]);
  });

  test.each(["Basic eDp5", ""])("refuses whoever says of himself %j", async (authorization) => {
    expect((await send(system, method, path, { ...headers, authorization }, internal)).status).toBe(401);
  });
});

test.each([
  ["zendesk", "PUT", "/api/v2/tickets/1.json", { comment: { body: "Outside of its ticket" } }, 422],
  ["zendesk", "POST", "/api/v2/tickets/1.json", {}, 404],
  ["jira", "POST", "/rest/api/3/issue/F-1/comment", { body: "A text is no document" }, 400],
  ["jira", "POST", "/rest/api/3/issue/F-1/comment", { body: document("A"), visibility: { type: "people" } }, 400],
  ["jira-service-management", "POST", "/rest/servicedeskapi/request/F-1/comment", { body: "A", private: true }, 400],
  ["freshdesk", "POST", "/api/v2/tickets/1/notes", { body: "<script>", private: true }, 400],
  ["linear", "POST", "/graphql", { variables: {} }, 400],
  ["nobody", "GET", "/", undefined, 404],
])("%s: %s %s with %j is refused with its status", async (system, method, path, body, status) => {
  const headers = systems.find(([name]) => name === system)?.[4] ?? {};
  expect((await send(system, method, path, headers, body)).status).toBe(status);
});

test("a note of PagerDuty without the address of who writes is refused", async () => {
  const { status } = await send(
    ...(["pagerduty", "POST", "/incidents/Q1/notes", { authorization: `Token token=${token}` }] as const),
    { note: { content: "A" } },
  );
  expect(status).toBe(400);
});

describe("a list", () => {
  test.each([
    ["freshdesk", "/api/v2/tickets/2/conversations", 30],
    ["freshdesk", "/api/v2/tickets/2/conversations?per_page=500", 100],
    ["freshdesk", "/api/v2/tickets/2/conversations?per_page=100&page=2", 20],
    ["github", "/repos/acme/devices/issues/2/comments", 30],
    ["github", "/repos/acme/devices/issues/2/comments?per_page=100&page=2", 20],
  ])("of %s %s holds no more than the system gives at once", async (system, path, count) => {
    desk.open(system, "2");
    for (let left = 120 - desk.on(system, "2").length; left > 0; left -= 1) desk.say(system, "2", "A note");
    const headers = systems.find(([name]) => name === system)?.[4] ?? {};
    expect((await send(system, "GET", path, headers)).body).toHaveLength(count);
  });
});

test("everything that was written is listed for whoever looks", async () => {
  desk.say("zendesk", "1", "Look here");
  const { body } = await send("tickets", "GET", "", {});
  expect(JSON.stringify(body)).toContain("Look here");
});
