import * as z from "zod/mini";
import type { Markup } from "./shown.ts";

/** Ticketing systems whose notes we can write. */
export const ticketSystems = [
  "zendesk",
  "jira",
  "jira-service-management",
  "freshdesk",
  "freshservice",
  "servicenow",
  "pagerduty",
  "github",
  "linear",
] as const;

/** One of {@link ticketSystems}. */
export type TicketSystem = (typeof ticketSystems)[number];

/** Whom we are at a ticketing system, as far as it matters to its requests. */
export interface Account {
  readonly token: string;
  readonly user?: string | undefined;
  readonly from?: string | undefined;
  readonly role?: string | undefined;
  readonly table?: string | undefined;
  readonly repository?: string | undefined;
}

/** A request to a ticketing system. */
export interface TicketRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  /** Each part already encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What is searched for in a ticket's notes, and where. */
export interface Search {
  /** Stands in the text of the note, and in no other. */
  readonly reference: string;
  /** Counted from 1. */
  readonly page: number;
}

/** How one system's notes are read and written; beside each stands the vendor's page that says so. */
export interface System {
  /** A ticket's id out of what people see, where it stands in there; absent: it is the same. */
  readonly idIn?: (seen: string) => string;
  /** Asks for the id of a ticket, where what people see is another one; absent: there is no other one. */
  readonly lookUp?: {
    /** Whether it is the id itself, and nothing has to be asked. */
    readonly isId: RegExp;
    readonly request: (seen: string, api: Account) => Omit<TicketRequest, "headers">;
    readonly idIn: (answer: unknown) => string | undefined;
  };
  /** What it makes of a note's text; plain when absent. */
  readonly markup?: Markup;
  readonly needs: readonly ("baseUrl" | "user" | "from" | "repository")[];
  readonly baseUrl?: string;
  /** Whether only those who work on the ticket see the note; a note that others may see never holds the code. */
  readonly isInternal: (account: Account) => boolean;
  readonly headers: (account: Account) => Readonly<Record<string, string>>;
  /** Notes of a ticket, to be searched for our reference: the latest ones, or where a system lists the oldest first, a page of all. */
  readonly list: (id: string, search: Search, api: Account) => Omit<TicketRequest, "headers">;
  /** Whether an answer to `list` says that there is a further page; absent: the first one is enough. */
  readonly hasMore?: (answer: unknown) => boolean;
  readonly write: (id: string, note: string, api: Account) => Omit<TicketRequest, "headers">;
  /** Whether an answer with status 200 says that it was refused; absent: never. */
  readonly refuses?: (answer: unknown) => boolean;
}

const yes = () => true;
const no = () => false;
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`, "utf8").toString("base64")}`,
});
const userAndToken = ({ user = "", token }: Account) => basic(user, token);
const get = (path: string) => ({ method: "GET", path }) as const;
const json = (method: "POST" | "PUT" | "PATCH", path: string, body: object) => ({
  method,
  path,
  body: JSON.stringify(body),
});

const pageSize = 100;
// Jira Service Management's own size: a larger page might be cut short, and the next one would leave notes out.
const requestPageSize = 50;

