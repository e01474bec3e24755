import type { TicketApi } from "./ticket-api.ts";
import { systems, type TicketSystem } from "./ticket-systems.ts";

const number = /^\d+$/;
const issue = [/^([A-Z][A-Z0-9_]+-\d+|\d+)$/, "issue.key or issue.id"] as const;

/** What each system takes for a ticket's id, and what that is called where people find it; none: numbers are looked up. */
const ids: Readonly<Record<TicketSystem, readonly [is: RegExp, called: string] | undefined>> = {
  zendesk: [number, "{{ticket.id}}"],
  jira: issue,
  "jira-service-management": issue,
  freshdesk: [number, "the ticket's number"],
  freshservice: [number, "the ticket's number"],
  servicenow: undefined,
  pagerduty: [/^[A-Z0-9]{7,}$/, "event.data.id, or event.data.incident.id, not its number"],
  github: [number, "issue.number"],
  linear: [/^([0-9a-f-]{36}|[A-Z][A-Z0-9]*-\d+)$/, "data.id or data.identifier"],
};

/** What to use in place of a ticket's id that its system's API does not take; undefined where it takes it. */
export function ticketIdAdvice({ system }: Pick<TicketApi, "system">, ticketId: string): string | undefined {
  const [is, called] = ids[system] ?? [];
  if (is === undefined || is.test(systems[system].idIn?.(ticketId) ?? ticketId)) return undefined;
  return `${system} takes no such id for a ticket: use ${called}`;
}
