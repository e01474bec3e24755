import { RekeyError } from "../errors.ts";
import type { Deadline } from "../runtime/clock.ts";
import { baseUrlOf, noteRequests, type TicketApi, type TicketRequest } from "./ticket-api.ts";

/** One note on one ticket. */
export interface Note {
  readonly ticketId: string;
  /** Stands in the text; a ticket that has it already is left alone. */
  readonly operationId: string;
  /** Stands there too: a ticket that has it was told of another try of the same delivery. */
  readonly tryOf?: string | undefined;
  readonly text: string;
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
export async function writeNote(
  api: TicketApi,
  { ticketId, operationId, tryOf, text }: Note,
  deadline: Deadline,
): Promise<boolean> {
  const { list, hasMore, write, refuses } = noteRequests(api, ticketId);
  const answered = async (request: TicketRequest) => {
    const answer = await send(api, request, deadline);
    if (refuses(answer)) throw failed(`${request.method} is refused`);
    return answer;
  };
  for (let page = 1; page <= maxPages; page += 1) {
    const answer = await answered(list(operationId, page));
    if (answer.includes(operationId) || (tryOf !== undefined && answer.includes(tryOf))) return false;
    if (!hasMore(answer)) break;
  }
  await answered(write(text));
  return true;
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
    if (error instanceof RekeyError) throw error;
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
