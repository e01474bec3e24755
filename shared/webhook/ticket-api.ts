import * as z from "zod/mini";
import { isBaseUrl } from "../base-url.ts";
import { jsonOf } from "../json.ts";
import type { Markup } from "./shown.ts";
import { systems, type TicketRequest, ticketSystems } from "./ticket-systems.ts";

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
    /** `servicenow`: the table of the tickets; absent: `incident`. */
    table: z.optional(z.string().check(z.regex(/^[a-z][a-z0-9_]{0,79}$/, "must be the name of a table"))),
    /** `github`: `owner/name`. */
    repository: z.optional(z.string().check(z.regex(/^[\w.-]+\/[\w.-]+$/))),
  })
  .check(
    z.superRefine(({ system, ...given }, context) => {
      const fault = (field: string, message: string) =>
        context.addIssue({ code: "custom", path: [field], message, input: undefined });
      const { needs, headers } = systems[system];
      for (const field of needs) if (given[field] === undefined) fault(field, `is missing, ${system} needs it`);
      // What goes out in Base64 may have any letter; such as a typographic quote cannot be sent as it is.
      const sent = Object.values(headers(given)).join();
      for (const field of ["token", "from"] as const) {
        const value = given[field] ?? "";
        if (/[^ -~\u00a0-\u00ff]/.test(value) && sent.includes(value))
          fault(field, "has letters that no header can hold");
      }
    }),
  );

export type TicketApi = z.infer<typeof ticketApi>;

/** How the id behind the number that people see is asked for. */
export interface LookUp {
  readonly request: TicketRequest;
  /** @returns undefined where the system knows no such ticket */
  readonly idIn: (answer: string) => string | undefined;
}

/** Whether a text can be a ticket's id, or the number that people see, and nothing that leaves its place in a path or a query. */
export function isTicketId(text: string): boolean {
  return /^(?!\.+$)#?[A-Za-z0-9._-]{1,128}$/.test(text);
}

/** How the id behind a ticket's number is asked for; undefined where the number is the id, or holds it. */
export function lookUpOf(api: TicketApi, seen: string): LookUp | undefined {
  const { idIn, lookUp } = systems[api.system];
  if (lookUp === undefined || lookUp.isId.test(seen)) return undefined;
  return {
    request: { ...lookUp.request(idIn?.(seen) ?? seen, api), headers: headersOf(api) },
    idIn: (answer) => lookUp.idIn(jsonOf(answer)),
  };
}

/** What this source's ticketing system makes of a note's text. */
export function markupOf(api: TicketApi): Markup {
  return systems[api.system].markup ?? "plain";
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

/** The requests that a note on this ticket takes. @param seen a ticket's id as {@link isTicketId} has it */
export function noteRequests(api: TicketApi, seen: string): NoteRequests {
  const system = systems[api.system];
  const ticketId = system.idIn?.(seen) ?? seen;
  const headers = headersOf(api);
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

function headersOf(api: TicketApi): Readonly<Record<string, string>> {
  return { accept: "application/json", ...systems[api.system].headers(api) };
}

/** The address of the system, without a slash at its end. */
export function baseUrlOf({ system, baseUrl }: TicketApi): string {
  return (baseUrl ?? systems[system].baseUrl ?? "").replace(/\/+$/, "");
}
