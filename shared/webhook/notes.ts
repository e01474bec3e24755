import { RekeyError } from "../errors.ts";
import { isBug } from "../runtime/call-failure.ts";
import type { Deadline } from "../runtime/clock.ts";
import { contentOf } from "./operation.ts";
import { baseUrlOf, lookUpOf, type NoteRequests, noteRequests, type TicketApi } from "./ticket-api.ts";
import type { TicketRequest } from "./ticket-systems.ts";

/** One note on one ticket. */
export interface Note {
  readonly ticketId: string;
  /** Stands in the text; a ticket that has it already is left alone. */
  readonly operationId: string;
  /** Stands there too: a ticket that has it was told of another try of the same delivery. */
  readonly tryOf?: string | undefined;
  readonly text: string;
  /** The text where the ticket was told of an earlier event that asked for the same; absent: the same. */
  readonly againText?: string;
}

const longestCallMs = 8_000;
// Two thousand notes or two megabytes a page: who has more gets a second note sooner than none.
const maxAnswerBytes = 2_000_000;
const maxPages = 20;

/**
 * Writes a note, once: a ticket that already holds a note with the same reference stays as it is.
 *
 * @returns whether it was written now
 * @throws NoteFailedError when the ticketing system does not answer, refuses, or the time is over
 */
export async function writeNote(api: TicketApi, note: Note, deadline: Deadline): Promise<boolean> {
  const requests = await requestsOf(api, note.ticketId, deadline);
  const known = await whatNotesTell(requests, api, note, deadline);
  if (known === "this") return false;
  const text = known === "the same" ? (note.againText ?? note.text) : note.text;
  await answered(requests, api, requests.write(text), deadline);
  return true;
}

/**
 * What a ticket's notes tell: `this` operation, one of an earlier event that asked for `the same`, or `nothing` of it.
 *
 * @throws NoteFailedError when the ticketing system does not answer, refuses, or the time is over
 */
export async function whatIsTold(
  api: TicketApi,
  mark: Pick<Note, "ticketId" | "operationId" | "tryOf">,
  deadline: Deadline,
): Promise<Known> {
  return whatNotesTell(await requestsOf(api, mark.ticketId, deadline), api, mark, deadline);
}

/** What a ticket's notes tell of an operation. */
type Known = "this" | "the same" | "nothing";

/** The requests of a ticket's notes; where people see another number than its id, that is asked for first. */
async function requestsOf(api: TicketApi, seen: string, deadline: Deadline): Promise<NoteRequests> {
  const lookUp = lookUpOf(api, seen);
  if (lookUp === undefined) return noteRequests(api, seen);
  const ticketId = lookUp.idIn(await send(api, lookUp.request, deadline));
  if (ticketId === undefined) throw failed("it knows no ticket of this number");
  return noteRequests(api, ticketId);
}

async function whatNotesTell(
  requests: NoteRequests,
  api: TicketApi,
  { operationId, tryOf }: Pick<Note, "operationId" | "tryOf">,
  deadline: Deadline,
): Promise<Known> {
  const content = contentOf(operationId);
  let isSame = false;
  for (let page = 1; page <= maxPages; page += 1) {
    const answer = await answered(requests, api, requests.list(content, page), deadline);
    if (answer.includes(operationId) || (tryOf !== undefined && answer.includes(tryOf))) return "this";
    isSame ||= answer.includes(content);
    if (!requests.hasMore(answer)) break;
  }
  return isSame ? "the same" : "nothing";
}

async function answered(
  { refuses }: NoteRequests,
  api: TicketApi,
  request: TicketRequest,
  deadline: Deadline,
): Promise<string> {
  const answer = await send(api, request, deadline);
  if (refuses(answer)) throw failed(`${request.method} is refused`);
  return answer;
}

async function send(api: TicketApi, request: TicketRequest, deadline: Deadline): Promise<string> {
  const { method, path, headers, body } = request;
  try {
    const response = await fetch(`${baseUrlOf(api)}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      // A redirect would carry the credentials to wherever it leads.
      redirect: "error",
      signal: AbortSignal.timeout(Math.max(1, Math.min(longestCallMs, deadline.remaining()))),
    });
    const answer = await textOf(response);
    if (response.ok) return answer;
    throw failed(`${method} is answered with ${response.status}`);
  } catch (error) {
    // What the network does, fetch tells as a cause. Without one, it is a bug that no repeat gets over.
    if (error instanceof RekeyError || (isBug(error) && error.cause === undefined)) throw error;
    throw failed(`${method} is not answered`, error);
  }
}

/** An answer, or as much of it as is read at most. */
async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= maxAnswerBytes) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}

function failed(what: string, cause?: unknown): RekeyError {
  return new RekeyError("NoteFailedError", `The ticketing system: ${what}`, cause === undefined ? {} : { cause });
}
