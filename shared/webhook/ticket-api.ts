import * as z from "zod/mini";
import { jsonOf } from "../json.ts";

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

const text = z.string().check(z.minLength(1), z.maxLength(1_000), z.regex(/^[^\p{Cc}]*$/u));

/** Where a source's tickets are, and who we are there. */
export const ticketApi = z
  .strictObject({
    system: z.enum(ticketSystems),
    /** Absent: the one address that PagerDuty, GitHub and Linear have. */
    baseUrl: z.optional(z.string().check(z.refine(isBaseUrl, "must be an https address without a query"))),
    /** Whom the token belongs to, where the system wants a name beside it. */
    user: z.optional(text),
    token: text,
    /** `pagerduty`: the address of the user who writes. */
    from: z.optional(text),
    /** `jira`: the role that may read the note; without one it never holds the code. */
    role: z.optional(text),
    /** `github`: `owner/name`. */
    repository: z.optional(z.string().check(z.regex(/^[\w.-]+\/[\w.-]+$/))),
  })
  .check(
    z.superRefine(({ system, ...given }, context) => {
      for (const field of systems[system].needs) {
        if (given[field] === undefined) {
          context.addIssue({
            code: "custom",
            path: [field],
            message: `is missing, ${system} needs it`,
            input: undefined,
          });
        }
      }
    }),
  );

export type TicketApi = z.infer<typeof ticketApi>;

/** A request to a ticketing system. */
export interface TicketRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  /** Each part already encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What is searched for in a ticket's notes, and where. */
interface Search {
  /** Stands in the text of the note, and in no other. */
  readonly reference: string;
  /** Counted from 1. */
  readonly page: number;
}

/** How one system's notes are read and written; webhooks.md lists where each fact is from. */
interface System {
  readonly needs: readonly ("baseUrl" | "user" | "from" | "repository")[];
  readonly baseUrl?: string;
  /** Whether only those who work on the ticket see the note; a note that others may see never holds the code. */
  readonly isInternal: (api: TicketApi) => boolean;
  readonly headers: (api: TicketApi) => Readonly<Record<string, string>>;
  /** Notes of a ticket, to be searched for our reference: the latest ones, or where a system lists the oldest first, a page of all. */
  readonly list: (id: string, search: Search, api: TicketApi) => Omit<TicketRequest, "headers">;
  /** Whether an answer to `list` says that there is a further page; absent: the first one is enough. */
  readonly hasMore?: (answer: unknown) => boolean;
  readonly write: (id: string, note: string, api: TicketApi) => Omit<TicketRequest, "headers">;
  /** Whether an answer with status 200 says that it was refused; absent: never. */
  readonly refuses?: (answer: unknown) => boolean;
}

const yes = () => true;
const no = () => false;
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`, "utf8").toString("base64")}`,
});
const userAndToken = ({ user = "", token }: TicketApi) => basic(user, token);
const get = (path: string) => ({ method: "GET", path }) as const;
const json = (method: "POST" | "PUT" | "PATCH", path: string, body: object) => ({
  method,
  path,
  body: JSON.stringify(body),
});

const pageSize = 100;
// Jira Service Management's own size: a larger page might be cut short, and the next one would leave notes out.
const requestPageSize = 50;

