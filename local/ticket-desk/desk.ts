import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { jsonOf } from "../../shared/json.ts";
import { listen } from "../listener.ts";
import type { Part } from "../local-system.ts";
import { type DeskNote, deskAccount, type NoteApi, noteApis } from "./note-apis.ts";

/** What goes wrong with one of the next requests. */
export interface DeskFault {
  /** `status` refuses without doing; `cut` does what it was asked and closes the connection; `hang` never answers; `slow` answers a second late. */
  readonly kind: "status" | "cut" | "hang" | "slow";
  /** 500 when absent. */
  readonly status?: number;
  /** Only requests that write. */
  readonly writesOnly?: boolean;
  /** How many requests are hit; 1 when absent. */
  readonly count?: number;
}

/** A running ticket desk: the note APIs of all ticketing systems on one address. */
export interface TicketDesk {
  readonly url: string;
  readonly notes: readonly DeskNote[];
  /** Requests so far, those that were refused included. */
  requests(): number;
  /** Makes a ticket known; a note on another one is refused. */
  open(system: string, ticketId: string): void;
  /** Makes every ticket of a system known. */
  openAll(system: string): void;
  /** Writes a note as one of the people who work on the ticket would. */
  say(system: string, ticketId: string, text: string): void;
  /** The notes of one ticket. */
  on(system: string, ticketId: string): readonly DeskNote[];
  fail(fault: DeskFault): void;
  close(): Promise<void>;
}

/** The configuration of a source's `ticket` that reaches a system of the desk. */
export function ticketApiOf(desk: Pick<TicketDesk, "url">, system: string): Record<string, string> {
  const { user, token, from } = deskAccount;
  const extra: Record<string, Record<string, string>> = {
    zendesk: { user: `${user}/token` },
    pagerduty: { from },
    github: { repository: "acme/devices" },
    jira: { user, role: "Technicians" },
  };
  const named = ["jira-service-management", "servicenow"].includes(system) ? { user } : {};
  return { system, baseUrl: `${desk.url}/${system}`, token, ...named, ...extra[system] };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Starts a desk on loopback. @param port 0 or absent: any free one */
export async function startTicketDesk(port = 0): Promise<TicketDesk> {
  const notes: DeskNote[] = [];
  const tickets = new Set<string>();
  const allOpen = new Set<string>();
  const faults: { readonly fault: DeskFault; left: number }[] = [];
  let requests = 0;

  function answerOf(api: NoteApi, request: Parameters<NoteApi["judge"]>[0]): Answer & { readonly wrote: boolean } {
    const refuse = (status: number, reason: string) => ({ status, body: { error: reason }, wrote: false });
    if (request.headers.authorization !== authorizationOf(api)) return refuse(401, "Unauthorized");
    const route = api.paths.find(([method, path]) => method === request.method && path.test(request.path));
    if (route === undefined) return refuse(404, "No such resource");
    const judged = api.judge(request, route[1].exec(request.path)?.[1] ?? "");
    if (judged.kind === "refused") return refuse(judged.status, judged.reason);
    if (judged.kind === "found") return { status: 200, body: judged.body, wrote: false };
    const { system } = api;
    if (!tickets.has(`${system} ${judged.ticketId}`) && !allOpen.has(system)) return refuse(404, "No such ticket");
    const own = notes.filter((note) => note.system === system && note.ticketId === judged.ticketId);
    if (judged.kind === "list") return { status: 200, body: api.listed(own, request), wrote: false };
    notes.push({ ...judged, system, atMs: Date.now() });
    const body = system === "linear" ? { data: { commentCreate: { success: true } } } : {};
    return { status: request.method === "POST" && system !== "linear" ? 201 : 200, body, wrote: true };
  }

  function faultFor(isWrite: boolean): DeskFault | undefined {
    const planned = faults.find(({ fault, left }) => left > 0 && (isWrite || fault.writesOnly !== true));
    if (planned === undefined) return undefined;
    planned.left -= 1;
    return planned.fault;
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requests += 1;
    const [path = "", query = ""] = (request.url ?? "").split("?", 2);
    const [, system = "", ...rest] = path.split("/");
    const written = await text(request);
    if (system === "tickets") return send(response, { status: 200, body: { tickets: [...tickets], notes } });
    const api = Object.hasOwn(noteApis, system) ? noteApis[system] : undefined;
    if (api === undefined) return send(response, { status: 404, body: { error: "No such system" } });
    const { method = "GET", headers } = request;
    const body = jsonOf(written);
    const isWrite = method !== "GET" && !/^\{"query":"query/.test(written);
    const fault = faultFor(isWrite);
    if (fault?.kind === "hang") return;
    if (fault?.kind === "status") return send(response, { status: fault.status ?? 500, body: { error: "Fault" } });
    const asked = { method, path: `/${rest.join("/")}`, query: new URLSearchParams(query), headers, body };
    const answer = answerOf(api, asked);
    if (fault?.kind === "slow") await delay(1_000);
    if (fault?.kind === "cut") response.socket?.destroy();
    else send(response, answer);
  }

  const server = await listen(serve, port);
  return {
    url: server.url,
    notes,
    requests: () => requests,
    openAll: (system) => void allOpen.add(system),
    open: (system, ticketId) => void tickets.add(`${system} ${ticketId}`),
    say: (system, ticketId, text) => void notes.push({ system, ticketId, text, internal: true, atMs: Date.now() }),
    on: (system, ticketId) => notes.filter((note) => note.system === system && note.ticketId === ticketId),
    fail: (fault) => void faults.push({ fault, left: fault.count ?? 1 }),
    close: server.down,
  };
}

function authorizationOf({ basic, authorization }: NoteApi): string | undefined {
  return basic === undefined ? authorization : `Basic ${Buffer.from(basic).toString("base64")}`;
}

/** The desk as a part of the local system. */
export function ticketDeskPart(desk: TicketDesk): Part {
  return { name: "Ticket desk", start: async () => ({ url: `${desk.url}/tickets`, close: desk.close }) };
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
