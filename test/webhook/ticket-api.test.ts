import { describe, expect, test } from "vitest";
import { noteRequests, ticketApi } from "../../shared/webhook/ticket-api.ts";
import type { TicketSystem } from "../../shared/webhook/ticket-systems.ts";

const baseUrl = "https://desk.example";
const api = (system: TicketSystem, changes: object = {}) =>
  ticketApi.parse({ system, baseUrl, token: "t", user: "ü", from: "f", repository: "acme/devices", ...changes });
const requests = (system: TicketSystem, changes: object = {}) => noteRequests(api(system, changes), "7");
const bodyOf = (system: TicketSystem, note: string, changes: object = {}) =>
  JSON.parse(requests(system, changes).write(note).body ?? "");

test("user and token go as HTTP Basic in UTF-8, and a token alone as each system wants it", () => {
  const authorization = (system: TicketSystem) => requests(system).list("r", 1).headers["authorization"];
  const basic = (pair: string) => `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
  expect(authorization("zendesk")).toBe(basic("ü:t"));
  expect(authorization("freshdesk")).toBe(basic("t:X"));
  expect(authorization("pagerduty")).toBe("Token token=t");
  expect(authorization("github")).toBe("Bearer t");
  expect(authorization("linear")).toBe("t");
});

test("GitHub is told who asks, since it refuses whoever does not say", () => {
  expect(requests("github").list("r", 1).headers["user-agent"]).toBe("rekey");
});

test("JSON is asked for always, and said to be sent only where there is a body", () => {
  const { list, write } = requests("zendesk");
  expect(list("r", 1).headers).toMatchObject({ accept: "application/json" });
  expect(list("r", 1).headers).not.toHaveProperty("content-type");
  expect(list("r", 1)).not.toHaveProperty("body");
  expect(write("n").headers).toMatchObject({ accept: "application/json", "content-type": "application/json" });
});

describe("a further page is asked for", () => {
  const hundred = Array.from({ length: 100 }, () => ({}));

  test.each<[TicketSystem, unknown, boolean]>([
    ["github", hundred, true],
    ["github", hundred.slice(1), false],
    ["github", { message: "no list" }, false],
    ["github", null, false],
    ["freshdesk", { conversations: hundred }, true],
    ["freshdesk", hundred, true],
    ["freshdesk", { conversations: hundred.slice(1) }, false],
    ["freshdesk", { conversations: "x".repeat(100) }, false],
    ["freshdesk", {}, false],
    ["freshdesk", null, false],
    ["jira-service-management", { isLastPage: false }, true],
    ["jira-service-management", { isLastPage: true }, false],
    ["jira-service-management", {}, false],
    ["zendesk", { isLastPage: false, conversations: hundred }, false],
  ])("of %s after a page like that (%#): %s", (system, answer, more) => {
    expect(requests(system).hasMore(JSON.stringify(answer))).toBe(more);
  });

  test("of one that was too long to be read whole, where a system has pages at all", () => {
    expect(requests("github").hasMore('[{"body":"cut o')).toBe(true);
    expect(requests("zendesk").hasMore('{"comments":[{"body":"cut o')).toBe(false);
  });

  test("with its number, or with where it starts", () => {
    expect(requests("github").list("r", 3).path).toBe("/repos/acme/devices/issues/7/comments?per_page=100&page=3");
    expect(requests("jira-service-management").list("r", 3).path).toContain("&start=100&limit=50");
  });
});

describe("an answer that is well but for its words", () => {
  test.each<[unknown, boolean]>([
    [{ data: { commentCreate: { success: true } } }, false],
    [{ data: {} }, false],
    [{ data: { commentCreate: { success: false } } }, true],
    [{ data: {}, errors: [{ message: "no such issue" }] }, true],
    [{ errors: [] }, true],
    [null, true],
  ])("of Linear, %j, is a refusal: %s", (answer, refusal) => {
    expect(requests("linear").refuses(JSON.stringify(answer))).toBe(refusal);
  });

  test("of a system that says it with a status is none", () => {
    expect(requests("zendesk").refuses('{"errors":[]}')).toBe(false);
  });
});

describe("a note's lines", () => {
  test("are paragraphs in Jira, and an empty one is none, which Jira would refuse", () => {
    expect(bodyOf("jira", "one\n\ntwo").body.content).toEqual(
      ["one", "two"].map((text) => ({ type: "paragraph", content: [{ type: "text", text }] })),
    );
  });

  test("are broken with markup where the note is HTML", () => {
    expect(bodyOf("freshservice", "one\ntwo")).toEqual({ body: "one<br>two", private: true });
  });

  test("are seen by a role in Jira where there is one", () => {
    expect(bodyOf("jira", "n", { role: "Technicians" }).visibility).toEqual({ type: "role", value: "Technicians" });
    expect(bodyOf("jira", "n")).not.toHaveProperty("visibility");
  });
});

test.each<[TicketSystem, string]>([
  ["zendesk", "baseUrl"],
  ["zendesk", "user"],
  ["jira", "user"],
  ["servicenow", "user"],
  ["freshdesk", "baseUrl"],
  ["pagerduty", "from"],
  ["github", "repository"],
])("%s without %s is malformed, and the fault names it", (system, field) => {
  const given: Record<string, string> = { baseUrl, user: "u", from: "f", repository: "a/b" };
  delete given[field];
  const { error } = ticketApi.safeParse({ system, token: "t", ...given });
  expect(error?.issues).toEqual([
    expect.objectContaining({ code: "custom", path: [field], message: `is missing, ${system} needs it` }),
  ]);
});

test.each(["https://127.0.0.1.evil.example", "https://[::1]", "https://desk.example:8443/path"])(
  "%s may be configured, since it is https",
  (address) => {
    expect(ticketApi.safeParse({ system: "linear", token: "t", baseUrl: address }).success).toBe(true);
  },
);

test.each(["http://evil-localhost", "http://localhost.evil.example", "ws://localhost"])("%s may not", (address) => {
  expect(ticketApi.safeParse({ system: "linear", token: "t", baseUrl: address }).success).toBe(false);
});
