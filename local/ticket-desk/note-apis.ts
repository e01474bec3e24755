import type { IncomingHttpHeaders } from "node:http";

/** One note on a ticket. */
export interface DeskNote {
  readonly system: string;
  readonly ticketId: string;
  /** As a person would read it. */
  readonly text: string;
  /** Seen only by those who work on the ticket. */
  readonly internal: boolean;
  readonly atMs: number;
}

/** What a request to a note API asks for, or how the system would refuse it. */
export type Judged =
  | { readonly kind: "list"; readonly ticketId: string }
  /** A ticket by the number that people see. */
  | { readonly kind: "found"; readonly body: object }
  | { readonly kind: "write"; readonly ticketId: string; readonly text: string; readonly internal: boolean }
  | { readonly kind: "refused"; readonly status: number; readonly reason: string };

/** A request as it came. */
export interface DeskRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Parsed; undefined without a body or when it is not JSON. */
  readonly body: unknown;
}

/** How one system's notes are asked for and listed, by its own documentation and not by the client's eyes. */
export interface NoteApi {
  readonly system: string;
  /** Basic's `user:password`, or the whole of the Authorization header. */
  readonly basic?: string;
  readonly authorization?: string;
  readonly paths: readonly [method: string, path: RegExp][];
  judge(request: DeskRequest, ticketId: string): Judged;
  /** The answer to a list: in the system's own order, and no more of it than the system gives at once. @param notes oldest first */
  listed(notes: readonly DeskNote[], request: DeskRequest): unknown;
}

/** The account that every system of the desk knows. */
export const deskAccount = { user: "agent@desk.example", token: "desk-token", from: "agent@desk.example" } as const;

const refused = (status: number, reason: string): Judged => ({ kind: "refused", status, reason });
const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (found, step) => (typeof found === "object" && found !== null ? Reflect.get(found, step) : undefined),
    value,
  );
const keysOf = (value: unknown) =>
  typeof value === "object" && value !== null ? Object.keys(value).sort().join() : "";
const written = (ticketId: string, text: unknown, internal: boolean): Judged =>
  typeof text === "string" && text !== "" ? { kind: "write", ticketId, text, internal } : refused(400, "no text");
const html = (text: unknown) =>
  typeof text === "string" && !/<(?!br>)/i.test(text) ? text.replaceAll("<br>", "\n") : undefined;

/** What stands between {noformat} and {noformat}: wiki markup takes nothing of it for more than text. */
const preformatted = (text: unknown) =>
  typeof text === "string" ? (/^\{noformat\}\n([^{}]*)\n\{noformat\}$/.exec(text)?.[1] ?? text) : text;

/** The number that people see of ServiceNow's incidents, and the id behind it. */
const incidents: Readonly<Record<string, string>> = { INC0010023: "9d385017c611228701d22104cc95c371" };

/** A number of the query, within what the system takes. */
const numberOf = ({ query }: DeskRequest, name: string, fallback: number, highest = Number.POSITIVE_INFINITY) =>
  Math.min(/^\d+$/.test(query.get(name) ?? "") ? Number(query.get(name)) : fallback, highest);
const paged = (notes: readonly DeskNote[], request: DeskRequest, size: number) => {
  const perPage = numberOf(request, "per_page", size, 100);
  return notes.slice((numberOf(request, "page", 1) - 1) * perPage).slice(0, perPage);
};

/** The texts of an Atlassian document; undefined when it is none. */
function documentText(document: unknown): string | undefined {
  if (at(document, "type") !== "doc" || at(document, "version") !== 1) return undefined;
  const content = at(document, "content");
  if (!Array.isArray(content)) return undefined;
  const lines = content.map((paragraph) => {
    const texts = at(paragraph, "content");
    if (at(paragraph, "type") !== "paragraph" || !Array.isArray(texts)) return undefined;
    return texts.map((text) => (at(text, "type") === "text" ? at(text, "text") : "")).join("");
  });
  return lines.includes(undefined) ? undefined : lines.join("\n");
}