// `#264`, `INC-264`, `SR-264`: the number is the id. Another prefix is of another system, whose number is another ticket's.
const numberOf = (seen: string) => /^#?(?:(?:INC|SR)-)?(\d+)$/i.exec(seen)?.[1] ?? seen;
const withoutHash = (seen: string) => seen.replace(/^#/, "");

// https://developers.freshdesk.com/api/ and https://api.freshservice.com/
const fresh = {
  idIn: numberOf,
  needs: ["baseUrl"],
  isInternal: yes,
  headers: ({ token }) => basic(token, "X"),
  // Oldest first, thirty a page unless told otherwise, a hundred at most.
  list: (id, { page }) => get(`/api/v2/tickets/${id}/conversations?per_page=${pageSize}&page=${page}`),
  hasMore: (answer) => listOf(answer, "conversations").length === pageSize,
  // The body of a note is HTML here.
  write: (id, note) =>
    json("POST", `/api/v2/tickets/${id}/notes`, { body: note.replaceAll("\n", "<br>"), private: true }),
} as const satisfies System;

const listComments =
  "query ($id: String!, $reference: String!) { issue(id: $id) { comments(filter: { body: { contains: $reference } }, first: 100) { nodes { body } } } }";
const createComment =
  "mutation ($id: String!, $body: String!) { commentCreate(input: { issueId: $id, body: $body }) { success } }";

const linearAnswer = z.object({
  data: z.object({ commentCreate: z.optional(z.object({ success: z.literal(true) })) }),
  errors: z.optional(z.undefined()),
});

const foundRecord = z.object({ result: z.array(z.object({ sys_id: z.string().check(z.regex(/^[0-9a-f]{32}$/)) })) });

const moreToCome = z.object({ isLastPage: z.literal(false) });

export const systems: Readonly<Record<TicketSystem, System>> = {
  // https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/
  zendesk: {
    idIn: withoutHash,
    needs: ["baseUrl", "user"],
    isInternal: yes,
    headers: userAndToken,
    list: (id) => get(`/api/v2/tickets/${id}/comments.json?sort_order=desc`),
    write: (id, body) => json("PUT", `/api/v2/tickets/${id}.json`, { ticket: { comment: { body, public: false } } }),
  },
  // https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-comments/
  jira: {
    needs: ["baseUrl", "user"],
    isInternal: ({ role }) => role !== undefined,
    headers: userAndToken,
    list: (id) => get(`/rest/api/3/issue/${id}/comment?orderBy=-created`),
    write: (id, note, { role }) =>
      json("POST", `/rest/api/3/issue/${id}/comment`, {
        body: documentOf(note),
        ...(role === undefined ? {} : { visibility: { type: "role", value: role } }),
      }),
  },
  // https://developer.atlassian.com/cloud/jira/service-desk/rest/api-group-request/
  "jira-service-management": {
    needs: ["baseUrl", "user"],
    isInternal: yes,
    headers: userAndToken,
    list: (id, { page }) =>
      get(
        `/rest/servicedeskapi/request/${id}/comment?public=false&start=${(page - 1) * requestPageSize}&limit=${requestPageSize}`,
      ),
    hasMore: (answer) => moreToCome.safeParse(answer).success,
    // Its text is wiki markup, in which even the key of an issue is a link; here nothing of it is.
    write: (id, note) =>
      json("POST", `/rest/servicedeskapi/request/${id}/comment`, {
        body: `{noformat}\n${note}\n{noformat}`,
        public: false,
      }),
  },
  freshdesk: fresh,
  freshservice: fresh,
  // https://developer.servicenow.com, "Table API"
  servicenow: {
    idIn: withoutHash,
    lookUp: {
      isId: /^[0-9a-f]{32}$/,
      request: (number, { table = "incident" }) =>
        get(`/api/now/table/${table}?sysparm_query=number%3D${number}&sysparm_fields=sys_id&sysparm_limit=1`),
      idIn: (answer) => foundRecord.safeParse(answer).data?.result[0]?.sys_id,
    },
    needs: ["baseUrl", "user"],
    isInternal: yes,
    headers: userAndToken,
    list: (id) =>
      get(
        `/api/now/table/sys_journal_field?sysparm_query=element_id%3D${id}%5Eelement%3Dwork_notes%5EORDERBYDESCsys_created_on&sysparm_fields=value&sysparm_limit=100`,
      ),
    write: (id, note, { table = "incident" }) => json("PATCH", `/api/now/table/${table}/${id}`, { work_notes: note }),
  },
  // https://developer.pagerduty.com/api-reference/, "Create a note on an incident"
  pagerduty: {
    needs: ["from"],
    baseUrl: "https://api.pagerduty.com",
    isInternal: yes,
    headers: ({ token, from = "" }) => ({ authorization: `Token token=${token}`, from }),
    list: (id) => get(`/incidents/${id}/notes`),
    write: (id, content) => json("POST", `/incidents/${id}/notes`, { note: { content } }),
  },
  // https://docs.github.com/en/rest/issues/comments
  github: {
    idIn: withoutHash,
    markup: "markdown",
    needs: ["repository"],
    baseUrl: "https://api.github.com",
    isInternal: no,
    // GitHub refuses a request without a User-Agent.
    headers: ({ token }) => ({ authorization: `Bearer ${token}`, "user-agent": "rekey" }),
    // Oldest first, and nothing turns that round.
    list: (id, { page }, { repository = "" }) =>
      get(`/repos/${repository}/issues/${id}/comments?per_page=${pageSize}&page=${page}`),
    hasMore: (answer) => listOf(answer).length === pageSize,
    write: (id, body, { repository = "" }) => json("POST", `/repos/${repository}/issues/${id}/comments`, { body }),
  },
  // https://linear.app/developers
  linear: {
    markup: "markdown",
    needs: [],
    baseUrl: "https://api.linear.app",
    isInternal: no,
    headers: ({ token }) => ({ authorization: token }),
    list: (id, { reference }) => json("POST", "/graphql", { query: listComments, variables: { id, reference } }),
    write: (id, body) => json("POST", "/graphql", { query: createComment, variables: { id, body } }),
    refuses: (answer) => !linearAnswer.safeParse(answer).success,
  },
};

/** The entries of a page: the answer itself, or what it holds under `key`; none in an answer of another shape. */
function listOf(answer: unknown, key?: string): readonly unknown[] {
  if (Array.isArray(answer)) return answer;
  const held = key === undefined ? undefined : z.record(z.string(), z.unknown()).safeParse(answer).data?.[key];
  return Array.isArray(held) ? held : [];
}

/** Jira's document format; one paragraph a line. */
function documentOf(note: string) {
  const paragraphs = note.split("\n").filter((line) => line !== "");
  return {
    type: "doc",
    version: 1,
    content: paragraphs.map((line) => ({ type: "paragraph", content: [{ type: "text", text: line }] })),
  };
}