const fresh = {
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
  "query ($id: String!, $reference: String!) { issue(id: $id) { comments(filter: { body: { contains: $reference } }, first: 1) { nodes { body } } } }";
const createComment =
  "mutation ($id: String!, $body: String!) { commentCreate(input: { issueId: $id, body: $body }) { success } }";

const linearAnswer = z.object({
  data: z.object({ commentCreate: z.optional(z.object({ success: z.literal(true) })) }),
  errors: z.optional(z.undefined()),
});

const moreToCome = z.object({ isLastPage: z.literal(false) });

const systems: Readonly<Record<TicketSystem, System>> = {
  zendesk: {
    needs: ["baseUrl", "user"],
    isInternal: yes,
    headers: userAndToken,
    list: (id) => get(`/api/v2/tickets/${id}/comments.json?sort_order=desc`),
    write: (id, body) => json("PUT", `/api/v2/tickets/${id}.json`, { ticket: { comment: { body, public: false } } }),
  },
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
  "jira-service-management": {
    needs: ["baseUrl", "user"],
    isInternal: yes,
    headers: userAndToken,
    list: (id, { page }) =>
      get(
        `/rest/servicedeskapi/request/${id}/comment?public=false&start=${(page - 1) * requestPageSize}&limit=${requestPageSize}`,
      ),
    hasMore: (answer) => moreToCome.safeParse(answer).success,
    write: (id, body) => json("POST", `/rest/servicedeskapi/request/${id}/comment`, { body, public: false }),
  },
  freshdesk: fresh,
  freshservice: fresh,
  servicenow: {
    needs: ["baseUrl", "user"],
    isInternal: yes,
    headers: userAndToken,
    list: (id) =>
      get(
        `/api/now/table/sys_journal_field?sysparm_query=element_id%3D${id}%5Eelement%3Dwork_notes%5EORDERBYDESCsys_created_on&sysparm_fields=value&sysparm_limit=100`,
      ),
    write: (id, note) => json("PATCH", `/api/now/table/incident/${id}`, { work_notes: note }),
  },
  pagerduty: {
    needs: ["from"],
    baseUrl: "https://api.pagerduty.com",
    isInternal: yes,
    headers: ({ token, from = "" }) => ({ authorization: `Token token=${token}`, from }),
    list: (id) => get(`/incidents/${id}/notes`),
    write: (id, content) => json("POST", `/incidents/${id}/notes`, { note: { content } }),
  },
  github: {
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
  linear: {
    needs: [],
    baseUrl: "https://api.linear.app",
    isInternal: no,
    headers: ({ token }) => ({ authorization: token }),
    list: (id, { reference }) => json("POST", "/graphql", { query: listComments, variables: { id, reference } }),
    write: (id, body) => json("POST", "/graphql", { query: createComment, variables: { id, body } }),
    refuses: (answer) => !linearAnswer.safeParse(answer).success,
  },
};

/** Whether a text can be a ticket's id, and nothing that leaves its place in a path or a query. */
export function isTicketId(text: string): boolean {
  return /^(?!\.+$)[A-Za-z0-9._-]{1,128}$/.test(text);
}

/** Whether a note of this source may hold the code. */
export function mayHoldCode(api: TicketApi): boolean {
  return systems[api.system].isInternal(api);
}

/** The requests that a note on a ticket takes, and what their answers say. */
export interface NoteRequests {
  /** @param page counted from 1 */
  list(reference: string, page: number): TicketRequest;
  /** Whether an answer to `list` says that there is a further page to search. */
  hasMore(answer: string): boolean;
  write(note: string): TicketRequest;
  /** Whether an answer with status 200 says that it was refused. */
  refuses(answer: string): boolean;
}

/** The requests that a note on this ticket takes. @param ticketId as {@link isTicketId} has it */
export function noteRequests(api: TicketApi, ticketId: string): NoteRequests {
  const system = systems[api.system];
  const headers = { accept: "application/json", ...system.headers(api) };
  const complete = (request: Omit<TicketRequest, "headers">): TicketRequest => ({
    ...request,
    headers: request.body === undefined ? headers : { ...headers, "content-type": "application/json" },
  });
  return {
    list: (reference, page) => complete(system.list(ticketId, { reference, page }, api)),
    hasMore: (answer) => {
      const page = jsonOf(answer);
      // A page too long to be read whole is no JSON, and may not be the last one.
      return system.hasMore !== undefined && (page === undefined || system.hasMore(page));
    },
    write: (note) => complete(system.write(ticketId, note, api)),
    refuses: (answer) => system.refuses?.(jsonOf(answer)) ?? false,
  };
}

/** The address of the system, without a slash at its end. */
export function baseUrlOf({ system, baseUrl }: TicketApi): string {
  return (baseUrl ?? systems[system].baseUrl ?? "").replace(/\/+$/, "");
}

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

function isBaseUrl(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const url = new URL(address);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && /^(localhost|127\.0\.0\.1)$/.test(url.hostname));
}