const documentOf = (text: string) => ({
  type: "doc",
  version: 1,
  content: text.split("\n").map((line) => ({ type: "paragraph", content: [{ type: "text", text: line }] })),
});

const fresh = (system: string): NoteApi => ({
  system,
  basic: `${deskAccount.token}:X`,
  paths: [
    ["GET", /^\/api\/v2\/tickets\/(\d+)\/conversations$/],
    ["POST", /^\/api\/v2\/tickets\/(\d+)\/notes$/],
  ],
  judge: ({ method, body }, ticketId) =>
    method === "GET"
      ? { kind: "list", ticketId }
      : written(ticketId, html(at(body, "body")), at(body, "private") === true),
  listed: (notes, request) => {
    const page = paged(notes, request, 30).map(({ text, internal }) => ({ body_text: text, private: internal }));
    return system === "freshservice" ? { conversations: page, meta: { count: notes.length } } : page;
  },
});

/** By the first segment of the base URL: `<desk>/zendesk`, `<desk>/jira`, ... */
export const noteApis: Readonly<Record<string, NoteApi>> = {
  zendesk: {
    system: "zendesk",
    basic: `${deskAccount.user}/token:${deskAccount.token}`,
    paths: [
      ["GET", /^\/api\/v2\/tickets\/(\d+)\/comments\.json$/],
      ["PUT", /^\/api\/v2\/tickets\/(\d+)\.json$/],
    ],
    judge({ method, body }, ticketId) {
      if (method === "GET") return { kind: "list", ticketId };
      if (keysOf(body) !== "ticket" || keysOf(at(body, "ticket")) !== "comment") return refused(422, "not a comment");
      const comment = at(body, "ticket", "comment");
      return written(ticketId, at(comment, "body"), at(comment, "public") === false);
    },
    listed: (notes, request) => {
      const ordered = request.query.get("sort_order") === "desc" ? notes.toReversed() : notes;
      return {
        comments: paged(ordered, request, 100).map(({ text, internal }) => ({ body: text, public: !internal })),
        count: notes.length,
      };
    },
  },
  jira: {
    system: "jira",
    basic: `${deskAccount.user}:${deskAccount.token}`,
    paths: [
      ["GET", /^\/rest\/api\/3\/issue\/([A-Z]+-\d+)\/comment$/],
      ["POST", /^\/rest\/api\/3\/issue\/([A-Z]+-\d+)\/comment$/],
    ],
    judge({ method, body }, ticketId) {
      if (method === "GET") return { kind: "list", ticketId };
      const { type, value } = Object(at(body, "visibility"));
      if (type !== undefined && (type !== "role" || typeof value !== "string")) return refused(400, "bad visibility");
      return written(ticketId, documentText(at(body, "body")), type === "role");
    },
    listed: (notes, request) => {
      const ordered = request.query.get("orderBy") === "-created" ? notes.toReversed() : notes;
      const startAt = numberOf(request, "startAt", 0);
      const page = ordered.slice(startAt).slice(0, numberOf(request, "maxResults", 100, 100));
      return { startAt, total: notes.length, comments: page.map(({ text }) => ({ body: documentOf(text) })) };
    },
  },
  "jira-service-management": {
    system: "jira-service-management",
    basic: `${deskAccount.user}:${deskAccount.token}`,
    paths: [
      ["GET", /^\/rest\/servicedeskapi\/request\/([A-Z]+-\d+)\/comment$/],
      ["POST", /^\/rest\/servicedeskapi\/request\/([A-Z]+-\d+)\/comment$/],
    ],
    judge({ method, body }, ticketId) {
      if (method === "GET") return { kind: "list", ticketId };
      if (keysOf(body) !== "body,public") return refused(400, "unknown fields");
      return written(ticketId, preformatted(at(body, "body")), at(body, "public") === false);
    },
    listed: (notes, request) => {
      const asked = notes.filter(({ internal }) => request.query.get(internal ? "internal" : "public") !== "false");
      const start = numberOf(request, "start", 0);
      const page = asked.slice(start).slice(0, numberOf(request, "limit", 50, 50));
      const values = page.map(({ text, internal }) => ({ body: text, public: !internal }));
      return { size: page.length, start, isLastPage: start + page.length >= asked.length, values };
    },
  },
  freshdesk: fresh("freshdesk"),
  freshservice: fresh("freshservice"),
  servicenow: {
    system: "servicenow",
    basic: `${deskAccount.user}:${deskAccount.token}`,
    paths: [
      ["GET", /^\/api\/now\/table\/sys_journal_field$/],
      ["GET", /^\/api\/now\/table\/incident$/],
      ["PATCH", /^\/api\/now\/table\/incident\/([0-9a-f]{32})$/],
    ],
    judge({ method, path, query, body }, ticketId) {
      if (method === "PATCH") return written(ticketId, at(body, "work_notes"), true);
      if (path.endsWith("/incident")) {
        const number = /^number=(\w+)$/.exec(query.get("sysparm_query") ?? "")?.[1] ?? "";
        const sysId = incidents[number];
        return { kind: "found", body: { result: sysId === undefined ? [] : [{ sys_id: sysId }] } };
      }
      const element = /^element_id=([0-9a-f]{32})\^element=work_notes/.exec(query.get("sysparm_query") ?? "")?.[1];
      return element === undefined ? refused(400, "bad query") : { kind: "list", ticketId: element };
    },
    listed: (notes, request) => {
      const newestFirst = request.query.get("sysparm_query")?.includes("^ORDERBYDESCsys_created_on") === true;
      const page = (newestFirst ? notes.toReversed() : notes).slice(0, numberOf(request, "sysparm_limit", 10_000));
      return { result: page.map(({ text }) => ({ value: text })) };
    },
  },
  pagerduty: {
    system: "pagerduty",
    authorization: `Token token=${deskAccount.token}`,
    paths: [
      ["GET", /^\/incidents\/([A-Z0-9]+)\/notes$/],
      ["POST", /^\/incidents\/([A-Z0-9]+)\/notes$/],
    ],
    judge({ method, headers, body }, ticketId) {
      if (method === "GET") return { kind: "list", ticketId };
      if (headers["from"] !== deskAccount.from) return refused(400, "no From header");
      return written(ticketId, at(body, "note", "content"), true);
    },
    listed: (notes) => ({ notes: notes.map(({ text }, id) => ({ id, content: text })) }),
  },
  github: {
    system: "github",
    authorization: `Bearer ${deskAccount.token}`,
    paths: [
      ["GET", /^\/repos\/acme\/devices\/issues\/(\d+)\/comments$/],
      ["POST", /^\/repos\/acme\/devices\/issues\/(\d+)\/comments$/],
    ],
    judge({ method, headers, body }, ticketId) {
      if (headers["user-agent"] === undefined) return refused(403, "no User-Agent");
      return method === "GET" ? { kind: "list", ticketId } : written(ticketId, at(body, "body"), false);
    },
    listed: (notes, request) => paged(notes, request, 30).map(({ text }) => ({ body: text })),
  },
  linear: {
    system: "linear",
    authorization: deskAccount.token,
    paths: [["POST", /^\/graphql$/]],
    judge({ body }) {
      const query = at(body, "query");
      const ticketId = at(body, "variables", "id");
      if (typeof query !== "string" || typeof ticketId !== "string") return refused(400, "not GraphQL");
      if (!query.includes("commentCreate")) return { kind: "list", ticketId };
      return written(ticketId, at(body, "variables", "body"), false);
    },
    listed: (notes, { body }) => {
      const query = String(at(body, "query"));
      const name = /comments\(filter: \{ body: \{ contains: \$(\w+) \} \}/.exec(query)?.[1];
      const contained = name === undefined ? "" : String(at(body, "variables", name));
      const found = notes.filter(({ text }) => text.includes(contained));
      const page = found.slice(0, Number(/first: (\d+)/.exec(query)?.[1] ?? 50));
      return { data: { issue: { comments: { nodes: page.map(({ text }) => ({ body: text })) } } } };
    },
  },
};
